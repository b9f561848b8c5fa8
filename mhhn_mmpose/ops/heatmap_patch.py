"""From a heatmap to the pixels round its maximum, guarded for a fit.

Axis letters: N heatmaps, (H, W) heatmap, p = patch_size, P = p * p patch pixels; points are (x, y)
in heatmap pixels.

On a CPU, and where no graph is recorded, a look at the data is cheap: what is not needed is then
left out, and numpy takes the place of slower kernels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

NUMPY_TYPES = (torch.float32, torch.float64)
LOWEST_LOG = -30.0  # exp(-30) = 1e-13 of the peak has no weight, and bounds keep products finite


class PatchShape(NamedTuple):
    """A patch in a heatmap of some width."""

    radius: int
    steps: Tensor  # (p,) pixels from the middle, integer
    around: Tensor  # (P,) how far from the middle in a map's memory


def is_eager_on_cpu(maps: Tensor) -> bool:
    """Whether a branch on the data is cheap: no wait for a GPU, no graph that must hold both."""
    return maps.device.type == 'cpu' and not is_recording()


def is_recording() -> bool:
    """Whether a graph is made: by tracing, `torch.compile` or an export."""
    return torch.jit.is_tracing() or torch.compiler.is_compiling()


def find_maximum(maps: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Index and value (N,) of the largest finite value; centre and NaN where there is none."""
    maps = maps.detach()
    if is_eager_on_cpu(maps):
        # `max` reports a NaN or +inf wherever the map has one, so most maps need but one pass.
        if maps.dtype in NUMPY_TYPES:
            # Nine times as fast as torch's on a CPU, with the same results, of NaN and ties too.
            index = torch.from_numpy(maps.numpy().argmax(-1))
            top = maps.gather(1, index[:, None])[:, 0]
        else:
            top, index = maps.max(-1)
        if bool(torch.isfinite(top).all()):
            return index, top
    finite = torch.isfinite(maps)
    top, index = maps.masked_fill(~finite, -math.inf).max(-1)
    none = ~finite.any(-1)
    index = index.masked_fill(none, (height // 2) * width + width // 2)
    return index, top.masked_fill(none, math.nan)


def gather_patch(
    maps: Tensor, index: Tensor, size: tuple[int, int], shape: PatchShape, dtype: torch.dtype
) -> tuple[Tensor, Tensor | None]:
    """The (N, P) values round pixels (N,) of maps (N, H * W), and 1 where they are known, else 0.

    None instead if all are known, which on a CPU is worth the look.
    """
    # Beyond its map a patch meets whatever is next in memory, which has weight 0.
    first = torch.arange(0, maps.numel(), maps.shape[1], device=maps.device)
    values = _take(maps, index + first, size[1], shape).to(dtype)
    on_map = _on_map(index, size, shape)
    if is_eager_on_cpu(maps) and bool(torch.isfinite(values.detach().sum())):
        return values, None if on_map is None else on_map.to(dtype)
    known = torch.isfinite(values) if on_map is None else on_map & torch.isfinite(values)
    return values, known.to(dtype)


def _on_map(index: Tensor, size: tuple[int, int], shape: PatchShape) -> Tensor | None:
    """Which pixels of the patches lie on their maps, (N, P) bool; None if all were seen to."""
    axes = (index.div(size[1], rounding_mode='floor'), index % size[1])  # y, x
    if is_eager_on_cpu(index) and all(
        _inside(axis, length, shape.radius) for axis, length in zip(axes, size, strict=True)
    ):
        return None
    places = (axis[:, None] + shape.steps for axis in axes)
    rows, columns = ((p >= 0) & (p < length) for p, length in zip(places, size, strict=True))
    return (rows[:, :, None] & columns[:, None, :]).flatten(1)


def _inside(axis: Tensor, length: int, radius: int) -> bool:
    """Whether no patch leaves its map along an axis."""
    first, last = axis.aminmax()
    return bool(first >= radius) and bool(last < length - radius)


def _take(maps: Tensor, middle: Tensor, width: int, shape: PatchShape) -> Tensor:
    """(N, P) values round places in memory, the nearest where these are beyond it."""
    if is_eager_on_cpu(maps) and not (maps.requires_grad and torch.is_grad_enabled()):
        flat, corner = maps.detach().reshape(-1), middle + shape.around[0]
        first, last = corner.aminmax()
        reach = int(shape.around[-1] - shape.around[0])
        if maps.dtype in NUMPY_TYPES and first >= 0 and last + reach < len(flat):
            # All patches there are, as views: numpy copies rows, without an index per pixel.
            side = len(shape.steps)
            views = flat.as_strided((len(flat) - reach, side, side), (1, width, 1))
            return torch.from_numpy(views.numpy()[corner.numpy()]).flatten(1)
    return maps.take((middle[:, None] + shape.around).clamp_(0, maps.numel() - 1))


def known_only(values: Tensor, known: Tensor | None) -> Tensor:
    """Values (N, P), 0 where they are not known."""
    return values if known is None else values * known


class Patch(NamedTuple):
    """Pixels relative to the peak."""

    f: Tensor  # (N, P) in [-1, 1]: may be negative where noise is
    known: Tensor | None  # (N, P) 1 on the map and finite, else 0; None for all 1
    log_peak: Tensor | None  # (N,) back to the heatmap's own unit; None in log space: unknown
    informative: Tensor  # (N,) bool


def normalise(values: Tensor, known: Tensor | None, top: Tensor, log_space: bool) -> Patch:
    """Guard everything that the fit divides by or takes the logarithm of.

    Here and below what is new is changed in place: of a patch's pixels memory is what costs.
    """
    informative = torch.isfinite(top)
    base = torch.where(informative, top, 0.0)[:, None]
    if known is not None:
        values = torch.where(known > 0, values, base)
    informative = informative & (values.detach().amin(-1) < base[:, 0])
    if log_space:
        return Patch((values - base).clamp_(LOWEST_LOG, 0.0).exp_(), known, None, informative)
    informative = informative & (top > 0)
    safe_top = torch.where(informative, top, 1.0)
    f = (values / safe_top[:, None]).clamp_(-1, 1)
    return Patch(f, known, safe_top.log(), informative)

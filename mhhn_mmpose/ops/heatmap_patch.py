"""From a heatmap to the pixels round its maximum, guarded for a fit.

Axis letters: N heatmaps, (H, W) heatmap, p = patch_size, P = p * p patch pixels, C ways in which
the border of a map cuts a patch; points are (x, y) in heatmap pixels.

Arrays are of numpy or of torch, see `arrays.py`. Where a look at the data is cheap, what turns out
not to be needed is left out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .arrays import Array, all_finite, clip_, exp_, is_eager_on_cpu, namespace

NUMPY_TYPES = (torch.float32, torch.float64)
LOWEST_LOG = -30.0  # exp(-30) = 1e-13 of the peak has no weight, and bounds keep products finite


class PatchShape(NamedTuple):
    """A patch in a heatmap of some size."""

    radius: int
    around: Array  # (P,) how far from the middle in a map's memory
    rows: Array  # (H,) y
    columns: Array  # (W,) x
    row_cuts: Array  # (H,) how the border cuts a patch in row y: 0 for not at all, else its number
    column_cuts: Array  # (W,) likewise; the sum of both is a line of `on_map`
    on_map: Array  # (C, P) 1 for pixels that are on the map, else 0


def patch_shape(
    patch_size: int, size: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> PatchShape:
    """Constants of patches in maps of size (H, W)."""
    radius = patch_size // 2
    steps = torch.arange(-radius, radius + 1, device=device)
    height, width = (torch.arange(length, device=device) for length in size)
    row_cuts, row_examples = _cuts(height, radius)
    column_cuts, column_examples = _cuts(width, radius)
    rows, columns = (
        _is_place(examples[:, None] + steps, len(places))
        for examples, places in ((row_examples, height), (column_examples, width))
    )
    return PatchShape(
        radius,
        around=(steps[:, None] * len(width) + steps).flatten(),
        rows=height.to(dtype),
        columns=width.to(dtype),
        row_cuts=row_cuts * len(columns),
        column_cuts=column_cuts,
        on_map=(rows[:, None, :, None] & columns[:, None, :]).flatten(2).flatten(0, 1).to(dtype),
    )


def _is_place(place: Tensor, length: int) -> Tensor:
    return (place >= 0) & (place < length)


def _cuts(places: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """The number of each place's cut along an axis, and of each number a place."""
    length = len(places)
    if length <= 2 * radius:  # cut everywhere
        return places + 1, torch.cat((places[:1], places))
    last = length - 1 - radius  # the last that is not cut
    after = (places - last).clamp_min(0)
    cuts = torch.where(places < radius, places + 1, after + radius * (after > 0))
    return cuts, torch.cat((places[radius : radius + 1], places[:radius], places[last + 1 :]))


def find_maximum(maps: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Index and value (N,) of the largest finite value of maps (N, H * W).

    The middle's index, and NaN, where there is none.
    """
    if isinstance(maps, Tensor) and is_eager_on_cpu(maps):
        # Nine times as fast as torch's, with the same results.
        array = maps.detach() if maps.dtype in NUMPY_TYPES else maps.detach().float()
        return tuple(map(torch.from_numpy, find_maximum(array.numpy(), size)))
    xp = namespace(maps)
    if xp is np:
        # `argmax` reports a NaN or +inf wherever the map has one, so most maps need but one pass.
        index = maps.argmax(-1)
        top = maps[np.arange(len(maps)), index]
        if all_finite(top):
            return index, top
    else:
        maps = maps.detach()
    finite = xp.isfinite(maps)
    cleaned = xp.where(finite, maps, -math.inf)
    found = finite.any(-1)
    index = xp.where(found, cleaned.argmax(-1), (size[0] // 2) * size[1] + size[1] // 2)
    return index, xp.where(found, xp.amax(cleaned, -1), math.nan)


def gather_patch(
    maps: Array, index: Array, cut: Array, width: int, shape: PatchShape
) -> tuple[Array, Array | None]:
    """The (N, P) finite values round pixels of maps (N, H * W), and 1 where they are known, else 0.

    None instead if all are known, where that is worth the look.

    Args:
        maps: The heatmaps.
        index: (N,) which pixels of the maps.
        cut: (N,) their lines of `shape.on_map`, 0 for patches that no border cuts.
        width: W.
        shape: The patch.
    """
    # Beyond its map a patch meets some other pixel, which has weight 0.
    if isinstance(maps, Tensor):
        places = (index[:, None] + shape.around).clamp_(0, maps.shape[1] - 1)
        values = maps.gather(1, places).to(shape.on_map.dtype)
    else:
        values = _copy_patches(maps, index, width, shape)
    if is_eager_on_cpu(values) and all_finite(values):
        return values, shape.on_map[cut] if cut.any() else None
    xp = namespace(values)
    known = shape.on_map[cut] * xp.isfinite(values)
    return xp.where(known > 0, values, 0.0), known


def _copy_patches(maps: np.ndarray, index: np.ndarray, width: int, shape: PatchShape) -> np.ndarray:
    """(N, P) values round pixels; beyond the map whatever is there in memory, or the nearest."""
    flat, place = maps.reshape(-1), np.arange(0, maps.size, maps.shape[1]) + index
    corner, reach = place + shape.around[0], 2 * int(shape.around[-1])
    if corner.min(initial=0) < 0 or corner.max(initial=0) + reach >= len(flat):
        return flat.take(place[:, None] + shape.around, mode='clip')
    # All patches there are, as views: rows are copied, without an index per pixel.
    side, item = 2 * shape.radius + 1, flat.itemsize
    strides = (item, width * item, item)
    views = np.ndarray((len(flat) - reach, side, side), flat.dtype, flat, strides=strides)
    return views[corner].reshape(len(corner), -1)


def known_only(values: Array, known: Array | None) -> Array:
    """Values (N, P), 0 where they are not known."""
    return values if known is None else values * known


class Patch(NamedTuple):
    """Pixels relative to the peak."""

    f: Array  # (N, P) in [-1, 1] where known: may be negative where noise is
    known: Array | None  # (N, P) 1 on the map and finite, else 0; None for all 1
    log_peak: Array | None  # (N,) back to the heatmap's own unit; None in log space: unknown
    has_peak: Array  # (N,) bool


def normalise(values: Array, known: Array | None, top: Array, log_space: bool) -> Patch:
    """Guard everything that the fit divides by or takes the logarithm of; `values` become f."""
    xp = namespace(values)
    has_peak = xp.isfinite(top)
    # Known values end at the peak, 0 in log space and else 1; the upper bounds, for unknown ones,
    # lie above it, since a bound itself has gradient 0 in torch 2.15 (1 in 2.11).
    if log_space:
        values -= xp.where(has_peak, top, 0.0)[:, None]
        return Patch(exp_(clip_(values, LOWEST_LOG, 1.0)), known, None, has_peak)
    has_peak = has_peak & (top > 0)
    top = xp.where(has_peak, top, 1.0)
    values /= top[:, None]
    return Patch(clip_(values, -1.0, 2.0), known, xp.log(top), has_peak)

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
    points: Array  # (2, H * W) (x, y) of a map's pixels
    cuts: Array  # (H * W,) how the border cuts a patch there: a line of `on_map`, 0 for none
    on_map: Array  # (C, P) 1 for pixels that are on the map, else 0


def patch_shape(
    patch_size: int, size: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> PatchShape:
    """Constants of patches in maps of size (H, W)."""
    radius = patch_size // 2
    steps = torch.arange(-radius, radius + 1, device=device)
    y, x = (torch.arange(length, device=device) for length in size)
    row_cuts, row_examples = _cuts(y, radius)
    column_cuts, column_examples = _cuts(x, radius)
    rows, columns = (
        _is_place(examples[:, None] + steps, len(places))
        for examples, places in ((row_examples, y), (column_examples, x))
    )
    return PatchShape(
        radius,
        around=(steps[:, None] * len(x) + steps).flatten(),
        points=torch.stack(torch.meshgrid(x, y, indexing='xy')).flatten(1).to(dtype),
        cuts=(row_cuts[:, None] * len(columns) + column_cuts).flatten(),
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


class Known(NamedTuple):
    """Which pixels of patches are on the map and finite."""

    rows: Array | None  # (n,) patches of which not all are; None for all N
    share: Array  # (n, P) 1 where they are, else 0


def known_only(values: Array, known: Known | None) -> Array:
    """Values (N, P), 0 where they are not known; of numpy in place."""
    if known is None:
        return values
    if known.rows is None:
        return values * known.share
    values[known.rows] *= known.share
    return values


def gather_patch(
    maps: Array, index: Array, width: int, shape: PatchShape
) -> tuple[Array, Known | None]:
    """The (N, P) finite values round pixels of maps (N, H * W), and which of them are known.

    None for all, where that is worth the look.

    Args:
        maps: The heatmaps.
        index: (N,) which pixels of the maps.
        width: W.
        shape: The patch.
    """
    cut = shape.cuts[index]
    # Beyond its map a patch meets some other pixel, which has weight 0.
    if isinstance(maps, Tensor):
        places = (index[:, None] + shape.around).clamp_(0, maps.shape[1] - 1)
        values = maps.gather(1, places).to(shape.on_map.dtype)
    else:
        values = _copy_patches(maps, index, width, shape)
    xp = namespace(values)
    if is_eager_on_cpu(values) and all_finite(values):
        if not cut.any():
            return values, None
        rows = cut.nonzero()[0] if xp is np else None
        return values, Known(rows, shape.on_map[cut if rows is None else cut[rows]])
    share = shape.on_map[cut] * xp.isfinite(values)
    return xp.where(share > 0, values, 0.0), Known(None, share)


def _copy_patches(maps: np.ndarray, index: np.ndarray, width: int, shape: PatchShape) -> np.ndarray:
    """(N, P) values round pixels; beyond the map whatever is there in memory, or the nearest."""
    flat, place = maps.reshape(-1), np.arange(0, maps.size, maps.shape[1]) + index
    corner, reach = place + shape.around[0], 2 * int(shape.around[-1])
    # If any patch begins before the first map, the first does; likewise at the end.
    if not len(corner) or corner[0] < 0 or corner[-1] + reach >= len(flat):
        return flat.take(place[:, None] + shape.around, mode='clip')
    # All patches there are, as views: rows are copied, without an index per pixel.
    side, item = 2 * shape.radius + 1, flat.itemsize
    strides = (item, width * item, item)
    views = np.ndarray((len(flat) - reach, side, side), flat.dtype, flat, strides=strides)
    return views[corner].reshape(len(corner), -1)


class Patch(NamedTuple):
    """Pixels relative to the peak."""

    f: Array  # (N, P) in [-1, 1] where known: may be negative where noise is
    known: Known | None  # None for all
    peak: Array | None  # (N,) positive, the heatmap's own unit; None in log space: unknown
    has_peak: Array  # (N,) bool


def normalise(values: Array, known: Known | None, top: Array, log_space: bool) -> Patch:
    """Guard everything that the fit divides by or takes the logarithm of; `values` become f."""
    xp = namespace(values)
    # Known values end at the peak, 0 in log space and else 1; the upper bounds, for unknown ones,
    # lie above it, since a bound itself has gradient 0 in torch 2.15 (1 in 2.11).
    if log_space:
        has_peak = xp.isfinite(top)
        values -= xp.where(has_peak, top, 0.0)[:, None]
        return Patch(exp_(clip_(values, LOWEST_LOG, 1.0)), known, None, has_peak)
    has_peak = top > 0  # which NaN is not, and no other that is not finite comes here
    top = xp.where(has_peak, top, 1.0)
    values /= top[:, None]
    return Patch(clip_(values, -1.0, 2.0), known, top, has_peak)

"""The maximum of a heatmap and the pixels round it.

Axis letters: N heatmaps, (H, W) heatmap, P = patch_size**2 patch pixels; points are (x, y).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def find_maximum(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Find the largest finite value of each map; the first in reading order if there are several.

    Args:
        maps: (N, H, W) of any real type.

    Returns:
        Pixels (N, 2), int64 (x, y), and their values (N,): the middle of the map and NaN where
        nothing is finite. No gradient goes through either.

    >>> maps = torch.zeros(1, 4, 5)
    >>> maps[0, 3, 1] = 0.8
    >>> find_maximum(maps)
    (tensor([[1, 3]]), tensor([0.8000]))
    """
    maps = maps.detach()
    top, x, y = _maximum(maps)
    if not (can_branch_on_data(maps) and top.isfinite().all()):
        top, x, y = _maximum(torch.where(maps.isfinite(), maps, -math.inf))
    found = top > -math.inf
    x = torch.where(found, x, maps.shape[2] // 2)
    y = torch.where(found, y, maps.shape[1] // 2)
    return torch.stack((x, y), -1), torch.where(found, top, math.nan)


def _maximum(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value, x and y (N,) of the maximum, or of a NaN."""
    # Rows first: on a CPU `amax` is vectorised, and `argmax` of a whole map 6 times as slow.
    top, y = maps.amax(-1).max(-1)
    return top, maps[torch.arange(maps.shape[0], device=maps.device), y].argmax(-1), y


def gather_patch(maps: Tensor, pixel: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """Gather the square of pixels round one pixel of each map.

    Args:
        maps: (N, H, W).
        pixel: (N, 2), int64 (x, y).
        radius: Pixels to each side.

    Returns:
        Values (N, P), row by row, and (N, P) bool, False for pixels off the map or not finite.

    >>> maps = torch.arange(20.0).view(1, 4, 5)
    >>> values, known = gather_patch(maps, torch.tensor([[1, 3]]), 1)
    >>> values[known]
    tensor([10., 11., 12., 15., 16., 17.])
    """
    height, width = maps.shape[1:]
    steps = torch.arange(-radius, radius + 1, device=maps.device)
    x, y = pixel.unbind(-1)
    middle = (torch.arange(maps.shape[0], device=maps.device) * height + y) * width + x
    places = middle[:, None] + (steps[:, None] * width + steps).flatten()
    # Off the map this reads some other pixel, which is then not known. `index_select` takes a tenth
    # of the time of `gather`.
    values = maps.flatten().index_select(0, places.clamp(0, maps.numel() - 1).flatten())
    values = values.unflatten(0, places.shape)
    columns, rows = x[:, None] + steps, y[:, None] + steps
    in_rows, in_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    on_map = in_rows[:, :, None] & in_columns[:, None]
    return values, on_map.flatten(1) & values.isfinite()


def can_branch_on_data(x: Tensor) -> bool:
    """Whether a branch on the data costs no wait for a GPU and is not frozen into a graph.

    >>> [can_branch_on_data(torch.zeros(1, device=device)) for device in ('cpu', 'meta')]
    [True, False]
    """
    recording = torch.jit.is_tracing() or torch.compiler.is_compiling()
    return x.device.type == 'cpu' and not recording

"""Constants of the Gaussian fit on a patch, made once.

Axis letters: (H, W) heatmap, P = patch_size**2 patch pixels; u and v run over [-1, 1] on a patch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from .arrays import Array, as_numpy, is_recording
from .heatmap_patch import PatchShape, patch_shape
from .least_squares import BASIS, PRODUCTS, NormalEquations, normal_equations

# Which powers u^i v^j share a coefficient; the coefficients of what is missing are given.
COLUMNS = {
    'free': tuple((power,) for power in BASIS),
    'unit_peak': (*((power,) for power in BASIS[:3]), BASIS[3:]),
    'known_sigma': tuple((power,) for power in BASIS[:3]),
}
CONSTRAINTS = tuple(COLUMNS)


class PatchGrid(NamedTuple):
    """Constants of a patch; u and v run over [-1, 1], in units of `radius` pixels."""

    shape: PatchShape
    basis: Array  # (5, P) u^i v^j of BASIS
    products: Array  # (13, P) u^i v^j of PRODUCTS
    equations: dict[str, NormalEquations]  # of a constraint, for ln f
    changes: dict[str, NormalEquations]  # of a constraint, for what is left of f
    sigma: float  # in units of `radius`


_GRIDS: dict[tuple, PatchGrid] = {}


def patch_grid(
    patch_size: int,
    sigma: float,
    size: tuple[int, int],
    dtype: torch.dtype,
    device: torch.device | None,
) -> PatchGrid:
    """The grid of these arguments, made once; of numpy's arrays for no device.

    What is made while a graph is recorded is of that graph and not kept; what is made in inference
    mode would be refused by a later backward.
    """
    key = (patch_size, sigma, size, dtype, device)
    grid = _GRIDS.get(key)
    if grid is None:
        if is_recording():
            return _make(*key)
        with torch.inference_mode(False):
            grid = _make(*key[:-1], device or torch.device('cpu'))
            grid = _GRIDS[key] = grid if device else as_numpy(grid)
    return grid


def _make(
    patch_size: int,
    sigma: float,
    size: tuple[int, int],
    dtype: torch.dtype,
    device: torch.device,
) -> PatchGrid:
    radius = patch_size // 2
    steps = torch.arange(-radius, radius + 1, device=device, dtype=dtype) / radius
    v, u = (axis.reshape(-1) for axis in torch.meshgrid(steps, steps, indexing='ij'))
    basis, products = (
        torch.stack([u**i * v**j for i, j in powers]) for powers in (BASIS, PRODUCTS)
    )
    scaled_sigma = sigma / radius
    equations, changes = (
        {name: normal_equations(c, given, dtype, device) for name, c in COLUMNS.items()}
        for given in (-1 / (2 * scaled_sigma**2), 0.0)
    )
    shape = patch_shape(patch_size, size, dtype, device)
    return PatchGrid(shape, basis, products, equations, changes, scaled_sigma)

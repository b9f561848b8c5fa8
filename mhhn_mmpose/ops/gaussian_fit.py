"""The one Gaussian fit: subpixel centres from heatmaps (MHHN, Section III-B).

Axis letters: N heatmaps, (H, W) heatmap, P = patch_size**2 patch pixels, Q unknowns; points are
(x, y) in heatmap pixels, pixel (0, 0) centred on the origin.

On the patch round the argmax, ln f is a quadratic in x and y where f is a Gaussian, so its centre
follows from a linear least squares in which every row is scaled by f (Eq. 13): bright pixels
count, and no pixel with f = 0 meets a logarithm. Pixels off the map have weight 0: they are
missing, not dark. Every division is guarded before it is made, since masking afterwards still
sends NaN backwards.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .arrays import (
    Array,
    at_least,
    clip_,
    exp_,
    is_eager_on_cpu,
    like,
    namespace,
    product,
    suits_numpy,
)
from .heatmap_patch import (
    LOWEST_LOG,
    Patch,
    find_maximum,
    gather_patch,
    known_only,
    normalise,
)
from .least_squares import PRODUCTS, solve_quadratic
from .patch_grid import CONSTRAINTS, PatchGrid, patch_grid

# A curvature nearer to 0 is rounding. Gradients divide by its square, which is 0 in float32 from
# 1e-23 on; -1e-9 is a Gaussian 20000 patches wide.
_FLAT = -1e-9


class GaussianFit(NamedTuple):
    """What `fit_gaussian` returns; leading axes as those of its heatmaps.

    Attributes:
        centers: (..., 2) subpixel (x, y) in heatmap pixels, always finite.
        argmax: (..., 2) the pixel (x, y) of the maximum.
        peak: (...) the maximum; 0 where the map is not informative.
        fitted: (...) bool, True where `centers` is the fit asked for, False where it fell back.
        informative: (...) bool, False where the map has no finite (or, unless in log space, no
            positive) value or f is constant round its argmax.
    """

    centers: Tensor
    argmax: Tensor
    peak: Tensor
    fitted: Tensor
    informative: Tensor


def check_fit_arguments(
    sigma: float, patch_size: int, constraint: str, gauss_newton_steps: int
) -> None:
    """Refuse arguments that `fit_gaussian` cannot take; for the codec and the loss.

    Raises:
        ValueError: With the value and the remedy.
    """
    if not sigma > 0:
        raise ValueError(f'sigma must be > 0 heatmap pixels, got {sigma}')
    if patch_size < 3 or patch_size % 2 == 0:
        raise ValueError(f'patch_size must be odd and >= 3, got {patch_size}')
    if constraint not in CONSTRAINTS:
        raise ValueError(f'constraint must be one of {CONSTRAINTS}, got {constraint!r}')
    if gauss_newton_steps < 0:
        raise ValueError(f'gauss_newton_steps must be >= 0, got {gauss_newton_steps}')


def fit_gaussian(
    heatmaps: Tensor,
    sigma: float,
    patch_size: int = 9,
    constraint: str = 'free',
    gauss_newton_steps: int = 0,
    log_space: bool = False,
) -> GaussianFit:
    """Fit a Gaussian to each heatmap round its argmax; differentiable.

    `free` fits five unknowns (Eq. 18). `unit_peak` fits four and uses the peak G = 1 and
    sigma_x = sigma_y, in the frame of the heatmap (Eq. 19-20); in log space, where the peak is not
    known, sigma_x = sigma_y alone. `known_sigma` fits three with
    `sigma` given; it is linear and is the fallback where another fit is not concave or leaves its
    patch. Where that leaves the patch too, the centre is the argmax.

    A Gauss-Newton step fits f itself instead of ln f, starting from the fit before: the same linear
    system with the model m in place of f as the row scale and ln m + (f - m) / m in place of ln f.
    One step reaches the Cramer-Rao bound.

    Args:
        heatmaps: (..., H, W) of any real type; computed in float32, or in float64 if given so.
        sigma: Standard deviation of the target Gaussians, in heatmap pixels.
        patch_size: Side of the patch in heatmap pixels, odd, at least 3.
        constraint: One of `CONSTRAINTS`.
        gauss_newton_steps: Number of Gauss-Newton steps after the closed form.
        log_space: The heatmaps hold ln f up to a constant (logits of a softmax). What is fitted is
            f = exp(h - max h), whose peak is 1.

    Returns:
        GaussianFit: Centres, argmax, peaks and which of them fitted.
    """
    dtype = torch.float64 if heatmaps.dtype == torch.float64 else torch.float32
    shape, size = heatmaps.shape[:-2], tuple(heatmaps.shape[-2:])
    arguments = (sigma, patch_size, constraint, gauss_newton_steps, log_space)
    if suits_numpy(heatmaps):
        maps = heatmaps.detach().to(dtype).numpy().reshape(-1, size[0] * size[1])
        grid = patch_grid(patch_size, sigma, size, dtype, None)
        with np.errstate(all='ignore'):  # as torch is
            found = _fit_maps(np.ascontiguousarray(maps), size, grid, *arguments[2:])
        return GaussianFit(*(torch.from_numpy(x.reshape(shape + x.shape[1:])) for x in found))
    maps = heatmaps.reshape(-1, size[0] * size[1]).contiguous()
    grid = patch_grid(patch_size, sigma, size, dtype, heatmaps.device)
    with torch.autocast(heatmaps.device.type, enabled=False):
        found = _fit_maps(maps, size, grid, *arguments[2:])
    return GaussianFit(*(x.reshape(shape + x.shape[1:]) for x in found))


def _fit_maps(
    maps: Array,
    size: tuple[int, int],
    grid: PatchGrid,
    constraint: str,
    gauss_newton_steps: int,
    log_space: bool,
) -> tuple[Array, ...]:
    """The fields of `GaussianFit`, of maps (N, H * W) in memory."""
    xp, shape = namespace(maps), grid.shape
    index, top = find_maximum(maps, size)
    argmax = shape.points[:, index]
    values, known = gather_patch(maps, index, size[1], shape)
    top = like(values, top)
    patch = normalise(values, known, top, log_space)

    moments = _moments_of_log(patch, grid)
    # The sum of f^2 ln f, no term of which is positive: it is 0 where the patch is constant.
    informative = patch.has_peak & (moments[len(PRODUCTS)] < 0)
    offset, fitted = _fit(moments, patch, grid, constraint, gauss_newton_steps, argmax)
    usable = fitted = fitted & informative
    if constraint != 'known_sigma' and not (is_eager_on_cpu(maps) and fitted.all()):
        fallback, holds = _fit(moments, patch, grid, 'known_sigma', 0, argmax)
        offset = xp.where(fitted, offset, fallback)
        usable = fitted | (holds & informative)
    centers = argmax + xp.where(usable, offset, 0.0)
    return centers.T, argmax.T, xp.where(informative, top, 0.0), fitted, informative


def _moments_of_log(patch: Patch, grid: PatchGrid) -> Array:
    """(18, N) moments of ln f, the rows scaled by f (Eq. 13)."""
    f = at_least(patch.f, math.exp(LOWEST_LOG))
    xp = namespace(f)
    weights = known_only(f * f, patch.known)
    logs = xp.log(f)
    logs *= weights
    return xp.concatenate((product(grid.products, weights.T), product(grid.basis, logs.T)))


def _moments_left(patch: Patch, model: Array, grid: PatchGrid) -> Array:
    """(18, N) moments of what the model leaves of f, (f - m) / m, the rows scaled by m."""
    scale = known_only(model, patch.known)
    left = patch.f - model
    left *= scale
    found = product(grid.products, (scale * model).T), product(grid.basis, left.T)
    return namespace(model).concatenate(found)


def _fit(
    moments: Array, patch: Patch, grid: PatchGrid, constraint: str, steps: int, argmax: Array
) -> tuple[Array, Array]:
    """Offset (2, N) of the centre from the argmax in heatmap pixels, and whether it holds (N,)."""
    c, holds = solve_quadratic(moments, grid.equations[constraint])
    for _ in range(steps):
        # A fit that is not concave grows over its patch; it is refused below, but must stay finite.
        model = exp_(clip_(product(c.T, grid.basis), LOWEST_LOG, 5.0))
        left = _moments_left(patch, model, grid)
        change, again = solve_quadratic(left, grid.changes[constraint])
        c, holds = c + change, holds & again
    offset, concave = _solve_center(c, patch, grid, constraint, argmax)
    return offset, holds & concave & (abs(offset) <= grid.shape.radius + 0.5).all(0)


def _solve_center(
    c: Array, patch: Patch, grid: PatchGrid, constraint: str, argmax: Array
) -> tuple[Array, Array]:
    """Offset (2, N) in heatmap pixels from the coefficients (5, N), and (N,) concave or not."""
    xp, radius = namespace(c), grid.shape.radius
    slope, curvature = c[1:3], c[3:]
    if constraint == 'known_sigma':  # (u, v) = sigma*^2 (c2, c3)
        return slope * (grid.sigma**2 * radius), patch.has_peak
    if constraint == 'free' or patch.peak is None:
        # Eq. 18: u = -c1 / (2 c3), v = -c2 / (2 c4). In log space ln f is known up to a constant,
        # so that of the other constraint, G = 1 and c3 = c4, only the latter remains.
        concave = curvature < _FLAT
        return slope * radius / (-2 * xp.where(concave, curvature, -1.0)), concave.all(0)
    # unit_peak, Eq. 19-20, in the heatmap's frame: shift the quadratic's origin to pixel (0, 0).
    bend = curvature[0]
    origin = argmax / radius
    constant = c[0] + xp.log(patch.peak) - ((slope - bend * origin) * origin).sum(0)
    slope = slope - 2 * bend * origin
    square = (slope * slope).sum(0)
    # The paper's test is c1 >= 0. A centre within sigma / 2 of the origin has c1 > -1/8, and its
    # variance would be a quotient of two small numbers: it takes the other branch too.
    usable = (constant < -1 / 8) & (square > 1e-12)
    variance = xp.where(usable, -2 * constant / xp.where(usable, square, 1.0), grid.sigma**2)
    return (variance * slope - origin) * radius, bend < _FLAT

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

import torch
from torch import Tensor

from .heatmap_patch import (
    LOWEST_LOG,
    Patch,
    PatchShape,
    find_maximum,
    gather_patch,
    is_eager_on_cpu,
    is_recording,
    known_only,
    normalise,
)
from .least_squares import (
    BASIS,
    PRODUCTS,
    NormalEquations,
    normal_equations,
    solve_quadratic,
)

# Which powers u^i v^j share a coefficient; the coefficients of what is missing are given.
COLUMNS = {
    'free': tuple((power,) for power in BASIS),
    'unit_peak': (*((power,) for power in BASIS[:3]), BASIS[3:]),
    'known_sigma': tuple((power,) for power in BASIS[:3]),
}
CONSTRAINTS = tuple(COLUMNS)


class GaussianFit(NamedTuple):
    """What `fit_gaussian` returns; leading axes as those of its heatmaps.

    Attributes:
        centers: (..., 2) subpixel (x, y) in heatmap pixels, always finite.
        argmax: (..., 2) the pixel (x, y) of the maximum.
        peak: (...) the maximum; 0 where the map is not informative.
        fitted: (...) bool, True where `centers` is the fit asked for, False where it fell back.
        informative: (...) bool, False where the map has no finite (or, unless in log space, no
            positive) value or is constant round its argmax.
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
    with torch.autocast(heatmaps.device.type, enabled=False):
        dtype = torch.float64 if heatmaps.dtype == torch.float64 else torch.float32
        shape, (height, width) = heatmaps.shape[:-2], heatmaps.shape[-2:]
        maps = heatmaps.reshape(-1, height * width).contiguous()
        index, top = find_maximum(maps, height, width)
        x, y = index % width, index.div(width, rounding_mode='floor')
        grid = _patch_grid(patch_size, sigma, width, dtype, heatmaps.device)
        values, known = gather_patch(maps, index, (height, width), grid.shape, dtype)
        top = top.to(dtype)
        patch = normalise(values, known, top, log_space)
        argmax = torch.stack((x, y), -1).to(dtype)

        moments = _moments_of_log(patch, grid)
        offset, fitted = _fit(moments, patch, grid, constraint, gauss_newton_steps, argmax)
        usable = fitted
        if constraint != 'known_sigma' and not (is_eager_on_cpu(maps) and bool(fitted.all())):
            fallback, fallback_holds = _fit(moments, patch, grid, 'known_sigma', 0, argmax)
            offset = torch.where(fitted[:, None], offset, fallback)
            usable = fitted | fallback_holds
        offset = torch.where(usable[:, None], offset, 0.0)
        peak = torch.where(patch.informative, top, 0.0)
        return GaussianFit(
            (argmax + offset).reshape(*shape, 2),
            argmax.reshape(*shape, 2),
            peak.reshape(shape),
            fitted.reshape(shape),
            patch.informative.reshape(shape),
        )


class _Grid(NamedTuple):
    """Constants of a patch; u and v run over [-1, 1], in units of `radius` pixels."""

    shape: PatchShape
    basis: Tensor  # (5, P) u^i v^j of BASIS
    products: Tensor  # (13, P) u^i v^j of PRODUCTS
    equations: dict[str, NormalEquations]  # of a constraint, for ln f
    changes: dict[str, NormalEquations]  # of a constraint, for what is left of f
    sigma: float  # in units of `radius`


_GRIDS: dict[tuple, _Grid] = {}


def _patch_grid(
    patch_size: int, sigma: float, width: int, dtype: torch.dtype, device: torch.device
) -> _Grid:
    """The grid of these arguments, made once.

    What is made while a graph is recorded is of that graph and not kept; what is made in inference
    mode would be refused by a later backward.
    """
    key = (patch_size, sigma, width, dtype, device)
    grid = _GRIDS.get(key)
    if grid is None:
        if is_recording():
            return _make_patch_grid(*key)
        with torch.inference_mode(False):
            grid = _GRIDS[key] = _make_patch_grid(*key)
    return grid


def _make_patch_grid(
    patch_size: int, sigma: float, width: int, dtype: torch.dtype, device: torch.device
) -> _Grid:
    radius = patch_size // 2
    steps = torch.arange(-radius, radius + 1, device=device)
    v, u = (axis.reshape(-1) for axis in torch.meshgrid(steps, steps, indexing='ij'))
    around = v * width + u
    u, v = u.to(dtype) / radius, v.to(dtype) / radius
    basis, products = (
        torch.stack([u**i * v**j for i, j in powers]) for powers in (BASIS, PRODUCTS)
    )
    scaled_sigma = sigma / radius
    equations, changes = (
        {name: normal_equations(c, given, dtype, device) for name, c in COLUMNS.items()}
        for given in (-1 / (2 * scaled_sigma**2), 0.0)
    )
    shape = PatchShape(radius, steps, around)
    return _Grid(shape, basis, products, equations, changes, scaled_sigma)


def _moments_of_log(patch: Patch, grid: _Grid) -> Tensor:
    """(18, N) moments of ln f, the rows scaled by f (Eq. 13)."""
    squared = patch.f.clamp_min(math.exp(LOWEST_LOG)).square_()
    weights = known_only(squared, patch.known)
    weighted_logs = squared.log().mul_(weights)  # twice ln f
    return torch.cat((grid.products @ weights.T, 0.5 * (grid.basis @ weighted_logs.T)))


def _moments_left(patch: Patch, model: Tensor, grid: _Grid) -> Tensor:
    """(18, N) moments of what the model leaves of f, (f - m) / m, the rows scaled by m."""
    scale = known_only(model, patch.known)
    left = (patch.f - model).mul_(scale)
    return torch.cat((grid.products @ (scale * model).T, grid.basis @ left.T))


def _fit(
    moments: Tensor, patch: Patch, grid: _Grid, constraint: str, steps: int, argmax: Tensor
) -> tuple[Tensor, Tensor]:
    """Offset (N, 2) of the centre from the argmax in heatmap pixels, and whether it holds (N,)."""
    c, holds = solve_quadratic(moments, grid.equations[constraint])
    for _ in range(steps):
        # A fit that is not concave grows over its patch; it is refused below, but must stay finite.
        model = (c.T @ grid.basis).clamp_(LOWEST_LOG, 5.0).exp_()
        left = _moments_left(patch, model, grid)
        change, again = solve_quadratic(left, grid.changes[constraint])
        c, holds = c + change, holds & again
    offset, concave = _solve_center(c.T, patch, grid, constraint, argmax)
    inside = (offset.detach().abs() <= grid.shape.radius + 0.5).all(-1)
    return offset, holds & concave & inside & patch.informative


def _solve_center(
    c: Tensor, patch: Patch, grid: _Grid, constraint: str, argmax: Tensor
) -> tuple[Tensor, Tensor]:
    """Offset (N, 2) in heatmap pixels from the coefficients (N, 5), and (N,) concave or not."""
    if constraint == 'known_sigma':  # (u, v) = sigma*^2 (c2, c3)
        return c[:, 1:3] * (grid.sigma**2 * grid.shape.radius), torch.ones_like(patch.informative)
    if constraint == 'free':  # Eq. 18: u = -c1 / (2 c3), v = -c2 / (2 c4)
        slope, curvature = c[:, 1:3], c[:, 3:5]
        concave = (curvature < 0).all(-1)
        safe = torch.where(concave[:, None], curvature, -torch.ones_like(curvature))
        return slope / (-2 * safe) * grid.shape.radius, concave
    slope, bend = c[:, 1:3], c[:, 3]
    concave = bend < 0
    if patch.log_peak is None:
        # ln f is known up to a constant, so G = 1 says nothing; sigma_x = sigma_y remains.
        safe = torch.where(concave, bend, -torch.ones_like(bend))
        return slope / (-2 * safe[:, None]) * grid.shape.radius, concave
    # unit_peak, Eq. 19-20, in the heatmap's frame: shift the quadratic's origin to pixel (0, 0).
    origin = argmax / grid.shape.radius
    constant = c[:, 0] + patch.log_peak - ((slope - bend[:, None] * origin) * origin).sum(-1)
    slope = slope - 2 * bend[:, None] * origin
    square = slope.square().sum(-1)
    # The paper's test is c1 >= 0. A centre within sigma / 2 of the origin has c1 > -1/8, and its
    # variance would be a quotient of two small numbers: it takes the other branch too.
    usable = (constant < -1 / 8) & (square > 1e-12)
    safe_square = torch.where(usable, square, torch.ones_like(square))
    variance = torch.where(usable, -2 * constant / safe_square, grid.sigma**2)
    return (variance[:, None] * slope - origin) * grid.shape.radius, concave

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
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from .least_squares import weighted_least_squares

CONSTRAINTS = ('free', 'unit_peak', 'known_sigma')


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
        maps = heatmaps.reshape(-1, height * width)
        index, top = _find_maximum(maps, height, width)
        x, y = index % width, index.div(width, rounding_mode='floor')
        grid = _patch_grid(patch_size, sigma, dtype, heatmaps.device)
        values, on_map = _gather_patch(maps, x, y, height, width, grid)
        patch = _normalise(values.to(dtype), on_map, top.to(dtype), log_space)
        argmax = torch.stack((x, y), -1).to(dtype)

        offset, fitted = _fit(patch, grid, constraint, gauss_newton_steps, argmax)
        usable = fitted
        if constraint != 'known_sigma':
            fallback, fallback_holds = _fit(patch, grid, 'known_sigma', 0, argmax)
            offset = torch.where(fitted[:, None], offset, fallback)
            usable = fitted | fallback_holds
        offset = torch.where(usable[:, None], offset, torch.zeros_like(offset))
        peak = torch.where(patch.informative, top.to(dtype), torch.zeros_like(argmax[:, 0]))
        return GaussianFit(
            (argmax + offset).reshape(*shape, 2),
            argmax.reshape(*shape, 2),
            peak.reshape(shape),
            fitted.reshape(shape),
            patch.informative.reshape(shape),
        )


def _find_maximum(maps: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Index and value (N,) of the largest finite value; the map's centre and NaN if there is none.

    `max` reports a NaN or +inf wherever the map has one, so the maps are only gone over a second
    time if some maximum is not finite.
    """
    maps = maps.detach()
    top, index = maps.max(-1)
    if not torch.isfinite(top).all():
        finite = torch.isfinite(maps)
        top, index = maps.masked_fill(~finite, -math.inf).max(-1)
        none = ~finite.any(-1)
        index = index.masked_fill(none, (height // 2) * width + width // 2)
        top = top.masked_fill(none, math.nan)
    return index, top


class _Grid(NamedTuple):
    """Constants of a patch; x and y run over [-1, 1], in units of `radius` pixels."""

    radius: int
    x: Tensor  # (P,) pixels from the middle, integer
    y: Tensor
    bases: dict  # constraint -> (P, Q) columns of the linear system
    pairs: dict  # constraint -> (P, Q (Q + 1) / 2) products of two columns
    known: Tensor  # (P,) the part of ln f that `known_sigma` takes as given
    sigma: float  # in units of `radius`


@lru_cache(maxsize=32)
def _patch_grid(patch_size: int, sigma: float, dtype: torch.dtype, device: torch.device) -> _Grid:
    radius = patch_size // 2
    steps = torch.arange(-radius, radius + 1, device=device)
    y, x = (axis.reshape(-1) for axis in torch.meshgrid(steps, steps, indexing='ij'))
    u, v = x.to(dtype) / radius, y.to(dtype) / radius
    one, squares = torch.ones_like(u), u * u + v * v
    bases = {
        'free': torch.stack((one, u, v, u * u, v * v), -1),
        'unit_peak': torch.stack((one, u, v, squares), -1),
        'known_sigma': torch.stack((one, u, v), -1),
    }
    pairs = {}
    for name, basis in bases.items():
        rows, columns = torch.tril_indices(basis.shape[1], basis.shape[1])
        pairs[name] = basis[:, rows] * basis[:, columns]
    scaled_sigma = sigma / radius
    return _Grid(radius, x, y, bases, pairs, -squares / (2 * scaled_sigma**2), scaled_sigma)


def _gather_patch(
    maps: Tensor, x: Tensor, y: Tensor, height: int, width: int, grid: _Grid
) -> tuple[Tensor, Tensor]:
    """The (N, P) values round (x, y), and which of them lie on the map."""
    columns, rows = x[:, None] + grid.x, y[:, None] + grid.y
    known = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    return maps.gather(1, index), known


class _Patch(NamedTuple):
    """Pixels relative to the peak; 0 where `known` is."""

    f: Tensor  # (N, P) may be negative where noise is
    log_f: Tensor  # (N, P) 0 where f is not positive
    known: Tensor  # (N, P) 1 on the map and finite, else 0
    log_peak: Tensor | None  # (N,) back to the heatmap's own unit; None in log space: unknown
    informative: Tensor  # (N,) bool


def _normalise(values: Tensor, on_map: Tensor, top: Tensor, log_space: bool) -> _Patch:
    """Guard everything that the fit divides by or takes the logarithm of."""
    known = on_map & torch.isfinite(values)
    lowest = values.detach().masked_fill(~known, math.inf).amin(-1)
    informative = torch.isfinite(top) & (top > lowest)
    zero, one = torch.zeros_like(values), torch.ones_like(values)
    if log_space:
        known = known & informative[:, None]
        log_f = torch.where(known, values - torch.where(informative, top, 0)[:, None], zero)
        # exp(-30) = 1e-13 has no weight, and clamping it keeps the products finite.
        log_f = log_f.clamp_min(-30)
        f = torch.where(known, log_f.exp(), zero)
        return _Patch(f, log_f, known.to(f.dtype), None, informative)
    informative = informative & (top > 0)
    known = known & informative[:, None]
    safe_top = torch.where(informative, top, torch.ones_like(top))
    f = torch.where(known, values, zero) / safe_top[:, None]
    log_f = torch.where(f > 1e-13, f, one).log()
    return _Patch(f, log_f, known.to(f.dtype), safe_top.log(), informative)


def _fit(
    patch: _Patch, grid: _Grid, constraint: str, steps: int, argmax: Tensor
) -> tuple[Tensor, Tensor]:
    """Offset (N, 2) of the centre from the argmax in heatmap pixels, and whether it holds (N,)."""
    basis, pairs = grid.bases[constraint], grid.pairs[constraint]
    given = grid.known if constraint == 'known_sigma' else torch.zeros_like(grid.known)
    row_scale = patch.f.clamp_min(0)
    c, holds = weighted_least_squares(row_scale.square(), patch.log_f - given, basis, pairs)
    for _ in range(steps):
        # A fit that is not concave grows over its patch; it is refused below, but must stay finite.
        log_m = (c @ basis.T + given).clamp(-30, 5)
        m = log_m.exp()
        target = log_m - given + (patch.f - m) / m
        c, again = weighted_least_squares(m.square() * patch.known, target, basis, pairs)
        holds = holds & again
    offset, concave = _solve_center(c, patch, grid, constraint, argmax)
    inside = (offset.detach().abs() <= grid.radius + 0.5).all(-1)
    return offset, holds & concave & inside & patch.informative


def _solve_center(
    c: Tensor, patch: _Patch, grid: _Grid, constraint: str, argmax: Tensor
) -> tuple[Tensor, Tensor]:
    """Offset (N, 2) in heatmap pixels from the coefficients (N, Q), and (N,) concave or not."""
    if constraint == 'known_sigma':  # (u, v) = sigma*^2 (c2, c3)
        return c[:, 1:3] * (grid.sigma**2 * grid.radius), torch.ones_like(patch.informative)
    if constraint == 'free':  # Eq. 18: u = -c1 / (2 c3), v = -c2 / (2 c4)
        slope, curvature = c[:, 1:3], c[:, 3:5]
        concave = (curvature < 0).all(-1)
        safe = torch.where(concave[:, None], curvature, -torch.ones_like(curvature))
        return slope / (-2 * safe) * grid.radius, concave
    slope, bend = c[:, 1:3], c[:, 3]
    concave = bend < 0
    if patch.log_peak is None:
        # ln f is known up to a constant, so G = 1 says nothing; sigma_x = sigma_y remains.
        safe = torch.where(concave, bend, -torch.ones_like(bend))
        return slope / (-2 * safe[:, None]) * grid.radius, concave
    # unit_peak, Eq. 19-20, in the heatmap's frame: shift the quadratic's origin to pixel (0, 0).
    origin = argmax / grid.radius
    constant = c[:, 0] + patch.log_peak - ((slope - bend[:, None] * origin) * origin).sum(-1)
    slope = slope - 2 * bend[:, None] * origin
    square = slope.square().sum(-1)
    # The paper's test is c1 >= 0. A centre within sigma / 2 of the origin has c1 > -1/8, and its
    # variance would be a quotient of two small numbers: it takes the other branch too.
    usable = (constant < -1 / 8) & (square > 0)
    safe_square = torch.where(usable, square, torch.ones_like(square))
    variance = torch.where(usable, -2 * constant / safe_square, grid.sigma**2)
    return (variance[:, None] * slope - origin) * grid.radius, concave

"""The Gaussian fit: subpixel centres from heatmaps (MHHN, Sections III-A and III-D).

Axis letters: N heatmaps, (H, W) heatmap, P = patch_size**2 patch pixels, Q unknowns; points are
(x, y) in heatmap pixels, and pixel (0, 0) has its centre at the origin.

Where f is a Gaussian, ln f = phi c with phi = [1, x, y, x^2, y^2] (Eq. 13), and its centre follows
from c. The fit minimises sum f^2 (ln f - phi c)^2 over the patch round the argmax (Eq. 15): bright
pixels count most. The paper solves it by a QR decomposition, this module by normal equations.
Pixels off the map have weight 0: they are missing, not dark. Divisors are guarded beforehand,
because a mask afterwards still lets NaN into the gradient.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .heatmap_patch import can_branch_on_data, find_maximum, gather_patch

CONSTRAINTS = ('free', 'unit_peak', 'known_sigma')

_LOWEST_LOG = -30.0  # exp(-30) = 1e-13 of the peak has no weight; the bound keeps f finite
# A curvature nearer to 0 is rounding. Gradients divide by its square, which is 0 in float32 from
# 1e-23 on; -1e-9 is a Gaussian 20000 patches wide.
_FLAT = -1e-9
# A pivot below this share of its diagonal entry means that the pixels do not determine the unknown:
# float32 carries 6e-8, and the corner of a map, a quarter of a patch, has pivots of 1e-3.
_MIN_PIVOT = 1e-6


class GaussianFit(NamedTuple):
    """What `fit_gaussian` returns; leading axes as those of its heatmaps.

    Attributes:
        centers: (..., 2) subpixel (x, y) in heatmap pixels, always finite.
        argmax: (..., 2) the pixel (x, y) of the maximum.
        peak: (...) the maximum; 0 where the map is not informative.
        fitted: (...) bool, True where `centers` is the fit asked for, False where it fell back.
        informative: (...) bool, False where the map has no finite (or, unless in log space, no
            positive) value or is constant round its argmax.

    >>> fit_gaussian(torch.rand(2, 5, 24, 32), sigma=2.0).centers.shape
    torch.Size([2, 5, 2])
    """

    centers: Tensor
    argmax: Tensor
    peak: Tensor
    fitted: Tensor
    informative: Tensor


def check_fit_arguments(
    sigma: float, patch_size: int, constraint: str, gauss_newton_steps: int = 0
) -> None:
    """Refuse arguments that `fit_gaussian` cannot take; for the codec and the loss.

    Raises:
        ValueError: With the value and the remedy.

    >>> check_fit_arguments(sigma=2.0, patch_size=8, constraint='free')
    Traceback (most recent call last):
    ValueError: patch_size must be odd and >= 3, got 8
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

    * `free`: five unknowns (Eq. 18).
    * `unit_peak`: the peak is 1 and sigma_x = sigma_y, four unknowns (Eq. 19-20), in the frame of
      the heatmap. In log space, where the peak is not known, only sigma_x = sigma_y.
    * `known_sigma`: the width is `sigma`, three unknowns. It is linear and therefore the fallback
      where another fit is not concave or leaves its patch; if it leaves the patch too, the centre
      is the argmax.

    The closed form is a surrogate for the paper's objective, sum (m - f)^2 with the Gaussian m
    (Eq. 4 and 11). A Gauss-Newton step minimises that one: the rows are weighted by m instead of f,
    and (f - m) / m is what remains to be explained. One step reaches the Cramer-Rao bound.

    Args:
        heatmaps: (..., H, W) of any real type.
        sigma: Standard deviation of the target Gaussians, in heatmap pixels.
        patch_size: Side of the patch in heatmap pixels, odd, at least 3.
        constraint: One of `CONSTRAINTS`.
        gauss_newton_steps: Number of Gauss-Newton steps after the closed form.
        log_space: The heatmaps hold ln f up to a constant (logits of a softmax). What is fitted is
            f = exp(h - max h), whose peak is 1.

    Returns:
        GaussianFit: Centres, argmax, peaks and which of them fitted; float32, or float64 if the
        heatmaps are.

    >>> x, y = torch.arange(32.0), torch.arange(24.0)[:, None]
    >>> heatmap = torch.exp(-((x - 12.3) ** 2 + (y - 9.6) ** 2) / (2 * 2.0**2))
    >>> fit = fit_gaussian(heatmap, sigma=2.0)
    >>> fit.argmax, fit.centers
    (tensor([12., 10.]), tensor([12.3000,  9.6000]))
    """
    shape = heatmaps.shape[:-2]
    maps = heatmaps.reshape(-1, *heatmaps.shape[-2:])
    with torch.autocast(heatmaps.device.type, enabled=False):
        fit = _fit_maps(maps, sigma, patch_size, constraint, gauss_newton_steps, log_space)
    return GaussianFit(*(x.reshape(shape + x.shape[1:]) for x in fit))


class _Patch(NamedTuple):
    """Pixels relative to the maximum; u and v run over [-1, 1] on the patch."""

    f: Tensor  # (N, P) at most 1; negative where noise is
    log_f: Tensor  # (N, P) in [-30, 0]
    weights: Tensor  # (N, P) f^2 (Eq. 13)
    known: Tensor  # (N, P) 1 for pixels on the map and finite, else 0
    argmax: Tensor  # (N, 2) of the patch's middle, in heatmap pixels
    log_peak: Tensor | None  # (N,) ln of the map's maximum; None in log space: not known
    sigma: float  # in units of the radius
    radius: int


def _fit_maps(
    maps: Tensor, sigma: float, patch_size: int, constraint: str, steps: int, log_space: bool
) -> tuple[Tensor, ...]:
    """Return the fields of `GaussianFit` for maps (N, H, W)."""
    out_type = torch.float64 if maps.dtype == torch.float64 else torch.float32
    # float64 on a GPU: with TF32 allowed, float32 products move centres by up to 0.005 px there.
    dtype = torch.float64 if maps.is_cuda else out_type
    radius = patch_size // 2
    pixel, top = find_maximum(maps)
    argmax, top = pixel.to(dtype), top.to(dtype)
    values, known = gather_patch(maps, pixel, radius)
    has_peak = top.isfinite() if log_space else top > 0
    scale = torch.where(has_peak, top, 1.0)[:, None]
    values = torch.where(known, values.to(dtype), scale)  # a missing pixel: f = 1 of weight 0
    if log_space:
        log_f = (values - scale).clamp_min(_LOWEST_LOG)
        f = positive = log_f.exp()
        log_peak = None
    else:
        f = (values / scale).clamp_min(-1)
        positive = f.clamp_min(math.exp(_LOWEST_LOG))
        log_f, log_peak = positive.log(), scale[:, 0].log()
    known = known.to(dtype)
    weights = known * positive * positive
    patch = _Patch(f, log_f, weights, known, argmax, log_peak, sigma / radius, radius)

    informative = has_peak & (f.amin(-1) < 1)
    offset, fitted = _fit_patch(patch, constraint, steps)
    fitted = usable = fitted & informative
    if constraint != 'known_sigma' and not (can_branch_on_data(maps) and fitted.all()):
        fallback, holds = _fit_patch(patch, 'known_sigma', 0)
        offset = torch.where(fitted[:, None], offset, fallback)
        usable = fitted | (holds & informative)
    centers = argmax + torch.where(usable[:, None], offset, 0.0)
    peak = torch.where(informative, top, 0.0)
    return *(x.to(out_type) for x in (centers, argmax, peak)), fitted, informative


def _fit_patch(patch: _Patch, constraint: str, steps: int) -> tuple[Tensor, Tensor]:
    """Offset (N, 2) of the centre from the argmax in heatmap pixels, and whether it holds (N,)."""
    phi, known_log_f = _design(patch, constraint)
    c, holds = _least_squares(patch.weights, patch.log_f - known_log_f, phi)
    for _ in range(steps):
        # A fit that is not concave grows over its patch; it is refused below, but must stay finite.
        m = (c @ phi.T + known_log_f).clamp(_LOWEST_LOG, 5.0).exp()
        change, determined = _least_squares(patch.known * m * m, (patch.f - m) / m, phi)
        c, holds = c + change, holds & determined
    offset, concave = _center(c, patch, constraint)
    near = (offset.abs() <= patch.radius + 0.5).all(-1)
    return offset, holds & concave & near


def _design(patch: _Patch, constraint: str) -> tuple[Tensor, Tensor]:
    """Return the columns phi (P, Q) of the unknowns, and (P,) what is known of ln f."""
    # Made on the device: a copy to it waits for all that is queued there, and ends a CUDA graph.
    steps = torch.arange(-patch.radius, patch.radius + 1, device=patch.f.device)
    steps = steps.to(patch.f.dtype) / patch.radius
    v, u = (axis.flatten() for axis in torch.meshgrid(steps, steps, indexing='ij'))
    one, zero = torch.ones_like(u), torch.zeros_like(u)
    if constraint == 'free':
        return torch.stack((one, u, v, u * u, v * v), -1), zero
    if constraint == 'unit_peak':
        return torch.stack((one, u, v, u * u + v * v), -1), zero
    return torch.stack((one, u, v), -1), -(u * u + v * v) / (2 * patch.sigma**2)


def _least_squares(weights: Tensor, targets: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
    """Minimise sum_p w_p (t_p - phi_p c)^2 by the normal equations phi' W phi c = phi' W t.

    The elimination is written out because `torch.linalg.solve` does not export to ONNX. It needs no
    exchange of rows: normal equations are positive definite.

    Args:
        weights: (N, P).
        targets: (N, P).
        phi: (P, Q).

    Returns:
        (N, Q), and (N,) False where the pixels do not determine it; it is then finite but
        meaningless.
    """
    count = phi.shape[1]
    pairs = (phi[:, :, None] * phi[:, None]).flatten(1)
    # N is the last axis, so that each operation runs along it.
    gram = (pairs.T @ weights.T).unflatten(0, (count, count))
    a = torch.cat((gram, (phi.T @ (weights * targets).T)[:, None]), 1)
    # The floor keeps quotients finite for maps without weight; the brightest pixel has weight 1.
    # It is not added instead: exporters to ONNX take an added 1e-9 for 0 and drop it.
    smallest = (_MIN_PIVOT * gram.diagonal().T).clamp_min(1e-9)
    identity = torch.eye(count, dtype=phi.dtype, device=phi.device)[:, :, None]
    pivots = []
    for j in range(count):
        column, rest = a[:, 0], a[:, 1:]
        pivots.append(column[j])
        row = rest[j] / torch.maximum(column[j], smallest[j])
        # Row j becomes `row`; the others lose their entry in this column, which is then dropped.
        a = rest - (column - identity[j])[:, None] * row
    return a[:, 0].T, (torch.stack(pivots) > smallest).all(0)


def _center(c: Tensor, patch: _Patch, constraint: str) -> tuple[Tensor, Tensor]:
    """Offset (N, 2) in heatmap pixels from the coefficients (N, Q), and (N,) concave or not."""
    slope, curvature = c[:, 1:3], c[:, 3:]
    if constraint == 'known_sigma':  # (u, v) = sigma*^2 (c1, c2)
        return slope * (patch.sigma**2 * patch.radius), torch.ones_like(c[:, 0], dtype=torch.bool)
    concave = curvature < _FLAT
    if constraint == 'free' or patch.log_peak is None:
        # Eq. 18: u = -c1 / (2 c3), v = -c2 / (2 c4). In log space ln f is known up to a constant,
        # so that of the other constraint, G = 1 and c3 = c4, only the latter remains.
        return slope * patch.radius / (-2 * torch.where(concave, curvature, -1.0)), concave.all(-1)
    # unit_peak, Eq. 19-20, in the heatmap's frame: shift the quadratic's origin to pixel (0, 0).
    origin = patch.argmax / patch.radius
    constant = c[:, 0] + patch.log_peak - ((slope - curvature * origin) * origin).sum(-1)
    slope = slope - 2 * curvature * origin
    square = slope.square().sum(-1)
    # The paper's test is c1 >= 0. A centre within sigma / 2 of the origin has c1 > -1/8, and its
    # variance would be a quotient of two small numbers: it takes the other branch too.
    usable = (constant < -1 / 8) & (square > 1e-12)
    variance = -2 * constant / torch.where(usable, square, 1.0)
    variance = torch.where(usable, variance, patch.sigma**2)
    return (variance[:, None] * slope - origin) * patch.radius, concave[:, 0]

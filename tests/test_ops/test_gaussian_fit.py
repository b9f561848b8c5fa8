"""Exact centres and the limits of the fit; Eq. 13 and 18-20: test_models/test_equations.py."""

import numpy as np
import pytest
import scipy.optimize
import torch
from gaussian_maps import gaussian_maps, noisy_maps

from mhhn_mmpose.ops import fit_gaussian
from mhhn_mmpose.ops.gaussian_fit import CONSTRAINTS, check_fit_arguments

SIZE = (37, 29)  # W, H
INTERIOR = [(18.25, 14.125), (17.49, 9.51), (20.1, 15.5), (12.0, 11.0), (22.3, 16.7)]
BORDERS = [(36.4, 13.7), (0.5, 14.0), (3.3, 27.7), (20.1, 28.49), (-0.2, 13.1), (9.6, -0.45)]
CORNERS = [(36.0, 28.0), (36.45, 28.4), (36.4, -0.3), (-0.45, 28.3), (0.3, 28.0), (35.8, 0.2)]
ORIGIN = [(0.0, 0.0), (-0.4, -0.45), (0.2, -0.1)]


def test_a_map_by_hand():
    """A Gaussian at (2.2, 1.7) of sigma 1, to three digits; d u / d f by scipy and differences."""
    rows = [
        [0.021, 0.115, 0.231, 0.171, 0.047],
        [0.070, 0.381, 0.767, 0.568, 0.155],
        [0.085, 0.465, 0.937, 0.694, 0.189],
        [0.038, 0.209, 0.421, 0.312, 0.085],
        [0.006, 0.035, 0.070, 0.052, 0.014],
    ]
    heatmap = torch.tensor(rows, requires_grad=True)
    fit = fit_gaussian(heatmap, sigma=1.0, patch_size=5)
    assert fit.argmax.tolist() == [2, 2] and fit.peak.item() == pytest.approx(0.937)
    assert fit.centers.tolist() == pytest.approx([2.19992, 1.70014], abs=2e-5)
    fit.centers[0].backward()
    slope = [
        [-0.029, -0.088, -0.029, 0.088, 0.055],
        [-0.099, -0.292, -0.098, 0.291, 0.180],
        [-0.119, -0.356, -0.120, 0.356, 0.218],
        [-0.053, -0.160, -0.054, 0.160, 0.098],
        [-0.008, -0.027, -0.009, 0.027, 0.016],
    ]
    torch.testing.assert_close(heatmap.grad, torch.tensor(slope), rtol=0, atol=6e-4)


@pytest.mark.parametrize('constraint', CONSTRAINTS)
@pytest.mark.parametrize('log_space', [False, True])
@pytest.mark.parametrize('steps', [0, 1, 2])
def test_exact_centers(constraint, log_space, steps):
    tolerance = 1e-3 if constraint == 'unit_peak' else 1e-9  # inexact near its frame's origin
    in_logs = constraint == 'unit_peak' and log_space  # where a cut patch does not tell the peak
    centers = INTERIOR if in_logs else INTERIOR + BORDERS + CORNERS + ORIGIN
    truth = torch.tensor(centers, dtype=torch.float64)
    maps = gaussian_maps(centers, SIZE)
    if log_space:
        maps = maps.log() + 7.5 * (not in_logs)  # any constant, as logits may have
    pixels = torch.tensor(SIZE) - 1.0
    for patch_size in (9, 15):
        for dtype, far in ((torch.float64, tolerance), (torch.float32, max(tolerance, 1e-4))):
            fit = fit_gaussian(maps.to(dtype), 3.0, patch_size, constraint, steps, log_space)
            assert fit.fitted.all() and fit.informative.all()
            assert fit.centers.dtype == dtype
            assert (fit.centers - truth).abs().max() < far
            away = fit.argmax - truth.clamp(min=0).minimum(pixels)
            assert away.abs().max() <= 0.5 + 1e-6


def test_leading_axes_and_anisotropy():
    centers = INTERIOR + [(15.3, 12.2)]
    maps = gaussian_maps(centers, SIZE, sigma=(3.0, 2.0), peak=0.6).reshape(2, 1, 3, 29, 37)
    fit = fit_gaussian(maps, 2.5, 9)
    truth = torch.tensor(centers, dtype=torch.float64).reshape(2, 1, 3, 2)
    torch.testing.assert_close(fit.centers, truth, rtol=0, atol=1e-9)
    assert fit.argmax.shape == (2, 1, 3, 2)
    assert fit.peak.shape == fit.fitted.shape == fit.informative.shape == (2, 1, 3)
    torch.testing.assert_close(fit.peak, maps.flatten(-2).amax(-1))


def least_squares_center(x, y, f, start):
    """Nonlinear least squares of the Gaussian; G, u, v, ln sigma_x, ln sigma_y."""

    def residual(theta):
        u, v = (x - theta[1]) / np.exp(theta[3]), (y - theta[2]) / np.exp(theta[4])
        return theta[0] * np.exp(-0.5 * (u * u + v * v)) - f

    start = [f.max(), *start, np.log(3.0), np.log(3.0)]
    return scipy.optimize.least_squares(residual, start, xtol=1e-14, ftol=1e-14, gtol=1e-14).x[1:3]


@pytest.mark.parametrize('patch_size', [9, 15])
def test_gauss_newton_converges_to_the_least_squares_of_the_gaussian(patch_size):
    """As scipy finds it, an independent reference."""
    truth, maps = noisy_maps(15, 0.05, seed=5, size=(45, 41))
    fits = [fit_gaussian(maps.double(), 3.0, patch_size, 'free', steps) for steps in (0, 1, 2, 20)]
    radius, expected = patch_size // 2, []
    for heatmap, (x, y), center in zip(maps, fits[0].argmax.int().tolist(), truth, strict=True):
        rows, columns = slice(y - radius, y + radius + 1), slice(x - radius, x + radius + 1)
        grid = np.mgrid[rows, columns].reshape(2, -1).astype(float)
        f = heatmap[rows, columns].double().flatten().numpy()
        expected.append(least_squares_center(*grid[::-1], f, center.numpy()))
    expected = torch.tensor(np.stack(expected))
    distances = [(fit.centers - expected).norm(dim=-1).max().item() for fit in fits]
    assert distances[1] < 0.3 * distances[0] and distances[2] < 0.3 * distances[1]
    assert distances[3] < 1e-6


def test_fallback_where_not_concave():
    # A saddle: ln f rises to both sides in y. Its argmax lies at a border, known_sigma takes over.
    x, y = torch.arange(19.0) - 9, torch.arange(17.0)[:, None] - 3
    heatmap = torch.exp(-(x * x) / 18 + y * y / 300).double()
    fit = fit_gaussian(heatmap, 3.0, 9)
    reference = fit_gaussian(heatmap, 3.0, 9, 'known_sigma')
    assert not fit.fitted and fit.informative and reference.fitted
    assert torch.equal(fit.centers, reference.centers)
    assert not torch.equal(fit.centers, fit.argmax)


def test_fallback_outside_the_patch_is_the_argmax():
    ramp = torch.exp(2.0 * torch.arange(23.0)).expand(11, 23)  # centre sigma**2 * 2 = 18 px away
    fit = fit_gaussian(ramp.double() / ramp.max(), 3.0, 9, 'known_sigma')
    assert not fit.fitted and fit.informative
    assert fit.centers.tolist() == fit.argmax.tolist() == [22.0, 0.0]


def test_arguments_are_refused():
    good = dict(sigma=3.0, patch_size=9, constraint='free', gauss_newton_steps=0)
    bad = [('sigma', 0.0), ('sigma', float('nan')), ('patch_size', 8), ('patch_size', 1)]
    for name, value in [*bad, ('constraint', 'fixed'), ('gauss_newton_steps', -1)]:
        with pytest.raises(ValueError, match=name):
            check_fit_arguments(**{**good, name: value})

"""Exact centres, and agreement with scipy, an independent reference."""

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch
from gaussian_maps import gaussian_map, gaussian_maps, noisy_maps

from mhhn_mmpose.ops import fit_gaussian
from mhhn_mmpose.ops.gaussian_fit import CONSTRAINTS, check_fit_arguments

SIZE = (37, 29)  # W, H
INTERIOR = [(18.25, 14.125), (17.49, 9.51), (20.1, 15.5), (12.0, 11.0), (22.3, 16.7)]
BORDERS = [(36.4, 13.7), (0.5, 14.0), (3.3, 27.7), (20.1, 28.49), (-0.2, 13.1), (9.6, -0.45)]
CORNERS = [(36.0, 28.0), (36.45, 28.4), (36.4, -0.3), (-0.45, 28.3), (0.3, 28.0), (35.8, 0.2)]
ORIGIN = [(0.0, 0.0), (-0.4, -0.45), (0.2, -0.1)]
steps_and_spaces = pytest.mark.parametrize(
    'steps, log_space', [(0, False), (1, False), (2, False), (0, True), (1, True), (2, True)]
)
patch_sizes = pytest.mark.parametrize('patch_size', [9, 15])


def test_a_map_by_hand():
    """A Gaussian at (2.2, 1.7) of sigma 1, to three digits; d u / d f by scipy and differences."""
    heatmap = torch.tensor(
        [
            [0.021, 0.115, 0.231, 0.171, 0.047],
            [0.070, 0.381, 0.767, 0.568, 0.155],
            [0.085, 0.465, 0.937, 0.694, 0.189],
            [0.038, 0.209, 0.421, 0.312, 0.085],
            [0.006, 0.035, 0.070, 0.052, 0.014],
        ],
        requires_grad=True,
    )
    fit = fit_gaussian(heatmap, sigma=1.0, patch_size=5)
    assert fit.argmax.tolist() == [2, 2] and fit.peak.item() == pytest.approx(0.937)
    assert fit.centers.tolist() == pytest.approx([2.19992, 1.70014], abs=2e-5)
    fit.centers[0].backward()
    slope = torch.tensor(
        [
            [-0.029, -0.088, -0.029, 0.088, 0.055],
            [-0.099, -0.292, -0.098, 0.291, 0.180],
            [-0.119, -0.356, -0.120, 0.356, 0.218],
            [-0.053, -0.160, -0.054, 0.160, 0.098],
            [-0.008, -0.027, -0.009, 0.027, 0.016],
        ]
    )
    torch.testing.assert_close(heatmap.grad, slope, rtol=0, atol=6e-4)


def assert_exact(centers, maps, patch_size, constraint, steps, log_space, tolerance):
    fit = fit_gaussian(maps, 3.0, patch_size, constraint, steps, log_space)
    truth = torch.tensor(centers, dtype=torch.float64)
    assert fit.fitted.all() and fit.informative.all()
    assert (fit.centers.double() - truth).abs().max() < tolerance
    pixels = torch.tensor([SIZE[0] - 1, SIZE[1] - 1], dtype=torch.float64)
    away = (fit.argmax.double() - truth.clamp(min=0).minimum(pixels)).abs().max()
    assert away <= 0.5 + 1e-9


@steps_and_spaces
@patch_sizes
@pytest.mark.parametrize('constraint', ['free', 'known_sigma'])
@pytest.mark.parametrize('dtype, tolerance', [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_exact_centers(constraint, patch_size, steps, log_space, dtype, tolerance):
    centers = INTERIOR + BORDERS + CORNERS + ORIGIN
    maps = gaussian_maps(centers, SIZE)
    maps = (maps.log() + 7.5 if log_space else maps).to(dtype)  # any constant, as logits may have
    assert_exact(centers, maps, patch_size, constraint, steps, log_space, tolerance)


@pytest.mark.parametrize('steps', [0, 1, 2])
@patch_sizes
def test_exact_centers_of_unit_peak(patch_size, steps):
    centers = INTERIOR + BORDERS + CORNERS
    maps = gaussian_maps(centers, SIZE)
    assert_exact(centers, maps, patch_size, 'unit_peak', steps, False, 1e-6)
    assert_exact(centers, maps.float(), patch_size, 'unit_peak', steps, False, 1e-3)


def test_unit_peak_near_the_origin():
    maps = gaussian_maps(ORIGIN, SIZE)
    for patch_size in (9, 15):
        for steps in (0, 1, 2):
            assert_exact(ORIGIN, maps, patch_size, 'unit_peak', steps, False, 1e-3)


@pytest.mark.parametrize('steps', [0, 1, 2])
@patch_sizes
def test_unit_peak_in_log_space(patch_size, steps):
    maps = gaussian_maps(INTERIOR, SIZE).log()
    assert_exact(INTERIOR, maps, patch_size, 'unit_peak', steps, True, 1e-3)


def test_leading_axes_and_anisotropy():
    centers = INTERIOR + [(15.3, 12.2)]
    maps = gaussian_maps(centers, SIZE, sigma=(3.0, 2.0), peak=0.6).reshape(2, 1, 3, 29, 37)
    fit = fit_gaussian(maps, 2.5, 9)
    truth = torch.tensor(centers, dtype=torch.float64).reshape(2, 1, 3, 2)
    torch.testing.assert_close(fit.centers, truth, rtol=0, atol=1e-9)
    assert fit.argmax.shape == (2, 1, 3, 2)
    assert fit.peak.shape == fit.fitted.shape == fit.informative.shape == (2, 1, 3)
    torch.testing.assert_close(fit.peak, maps.flatten(-2).amax(-1))


def cut_patch(heatmap, patch_size):
    """x, y (in the heatmap's frame) and f of the patch round the argmax, as far as on the map."""
    heatmap = heatmap.double().numpy()
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    radius = patch_size // 2
    y, x = np.mgrid[row - radius : row + radius + 1, column - radius : column + radius + 1]
    keep = (x >= 0) & (y >= 0) & (x < heatmap.shape[1]) & (y < heatmap.shape[0])
    x, y = x[keep], y[keep]
    return x.astype(float), y.astype(float), heatmap[y, x]


def eq_13_center(x, y, f, constraint, sigma):
    """The rows of Eq. 13 through scipy, and Eq. 18 or Eq. 19-20."""
    x, y, f = x[f > 0], y[f > 0], f[f > 0]
    one, log_f = np.ones_like(x), np.log(f)
    columns = {
        'free': [one, x, y, x * x, y * y],
        'unit_peak': [one, x, y, x * x + y * y],
        'known_sigma': [one, x, y],
    }[constraint]
    if constraint == 'known_sigma':
        log_f = log_f + (x * x + y * y) / (2 * sigma**2)
    c = scipy.linalg.lstsq(f[:, None] * np.stack(columns, -1), f * log_f)[0]
    if constraint == 'free':
        return -c[1:3] / (2 * c[3:5])
    if constraint == 'unit_peak' and c[0] < 0:
        return -2 * c[0] / (c[1] ** 2 + c[2] ** 2) * c[1:3]
    return sigma**2 * c[1:3]


@pytest.mark.parametrize('constraint', CONSTRAINTS)
@patch_sizes
def test_closed_form_is_the_least_squares_of_eq_13(constraint, patch_size):
    _, maps = noisy_maps(24, 0.05, seed=3, size=(31, 26), margin=4)
    fit = fit_gaussian(maps.double(), 3.0, patch_size, constraint)
    assert fit.fitted.sum() >= 20  # patches cut by the border included
    for heatmap, center, fitted in zip(maps, fit.centers, fit.fitted, strict=True):
        if fitted:
            expected = eq_13_center(*cut_patch(heatmap, patch_size), constraint, 3.0)
            np.testing.assert_allclose(center.numpy(), expected, atol=1e-8, rtol=0)


def least_squares_center(x, y, f, start):
    """Nonlinear least squares of the Gaussian; G, u, v, ln sigma_x, ln sigma_y."""

    def residual(theta):
        u, v = (x - theta[1]) / np.exp(theta[3]), (y - theta[2]) / np.exp(theta[4])
        return theta[0] * np.exp(-0.5 * (u * u + v * v)) - f

    start = [f.max(), *start, np.log(3.0), np.log(3.0)]
    return scipy.optimize.least_squares(residual, start, xtol=1e-14, ftol=1e-14, gtol=1e-14).x[1:3]


@patch_sizes
def test_gauss_newton_converges_to_the_least_squares_of_the_gaussian(patch_size):
    truth, maps = noisy_maps(25, 0.05, seed=5, size=(45, 41))
    expected = [
        least_squares_center(*cut_patch(heatmap, patch_size), center)
        for heatmap, center in zip(maps, truth.numpy(), strict=True)
    ]
    expected = torch.tensor(np.stack(expected))
    distances = [
        (fit_gaussian(maps.double(), 3.0, patch_size, 'free', steps).centers - expected)
        .norm(dim=-1)
        .max()
        .item()
        for steps in (0, 1, 2, 20)
    ]
    assert distances[1] < 0.3 * distances[0] and distances[2] < 0.3 * distances[1]
    assert distances[3] < 1e-6


@pytest.mark.parametrize('center', [(10.0, 10.0), (30.0, 10.0)])
def test_unit_peak_uses_the_frame_of_the_heatmap(center):
    # In that frame a peak of .98 moves the centre by -2 sigma**2 ln(.98) / |center|**2 of itself.
    center = torch.tensor(center, dtype=torch.float64)
    fit = fit_gaussian(gaussian_map(center, (43, 21), peak=0.98), 3.0, 9, 'unit_peak')
    expected = center * (1 - 18 * np.log(0.98) / center.square().sum())
    torch.testing.assert_close(fit.centers, expected, rtol=0, atol=1e-9)


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


@pytest.mark.parametrize(
    'arguments, word',
    [
        ((0.0, 9, 'free', 0), 'sigma'),
        ((float('nan'), 9, 'free', 0), 'sigma'),
        ((3.0, 8, 'free', 0), 'patch_size'),
        ((3.0, 1, 'free', 0), 'patch_size'),
        ((3.0, 9, 'fixed', 0), 'constraint'),
        ((3.0, 9, 'free', -1), 'gauss_newton_steps'),
    ],
)
def test_arguments_are_refused(arguments, word):
    with pytest.raises(ValueError, match=word):
        check_fit_arguments(*arguments)

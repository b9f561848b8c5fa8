"""Gradients, precision, and heatmaps that tell little or nothing."""

import itertools
import math

import pytest
import torch
from gaussian_maps import gaussian_maps, noisy_maps

from mhhn_mmpose.ops import fit_gaussian
from mhhn_mmpose.ops.gaussian_fit import CONSTRAINTS

constraints = pytest.mark.parametrize('constraint', CONSTRAINTS)


@constraints
@pytest.mark.parametrize('steps', [0, 1])
@pytest.mark.parametrize('log_space', [False, True])
def test_gradcheck(constraint, steps, log_space):
    maps = gaussian_maps([(3.3, 2.4), (5.8, 0.2)], (7, 6), sigma=(2.2, 1.9), peak=0.9)
    random = torch.Generator().manual_seed(0)
    maps = maps + 0.01 * torch.rand(maps.shape, generator=random, dtype=maps.dtype)
    maps = (maps.log() if log_space else maps).requires_grad_()

    def fit(heatmaps):
        return fit_gaussian(heatmaps, 2.0, 5, constraint, steps, log_space)

    assert fit(maps).fitted.all()
    arguments = dict(atol=1e-6, rtol=1e-4, fast_mode=True)
    assert torch.autograd.gradcheck(lambda x: fit(x).centers, maps, **arguments)


@constraints
def test_float32_under_autocast(constraint):
    _, maps = noisy_maps(6, 0.02, seed=2, size=(33, 37))
    maps = maps.bfloat16()
    outside = fit_gaussian(maps.float(), 3.0, 9, constraint, 1)
    with torch.autocast('cpu', torch.bfloat16):
        inside = fit_gaussian(maps, 3.0, 9, constraint, 1)
    assert inside.centers.dtype == inside.argmax.dtype == inside.peak.dtype == torch.float32
    assert torch.equal(inside.centers, outside.centers)
    assert fit_gaussian(maps.half(), 3.0).centers.dtype == torch.float32


def one_hot(size, x, y, value=1.0, background=0.0):
    heatmap = torch.full((size[1], size[0]), background)
    heatmap[y, x] = value
    return heatmap


def with_pixel(x, y, value):
    heatmap = gaussian_maps((11.3, 7.6), (23, 17), dtype=torch.float32)
    heatmap[y, x] = value
    return heatmap


NAN, INF = math.nan, math.inf
# name -> map (H, W), its argmax (x, y), informative in linear space, in log space
MAPS = {
    'zero': (torch.zeros(7, 11), (0, 0), False, False),
    'constant': (torch.full((9, 12), 0.7), (0, 0), False, False),
    'negative': (-1 - one_hot((13, 8), 5, 2, -0.5), (5, 2), False, True),
    'nan': (torch.full((7, 12), NAN), (6, 3), False, False),
    'nan and inf': (torch.tensor([[NAN, INF, -INF], [INF, NAN, NAN]]), (1, 1), False, False),
    'nan but one': (one_hot((11, 9), 4, 6, 0.5, NAN), (4, 6), False, False),
    'nan pixel': (with_pixel(12, 7, NAN), (11, 8), True, True),
    'nan peak': (with_pixel(11, 8, NAN), (11, 7), True, True),
    'inf pixel': (with_pixel(3, 2, INF), (11, 8), True, True),
    'hot corner': (one_hot((15, 12), 14, 11, 30.0), (14, 11), True, True),
    'huge': (one_hot((14, 13), 3, 4, 3e38, -3e38), (3, 4), True, True),
    'tiny': (1e-30 * with_pixel(0, 0, 0.0), (11, 8), True, False),  # exp(1e-30) is 1
    '1 x 1': (torch.full((1, 1), 0.4), (0, 0), False, False),
    '1 x N': (gaussian_maps((6.3, 0.0), (13, 1), dtype=torch.float32), (6, 0), True, True),
    'N x 1': (gaussian_maps((0.0, 7.2), (1, 14), dtype=torch.float32), (0, 7), True, True),
    '3 x 4': (gaussian_maps((1.6, 0.8), (3, 4), dtype=torch.float32), (2, 1), True, True),
}
# Missing pixels leave the centre exact; one row does not determine the centre across it.
CENTERS = dict.fromkeys(('nan pixel', 'nan peak', 'inf pixel'), [11.3, 7.6])
CENTERS |= {'3 x 4': [1.6, 0.8], '1 x N': [6, 0], 'N x 1': [0, 7]}


@pytest.mark.parametrize('name', MAPS)
@pytest.mark.parametrize('log_space', [False, True])
def test_bad_heatmaps(name, log_space):
    maps, argmax, *informative = MAPS[name]
    for constraint, steps in itertools.product(CONSTRAINTS, (0, 1)):
        heatmap = maps.clone().requires_grad_()
        fit = fit_gaussian(heatmap, 3.0, 9, constraint, steps, log_space)
        assert fit.argmax.tolist() == list(argmax)
        assert fit.informative.item() is informative[log_space]
        assert torch.isfinite(fit.centers).all()
        assert (fit.centers - fit.argmax).abs().max() <= 4.5
        if fit.informative:
            assert fit.peak == heatmap[argmax[1], argmax[0]]
        else:
            assert fit.peak == 0 and not fit.fitted
            assert torch.equal(fit.centers, fit.argmax)
        (fit.centers.sum() + fit.peak).backward()
        assert torch.isfinite(heatmap.grad).all()
    for steps in (0, 1) if name in CENTERS else ():
        found, bound = fit_gaussian(maps, 3.0, gauss_newton_steps=steps), 1e-4
        bound = 1e-3 if name == '3 x 4' else bound
        assert found.centers.tolist() == pytest.approx(CENTERS[name], abs=bound)
        assert found.fitted == ('N' not in name)


@pytest.mark.parametrize('steps', [0, 1])
def test_a_curvature_of_rounding_error_is_none(steps):
    """It is -1e-25 along x here; a gradient through it divides by its square."""
    heatmap = torch.ones(7, 9)
    heatmap[0, 0] = heatmap[2, 1] = 0
    heatmap.requires_grad_()
    fit = fit_gaussian(heatmap, 2.0, 5, 'free', steps)
    assert not fit.fitted
    fit.centers.sum().backward()
    assert heatmap.grad.isfinite().all()


def test_one_bad_map_does_not_touch_the_others():
    good = gaussian_maps((8.4, 6.3), (19, 15), dtype=torch.float32)
    alone = fit_gaussian(good, 3.0)
    for bad in (torch.full_like(good, NAN), torch.zeros_like(good), torch.full_like(good, INF)):
        fit = fit_gaussian(torch.stack((bad, good, bad)), 3.0)
        torch.testing.assert_close(fit.centers[1], alone.centers, rtol=0, atol=1e-6)
        assert fit.informative.tolist() == [False, True, False]
    assert fit_gaussian(torch.rand(0, 5, 7, 11), 3.0).centers.shape == (0, 5, 2)


@constraints
@pytest.mark.parametrize('log_space', [False, True])
def test_any_numbers_give_finite_centers_and_gradients(constraint, log_space):
    """Every bit pattern of float32, and the special ones often, in among plain numbers."""
    random = torch.Generator().manual_seed(0)
    shape = (3000, 7, 9)
    bits = torch.randint(-(2**31), 2**31, shape, generator=random).int().view(torch.float32)
    special = torch.tensor([0, 1, -1, 1 + 1e-7, 1e-45, 1e-38, 3e38, -3e38, INF, -INF, NAN])
    chosen = special[torch.randint(len(special), shape, generator=random)]
    plain, kind = torch.rand(2, *shape, generator=random)
    parts = torch.rand(3000, 1, 1, generator=random)  # how much of a map is odd
    odd = torch.where(kind < parts / 2, bits, chosen)
    maps = torch.where(kind < parts, odd, plain)
    for steps in (0, 1):
        heatmaps = maps.clone().requires_grad_()
        fit = fit_gaussian(heatmaps, 2.0, 5, constraint, steps, log_space)
        assert fit.centers.isfinite().all() and fit.peak.isfinite().all()
        assert ((fit.centers - fit.argmax).abs() <= 2.5).all()
        fit.centers.sum().backward()
        assert heatmaps.grad.isfinite().all()

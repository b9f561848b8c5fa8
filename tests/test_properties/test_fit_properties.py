"""What holds for the Gaussian fit whatever the map."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mhhn_mmpose.ops import fit_gaussian
from mhhn_mmpose.ops.gaussian_fit import CONSTRAINTS

SIGMA = 2.0
seeds = st.integers(0, 2**32)
constraints = pytest.mark.parametrize('constraint', CONSTRAINTS)
steps = pytest.mark.parametrize('steps', [0, 1])


@st.composite
def gaussians(draw, noise=0.0):
    """(N, H, W) float64 Gaussians in the middle of a map, and their centres (N, 2)."""
    width, height = draw(st.integers(23, 31)), draw(st.integers(23, 29))
    random = np.random.default_rng(draw(seeds))
    centers = random.uniform(9, np.array([width, height]) - 10, (4, 2))
    sigmas = random.uniform(1.5, 3.5, (2, 4, 1, 1))
    x, y = np.arange(width), np.arange(height)[:, None]
    u, v = x - centers[:, :1, None], y - centers[:, 1:, None]
    maps = np.exp(-((u / sigmas[0]) ** 2 + (v / sigmas[1]) ** 2) / 2)
    maps = random.uniform(0.05, 20, (4, 1, 1)) * (maps + noise * random.uniform(0, 1, maps.shape))
    return torch.from_numpy(maps), torch.from_numpy(centers)


def noise_maps(seed, shape=(4, 21, 26)):
    random = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=random, dtype=torch.float64)


@steps
@given(gaussians(), st.sampled_from([5, 9, 13]))
def test_gaussians_of_any_width_and_height_are_found(steps, maps_and_centers, patch_size):
    maps, centers = maps_and_centers
    fit = fit_gaussian(maps, SIGMA, patch_size, 'free', steps)
    assert fit.fitted.all()
    torch.testing.assert_close(fit.centers, centers, rtol=0, atol=1e-7)
    torch.testing.assert_close(fit.peak, maps.flatten(1).amax(1))


@constraints
@steps
@given(maps=arrays.arrays(np.float32, (2, 7, 9), elements=st.floats(width=32)))
def test_any_numbers_give_finite_centers_and_gradients(constraint, steps, maps):
    """NaN, infinities, and the smallest and largest numbers among them."""
    for log_space in (False, True):
        heatmaps = torch.from_numpy(maps.copy()).requires_grad_()
        fit = fit_gaussian(heatmaps, SIGMA, 5, constraint, steps, log_space)
        assert fit.centers.isfinite().all() and fit.peak.isfinite().all()
        assert ((fit.centers - fit.argmax).abs() <= 2.5).all()
        fit.centers.sum().backward()
        assert heatmaps.grad.isfinite().all()


@constraints
@steps
@given(seed=seeds, patch_size=st.sampled_from([5, 9]))
def test_turned_maps_have_turned_centers(constraint, steps, seed, patch_size):
    """Whatever is in them; `unit_peak` depends on the heatmap's frame."""
    maps = noise_maps(seed)
    height, width = maps.shape[-2:]

    def centers(x):
        return fit_gaussian(x, SIGMA, patch_size, constraint, steps).centers

    expected = centers(maps)
    torch.testing.assert_close(centers(maps.mT), expected.flip(-1), rtol=0, atol=1e-6)
    if constraint == 'unit_peak':
        return
    mirrored = expected * torch.tensor([-1.0, 1.0]) + torch.tensor([width - 1.0, 0.0])
    torch.testing.assert_close(centers(maps.flip(-1)), mirrored, rtol=0, atol=1e-6)
    mirrored = expected * torch.tensor([1.0, -1.0]) + torch.tensor([0.0, height - 1.0])
    torch.testing.assert_close(centers(maps.flip(-2)), mirrored, rtol=0, atol=1e-6)


@pytest.mark.parametrize('constraint', ['free', 'known_sigma'])
@steps
@given(seed=seeds, factor=st.floats(1e-6, 1e6))
def test_the_height_of_a_map_moves_nothing(constraint, steps, seed, factor):
    maps = noise_maps(seed)
    expected = fit_gaussian(maps, SIGMA, 9, constraint, steps)
    found = fit_gaussian(factor * maps, SIGMA, 9, constraint, steps)
    torch.testing.assert_close(found.centers, expected.centers, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.peak, factor * expected.peak)
    in_logs = fit_gaussian(maps.log() + 7, SIGMA, 9, constraint, steps, log_space=True)
    torch.testing.assert_close(in_logs.centers, expected.centers, rtol=0, atol=1e-6)


@constraints
@steps
@given(seed=seeds)
def test_every_map_is_by_itself(constraint, steps, seed):
    maps = noise_maps(seed, (6, 21, 26))
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    whole = fit_gaussian(maps, SIGMA, 9, constraint, steps)
    found = fit_gaussian(maps[order].reshape(2, 1, 3, 21, 26), SIGMA, 9, constraint, steps)
    torch.testing.assert_close(found.centers.reshape(6, 2), whole.centers[order], rtol=0, atol=1e-9)
    assert torch.equal(found.fitted.flatten(), whole.fitted[order])

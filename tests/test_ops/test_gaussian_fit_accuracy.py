"""Noise: the Cramer-Rao bound of the very patch, and MMPose's DARK."""

import math

import pytest
import torch
from gaussian_maps import noisy_maps, rms
from mmpose.codecs import MSRAHeatmap

from mhhn_mmpose.ops import fit_gaussian

SIGMA = 3.0


def cramer_rao_bound(truth, argmax, noise, patch_size):
    """RMS distance that no unbiased estimate beats, of G, u, v, sigma_x, sigma_y from the patches.

    The Fisher information is the sum of outer products of the Gaussian's derivatives over the
    pixels of each patch, over noise**2; its inverse bounds the covariance.
    """
    steps = torch.arange(patch_size, dtype=torch.float64) - patch_size // 2
    offset = argmax.double() - truth  # of the patch's middle from the centre
    u = (offset[:, 0, None, None] + steps).expand(-1, patch_size, -1)
    v = (offset[:, 1, None, None] + steps[:, None]).expand(-1, -1, patch_size)
    f = torch.exp(-(u * u + v * v) / (2 * SIGMA**2))
    slopes = (f, f * u / SIGMA**2, f * v / SIGMA**2, f * u * u / SIGMA**3, f * v * v / SIGMA**3)
    slopes = torch.stack(slopes, -1).flatten(1, 2)
    covariance = torch.linalg.inv(slopes.mT @ slopes) * noise**2
    return math.sqrt((covariance[:, 1, 1] + covariance[:, 2, 2]).mean())


@pytest.mark.parametrize('noise', [0.02, 0.05])
def test_one_step_reaches_the_cramer_rao_bound(noise):
    truth, maps = noisy_maps(6000, noise, seed=0, size=(40, 40))
    for patch_size in (9, 15):
        fit = fit_gaussian(maps, SIGMA, patch_size, 'free', gauss_newton_steps=1)
        assert fit.fitted.all()
        ratio = rms(fit.centers, truth) / cramer_rao_bound(truth, fit.argmax, noise, patch_size)
        assert 0.97 < ratio <= 1.03  # below: the bound is computed wrongly


def test_one_step_beats_dark():
    # MMPose's defaults: blur kernel 11. With 17, fitted to sigma 3, its blur is a matched filter
    # over the whole map, and it reaches the same bound as the 15x15 patch.
    truth, maps = noisy_maps(1000, 0.05, seed=1)
    codec = MSRAHeatmap((64, 64), (64, 64), SIGMA, unbiased=True)
    dark = rms(torch.from_numpy(codec.decode(maps.numpy())[0][0]), truth)
    ours = rms(fit_gaussian(maps, SIGMA, 15, 'free', gauss_newton_steps=1).centers, truth)
    assert ours <= 0.9 * dark
    small = rms(fit_gaussian(maps, SIGMA, 9, 'free', gauss_newton_steps=1).centers, truth)
    assert small <= 1.01 * dark

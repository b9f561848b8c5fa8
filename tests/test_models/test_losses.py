"""What the losses share. Formulas: test_equations.py; gradients: test_subpixel_detection.py."""

import math

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import torch
from gaussian_maps import gaussian_maps

from mhhn_mmpose.models import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.models.losses.divergence import (
    DISTRIBUTIONS,
    jensen_shannon_divergence,
    kullback_leibler_divergence,
)

every_loss = pytest.mark.parametrize(
    'loss_class', [HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss]
)
every_distribution = pytest.mark.parametrize('distribution', DISTRIBUTIONS)
CENTERS = [[[5.3, 4.4], [7.8, 6.1], [6.0, 5.5]], [[4.7, 6.2], [8.1, 3.9], [0.2, 9.8]]]  # B 2, K 3


def targets(centers=CENTERS, size=(13, 11)):
    return gaussian_maps(centers, size, 2.0)


def outputs_near(target, distribution):
    """Raw outputs whose heatmaps are near the target, as float64."""
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(target.shape, generator=random, dtype=torch.float64)
    maps = 0.95 * target + 0.03 * noise + 1e-3
    return maps.logit() if distribution == 'sigmoid' else maps.log()


def test_divergences_of_distributions_with_zeros_are_scipys():
    p, q = np.random.default_rng(0).dirichlet(np.full(17, 0.2), (2, 5))
    p[:, 3] = q[:, 3:6] = 0
    p, q = (x / x.sum(1, keepdims=True) for x in (p, q))
    found = jensen_shannon_divergence(torch.from_numpy(p), torch.from_numpy(q))
    np.testing.assert_allclose(found, scipy.spatial.distance.jensenshannon(p, q, axis=1) ** 2)
    p = 0.9 * p + 0.1 / 17  # nowhere 0, where it would be infinite
    found = kullback_leibler_divergence(torch.from_numpy(p), torch.from_numpy(q))
    np.testing.assert_allclose(found, scipy.special.rel_entr(q, p).sum(1))


@every_loss
@every_distribution
@pytest.mark.parametrize('bad', [None, math.nan, math.inf, -math.inf])
def test_weights(loss_class, distribution, bad):
    """The mean over all landmarks, so that processes' gradients average to the joint batch's.

    Without a weight a landmark takes no part, whatever its map.
    """
    target = targets()
    output = outputs_near(target, distribution)
    loss = loss_class(distribution=distribution, use_target_weight=True)
    single = torch.tensor([
        [loss(output[b : b + 1, k : k + 1], target[b : b + 1, k : k + 1]) for k in range(3)]
        for b in range(2)
    ])  # fmt: skip
    unweighted = loss_class(distribution=distribution)
    assert unweighted(output, target, 9).item() == pytest.approx(single.mean().item())

    weights = torch.tensor([[1, 0.5, 0], [0, 2, 1]], dtype=torch.float64)
    if bad is not None:
        output[weights == 0], target[weights == 0] = bad, 0  # as the codec encodes them
    found = loss(output.requires_grad_(), target, weights)
    found.backward()
    assert found.item() == pytest.approx((weights * single).mean().item())
    assert torch.isfinite(output.grad).all() and not output.grad[weights == 0].any()
    assert output.grad[weights > 0].abs().amax((-1, -2)).all()


HOT = torch.zeros(11, 13)
HOT[4, 7] = 1.0
BAD_MAPS = [0.0 * HOT, HOT * 0 + 0.7, HOT - 2, HOT, 1e4 * HOT, -1e4 * HOT, 1e30 * (HOT - 0.5)]


@every_loss
@every_distribution
@pytest.mark.parametrize('empty_target', [False, True])
def test_finite_maps_give_finite_losses_and_gradients(loss_class, distribution, empty_target):
    output = torch.stack(BAD_MAPS)[None].clone().requires_grad_()
    target = targets([[[7.2, 4.1]] * len(BAD_MAPS)]).float() * (not empty_target)
    loss = loss_class(distribution=distribution)(output, target)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(output.grad).all()


@every_loss
@every_distribution
def test_maps_of_bfloat16_are_computed_in_float32(loss_class, distribution):
    """Under autocast too; only the gradient is rounded, once, to the maps' type."""
    target = targets().float()
    output = outputs_near(target, distribution).bfloat16().requires_grad_()
    exact = output.detach().float().requires_grad_()
    loss = loss_class(distribution=distribution)
    expected = loss(exact, target)
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(output, target)
    expected.backward(), found.backward()
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(output.grad, exact.grad.bfloat16(), rtol=0, atol=0)


def test_what_is_refused():
    bad = dict(patch_size=4, fdl_distance='cosine', divergence='kl', distribution='tanh')
    for name, value in bad.items():
        with pytest.raises(ValueError, match=name):
            SubpixelDetectionLoss(**{name: value})
    with pytest.raises(ValueError, match='differ in shape'):
        HeatmapJSDLoss()(torch.zeros(2, 3, 5, 7), torch.zeros(2, 3, 7, 5))

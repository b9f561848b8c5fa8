"""FDL, seen through the public behaviour of `SubpixelDetectionLoss`."""

from itertools import product

import pytest
import torch
from gaussian_maps import gaussian_maps

from mhhn_mmpose.models import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.models.losses.divergence import DISTRIBUTIONS
from mhhn_mmpose.ops.gaussian_fit import CONSTRAINTS

SIZE, SIGMA, SHIFT = (37, 33), 3.0, (0.7, -1.1)
CENTERS = [[[15.2, 17.9], [20.6, 12.3]], [[18.5, 14.4], [17.0, 19.7]], [[22.1, 15.0], [16.3, 13.8]]]
combinations = pytest.mark.parametrize(
    'constraint, distribution',  # of a softmax the peak is not known
    [pair for pair in product(CONSTRAINTS, DISTRIBUTIONS) if pair != ('unit_peak', 'softmax')],
)


def maps_at(centers, shift=(0.0, 0.0), size=SIZE, sigma=SIGMA):
    return gaussian_maps(torch.tensor(centers) + torch.tensor(shift), size, sigma)


def logits(maps, distribution='softmax'):
    """Raw output, float64, that the distribution turns into these Gaussians."""
    log_f = maps.clamp_min(1e-200).log()
    return log_f - torch.log1p(-maps.clamp(max=1 - 1e-9)) if distribution == 'sigmoid' else log_f


def fdl(output, target, weight=1.0, **arguments):
    """FDL alone: the loss less that with lambda = 0."""
    losses = (
        SubpixelDetectionLoss(SIGMA, fdl_weight=w, **arguments)(output, target) for w in (weight, 0)
    )
    return float(next(losses) - next(losses))


@combinations
def test_it_is_the_distance(constraint, distribution):
    arguments = dict(constraint=constraint, distribution=distribution)
    target, moved = maps_at(CENTERS), logits(maps_at(CENTERS, SHIFT), distribution)
    assert fdl(logits(target, distribution), target, **arguments) == pytest.approx(0, abs=1e-6)
    squared = 0.7**2 + 1.1**2
    assert fdl(moved, target, **arguments) == pytest.approx(squared, abs=1e-5)
    assert fdl(moved, target, 0.5, **arguments) == pytest.approx(squared / 2, abs=1e-5)
    found = fdl(moved, target, fdl_distance='euclidean', **arguments)
    assert found == pytest.approx(squared**0.5, abs=1e-5)


def test_euclidean_gradients_keep_their_length():
    """As the centre comes ten times as near, the square's fade to a tenth."""

    def slope(distance, shift):
        output = logits(maps_at([[[16.0, 15.0]]], (shift, 0.0))).requires_grad_()
        loss = SubpixelDetectionLoss(SIGMA, fdl_distance=distance)
        loss.fine_detection(output, maps_at([[[16.0, 15.0]]])).sum().backward()
        return output.grad.norm().item()

    assert slope('euclidean', 0.04) == pytest.approx(slope('euclidean', 0.4), rel=0.1)
    assert slope('squared', 0.04) == pytest.approx(slope('squared', 0.4) / 10, rel=0.1)
    assert slope('euclidean', 0.0) < 1  # at 0 a root has no slope, and none is made up


@pytest.mark.parametrize('divergence, loss', [('jsd', HeatmapJSDLoss), ('kld', HeatmapKLDLoss)])
def test_without_fdl_it_is_the_divergence(divergence, loss):
    output, target = logits(maps_at(CENTERS, SHIFT)), maps_at(CENTERS)
    found = SubpixelDetectionLoss(fdl_weight=0, loss_weight=3.0, divergence=divergence)
    assert found(output, target) == loss('softmax', loss_weight=3.0)(output, target)


@combinations
def test_gradcheck(constraint, distribution):
    target = maps_at([[[3.3, 2.4], [4.1, 2.8]]], size=(7, 6), sigma=2.0)
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(target.shape, generator=random, dtype=torch.float64)
    output = logits(0.95 * target + 0.03 * noise + 1e-3, distribution).requires_grad_()
    arguments = dict(constraint=constraint, distribution=distribution, patch_size=5)
    losses = [
        SubpixelDetectionLoss(2.0, fdl_distance=distance, divergence=divergence, **arguments)
        for distance, divergence in (('squared', 'jsd'), ('euclidean', 'kld'))
    ]
    assert torch.autograd.gradcheck(
        lambda x: [loss(x, target) for loss in losses], output, atol=1e-6, rtol=1e-4, fast_mode=True
    )


def test_gate():
    target = maps_at([[[12.0, 15.0]]])
    far, near = (logits(maps_at([[[x, 15.0]]])) for x in (25.0, 16.0))
    assert fdl(far, target, gate_fdl=True) == 0
    assert fdl(far, target, gate_fdl=False) == pytest.approx(13**2, abs=1e-4)
    assert fdl(near, target) == pytest.approx(16, abs=1e-4)
    for gate in (False, True):  # a target without a centre adds nothing
        assert fdl(far, torch.zeros_like(target), gate_fdl=gate) == 0


@pytest.mark.parametrize('distribution', ['softmax', 'sigmoid'])
def test_the_residual_is_that_of_another_width(distribution):
    """Nothing for a Gaussian of width sigma, at the border too; another width has its own."""
    loss = SubpixelDetectionLoss(SIGMA, distribution=distribution)
    places = maps_at([[[15.2, 17.9], [1.2, 30.6], [36.4, 0.0]]])
    assert loss.gaussian_residual(logits(places, distribution)).abs().max() < 1e-6
    square = ((torch.arange(9) - 4.0) ** 2 / 2).double()  # r^2 / 2 is the sum of both axes'
    weights = torch.exp(-square / SIGMA**2)
    mean = (weights * square).sum() / weights.sum()
    variance = 2 * ((weights * square**2).sum() / weights.sum() - mean**2)
    found = loss.gaussian_residual(logits(maps_at([[[15.0, 17.0]]], sigma=2.5), distribution))
    assert found.item() == pytest.approx((2.5**-2 - SIGMA**-2) ** 2 * variance.item(), rel=1e-4)
    output = torch.randn(1, 3, *SIZE[::-1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss.gaussian_residual(x).sum(), output)

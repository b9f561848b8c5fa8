"""FDL, seen through the public behaviour of `SubpixelDetectionLoss`."""

import pytest
import torch
from test_losses import gaussians

from mhhn_mmpose.models.losses import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.models.losses.subpixel_detection import FDL_DISTANCES

SIZE, SIGMA, SHIFT = (37, 33), 3.0, (0.7, -1.1)
CENTERS = [[[15.2, 17.9], [20.6, 12.3]], [[18.5, 14.4], [17.0, 19.7]], [[22.1, 15.0], [16.3, 13.8]]]
COMBINATIONS = [
    (constraint, distribution)
    for constraint in ('free', 'known_sigma', 'unit_peak')
    for distribution in ('softmax', 'sum', 'sigmoid')
]
combinations = pytest.mark.parametrize('constraint, distribution', COMBINATIONS)
BIASED = ('unit_peak', 'softmax')  # see test_unit_peak_in_log_space of the fit


def make_loss(fdl_weight=1.0, **arguments):
    return SubpixelDetectionLoss(**{**dict(sigma=SIGMA, fdl_weight=fdl_weight), **arguments})


def logits(maps, distribution):
    """Raw output, float64, that the distribution turns into these Gaussians."""
    if distribution == 'sum':
        return maps
    log_f = maps.clamp_min(1e-200).log()
    return log_f - torch.log1p(-maps.clamp(max=1 - 1e-9)) if distribution == 'sigmoid' else log_f


def fine_detection(output, target, **arguments):
    """FDL alone: the loss with lambda = 1 less the loss without it."""
    return (
        make_loss(1.0, **arguments)(output, target) - make_loss(0.0, **arguments)(output, target)
    ).item()


@pytest.mark.parametrize('steps', [0, 1])
@pytest.mark.parametrize('constraint, distribution', [c for c in COMBINATIONS if c != BIASED])
def test_fdl_is_the_squared_distance(constraint, distribution, steps):
    arguments = dict(constraint=constraint, distribution=distribution, gauss_newton_steps=steps)
    target = gaussians(CENTERS, SIZE, SIGMA)
    same = fine_detection(logits(target, distribution), target, **arguments)
    assert same == pytest.approx(0, abs=1e-6)
    moved = logits(gaussians(CENTERS, SIZE, SIGMA, SHIFT), distribution)
    found = fine_detection(moved, target, **arguments)
    assert found == pytest.approx(0.7**2 + 1.1**2, abs=1e-5)
    half = make_loss(0.5, **arguments)(moved, target) - make_loss(0.0, **arguments)(moved, target)
    assert half.item() == pytest.approx(found / 2, abs=1e-9)


def test_euclidean_distance():
    target = gaussians(CENTERS, SIZE, SIGMA)
    moved = logits(gaussians(CENTERS, SIZE, SIGMA, SHIFT), 'softmax')
    found = fine_detection(moved, target, fdl_distance='euclidean')
    assert found == pytest.approx((0.7**2 + 1.1**2) ** 0.5, abs=1e-5)


def test_euclidean_gradients_are_finite_at_the_centre():
    # Both fits see the same maps, so that their distance is exactly 0, where a root has no slope.
    target = gaussians([[[16.0, 15.0]]], SIZE, SIGMA)
    output = logits(target, 'sum').clone().requires_grad_()
    loss = make_loss(distribution='sum', fdl_distance='euclidean')
    assert loss.fine_detection(output, target).item() == 0
    loss(output, target).backward()
    assert output.grad.isfinite().all()


def test_euclidean_gradients_keep_their_length():
    """As the centre comes ten times as near, the square's fade to a tenth."""

    def slope(distance, shift):
        target = gaussians([[[16.0, 15.0]]], SIZE, SIGMA)
        moved = logits(gaussians([[[16.0, 15.0]]], SIZE, SIGMA, (shift, 0.0)), 'softmax')
        output = moved.requires_grad_()
        make_loss(fdl_distance=distance).fine_detection(output, target).sum().backward()
        return output.grad.norm().item()

    assert slope('euclidean', 0.04) == pytest.approx(slope('euclidean', 0.4), rel=0.1)
    assert slope('squared', 0.04) == pytest.approx(slope('squared', 0.4) / 10, rel=0.1)


@pytest.mark.parametrize('divergence, loss', [('jsd', HeatmapJSDLoss), ('kld', HeatmapKLDLoss)])
def test_without_fdl_it_is_the_divergence(divergence, loss):
    target = gaussians(CENTERS, SIZE, SIGMA)
    output = logits(gaussians(CENTERS, SIZE, SIGMA, SHIFT), 'softmax')
    expected = loss('softmax', loss_weight=3.0)(output, target)
    found = make_loss(0.0, loss_weight=3.0, divergence=divergence)(output, target)
    assert found.item() == expected.item()


def test_unknown_divergence():
    with pytest.raises(ValueError, match="divergence must be one of .*'kld'.*got 'kl'"):
        SubpixelDetectionLoss(divergence='kl')


@pytest.mark.parametrize('distance', FDL_DISTANCES)
@pytest.mark.parametrize('constraint, distribution', [c for c in COMBINATIONS if c != BIASED])
def test_gradcheck(constraint, distribution, distance):
    target = gaussians([[[4.3, 3.4], [5.1, 3.8]]], (9, 8), 2.0)
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(target.shape, generator=random, dtype=torch.float64)
    output = logits(0.95 * target + 0.03 * noise + 1e-3, distribution).requires_grad_()
    arguments = dict(constraint=constraint, distribution=distribution, fdl_distance=distance)
    loss = make_loss(sigma=2.0, patch_size=5, **arguments)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), (output,), atol=1e-6, rtol=1e-4)


def test_gate():
    target = gaussians([[[12.0, 15.0]]], SIZE, SIGMA)
    far = logits(gaussians([[[25.0, 15.0]]], SIZE, SIGMA), 'softmax').requires_grad_()
    arguments = dict(constraint='free', distribution='softmax')
    assert fine_detection(far, target, **arguments, gate_fdl=True) == 0
    open_ = fine_detection(far, target, **arguments, gate_fdl=False)
    assert open_ == pytest.approx(13**2, abs=1e-4)
    reached = logits(gaussians([[[16.0, 15.0]]], SIZE, SIGMA), 'softmax')
    assert fine_detection(reached, target, **arguments) == pytest.approx(16, abs=1e-4)


def test_a_target_without_a_centre_adds_nothing():
    output = logits(gaussians([[[25.0, 15.0]]], SIZE, SIGMA), 'softmax')
    empty = torch.zeros_like(output)
    for gate in (False, True):
        assert fine_detection(output, empty, gate_fdl=gate) == 0

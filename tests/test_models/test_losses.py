import math

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.models.losses import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.models.losses.divergence import (
    DISTRIBUTIONS,
)

LOSSES = (HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss)
every_loss = pytest.mark.parametrize('loss_class', LOSSES)
every_distribution = pytest.mark.parametrize('distribution', DISTRIBUTIONS)


def gaussians(centers, size=(13, 11), sigma=2.0, shift=(0.0, 0.0)):
    """(B, K, H, W) float64 Gaussians of centres (B, K, 2)."""
    centers = torch.tensor(centers, dtype=torch.float64) + torch.tensor(shift, dtype=torch.float64)
    x, y = centers[..., 0, None], centers[..., 1, None]
    columns = torch.exp(-0.5 * ((torch.arange(size[0]) - x) / sigma) ** 2)
    rows = torch.exp(-0.5 * ((torch.arange(size[1]) - y) / sigma) ** 2)
    return rows[..., :, None] * columns[..., None, :]


CENTERS = [[[5.3, 4.4], [7.8, 6.1], [6.0, 5.5]], [[4.7, 6.2], [8.1, 3.9], [0.2, 9.8]]]  # B 2, K 3


def outputs_near(target, distribution, seed=0):
    """Raw outputs whose heatmaps are near the target, as float64."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.rand(target.shape, generator=random, dtype=torch.float64)
    maps = 0.95 * target + 0.03 * noise + 1e-3
    if distribution == 'sum':
        return maps
    return maps.logit() if distribution == 'sigmoid' else maps.log()


@every_distribution
@pytest.mark.parametrize('loss_class', [HeatmapJSDLoss, HeatmapKLDLoss])
def test_gradcheck_of_divergences(loss_class, distribution):
    target = gaussians([CENTERS[0][:2]], (7, 6))
    output = outputs_near(target, distribution).requires_grad_()
    loss = loss_class(distribution)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), (output,), atol=1e-7)


@every_loss
@every_distribution
def test_weights(loss_class, distribution):
    target = gaussians(CENTERS)
    output = outputs_near(target, distribution)
    loss = loss_class(distribution=distribution, use_target_weight=True)
    each = torch.stack([loss(output[b : b + 1], target[b : b + 1]) for b in range(2)])
    weights = torch.ones(2, 3, dtype=torch.float64)
    assert loss(output, target, weights).item() == pytest.approx(each.mean().item())
    single = [
        [loss(output[b : b + 1, k : k + 1], target[b : b + 1, k : k + 1]) for k in range(3)]
        for b in range(2)
    ]
    weights = torch.tensor([[1, 0.5, 0], [0, 2, 1]], dtype=torch.float64)
    expected = (weights * torch.tensor(single)).mean().item()
    assert loss(output, target, weights).item() == pytest.approx(expected)
    unweighted = loss_class(distribution=distribution)
    assert unweighted(output, target, weights).item() == pytest.approx(each.mean().item())


@every_loss
@every_distribution
@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_landmarks_without_weight_take_no_part(loss_class, distribution, bad):
    target = gaussians(CENTERS)
    output = outputs_near(target, distribution)
    loss = loss_class(distribution=distribution, use_target_weight=True)
    weights = torch.tensor([[1, 0, 1], [1, 1, 0]], dtype=torch.float64)
    expected = loss(output, target, weights)
    output[weights == 0], target[weights == 0] = bad, 0  # as the codec encodes them
    output.requires_grad_()
    found = loss(output, target, weights)
    found.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    assert torch.isfinite(output.grad).all() and not output.grad[weights == 0].any()
    assert output.grad[weights == 1].abs().amax((-1, -2)).all()


HOT = torch.zeros(11, 13)
HOT[4, 7] = 1.0
BAD_MAPS = [0.0 * HOT, HOT * 0 + 0.7, HOT - 2, HOT, 1e4 * HOT, -1e4 * HOT, 1e30 * (HOT - 0.5)]


@every_loss
@every_distribution
@pytest.mark.parametrize('empty_target', [False, True])
def test_finite_maps_give_finite_losses_and_gradients(loss_class, distribution, empty_target):
    output = torch.stack(BAD_MAPS)[None].clone().requires_grad_()
    target = gaussians([[[7.2, 4.1]] * len(BAD_MAPS)]).float() * (not empty_target)
    loss = loss_class(distribution=distribution)(output, target)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(output.grad).all()


def head_and_samples(type_, loss, batch=2, landmarks=3, **arguments):
    codec = SDTHeatmap((52, 44), (13, 11), sigma=2.0)
    config = dict(type=type_, in_channels=5, out_channels=landmarks, loss=loss, **arguments)
    random, samples = np.random.default_rng(0), []
    for _ in range(batch):
        points = random.uniform(0, 40, (1, landmarks, 2))
        points[0, 1] = -30  # off the crop
        encoded, sample = codec.encode(points), PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
        weights = torch.from_numpy(encoded['keypoint_weights'])
        sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
        samples.append(sample)
    return MODELS.build(config), samples


@pytest.mark.parametrize('type_', [loss.__name__ for loss in LOSSES])
@pytest.mark.parametrize(
    'head_type, arguments',
    [('HeatmapHead', dict(deconv_out_channels=None)), ('CPMHead', dict(num_stages=2))],
)
def test_heads_of_mmpose_take_it(head_type, arguments, type_):
    loss = dict(type=type_, use_target_weight=True)
    head, samples = head_and_samples(head_type, loss, **arguments)
    feats = [torch.randn(2, 5, 11, 13, generator=torch.Generator().manual_seed(0))] * 2
    value = head.loss(feats, samples, {})['loss_kpt']
    value.backward()
    assert value > 0 and value.shape == ()
    gradients = [parameter.grad for parameter in head.parameters()]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert all(gradient[[0, 2]].any() and not gradient[1].any() for gradient in gradients)


def test_arguments_are_refused():
    for loss_class in LOSSES:
        with pytest.raises(ValueError, match='distribution'):
            loss_class(distribution='tanh')
        with pytest.raises(ValueError, match='differ'):
            loss_class()(torch.zeros(2, 3, 5, 7), torch.zeros(2, 3, 7, 5))
    for argument in (
        dict(sigma=0),
        dict(patch_size=4),
        dict(constraint='fixed'),
        dict(fdl_distance='cosine'),
    ):
        with pytest.raises(ValueError, match=next(iter(argument))):
            SubpixelDetectionLoss(**argument)

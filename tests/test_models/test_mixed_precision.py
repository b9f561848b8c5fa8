"""A training step in bfloat16 agrees with float32; losses and the fit stay in float32.

bfloat16 has 8 bits: a rounded number is off by 2**-9 = 0.2% at most. Errors add up on the way back,
and single batches differ: over 18 models and 6 batches each, the loss was off by 0 to 0.8%, its
gradient by 1 to 4% of its length in the head (by 13 and 19% where a peak moved by a pixel) and by 4
to 31% over the whole network. So medians of five batches are compared; over those models they are
0.3%, 2.6% and 21% at most. What the loss itself does is tested without any tolerance.
"""

from functools import cache
from statistics import median

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from mhhn_mmpose.codecs import SDTHeatmap

BATCH, LANDMARKS = 4, 5
WIDTH, HEIGHT = 80, 64
SIGMA = 1.5
LOSSES = dict(
    sdl=dict(type='SubpixelDetectionLoss', sigma=SIGMA),
    jsd=dict(type='HeatmapJSDLoss'),
    kld=dict(type='HeatmapKLDLoss'),
)
LOSS_TOLERANCE = 0.01
HEAD_TOLERANCE = 0.1
GRADIENT_TOLERANCE = 0.3


def batch(seed=0):
    """Images in [0, 1] with a bright blob at each landmark, and the targets."""
    codec = SDTHeatmap(
        (WIDTH, HEIGHT), (WIDTH // 4, HEIGHT // 4), sigma=SIGMA, activation='softmax'
    )
    random, images, samples = np.random.default_rng(seed), [], []
    x, y = np.arange(WIDTH), np.arange(HEIGHT)[:, None]
    for _ in range(BATCH):
        points = random.uniform((8, 8), (WIDTH - 8, HEIGHT - 8), (1, LANDMARKS, 2))
        blobs = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / 50) for px, py in points[0]]
        images.append(np.stack([blobs[0] + blobs[1], blobs[1] + blobs[2], blobs[3] - blobs[4]]))
        encoded, sample = codec.encode(points), PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
        weights = torch.from_numpy(encoded['keypoint_weights'])
        sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
        samples.append(sample)
    return torch.from_numpy(np.stack(images)).float(), samples


def make_model(loss):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(
                type='MCGHourglass', num_stacks=1, feat_channels=32, depth=2, attention_scale=None
            ),
            head=dict(
                type='StackedHeatmapHead',  # CPMHead's `acc_pose` stops at bfloat16
                num_stages=1,
                in_channels=32,
                out_channels=LANDMARKS,
                final_layer=dict(kernel_size=1),
                loss=dict(use_target_weight=True, **LOSSES[loss]),
            ),
        )
    )
    for attention in model.backbone.attentions:
        torch.nn.init.constant_(attention.gamma, 0.5)  # at 0, attention would take no part
    return model.train()


def loss_and_gradients(model, images, samples, dtype=None):
    model.zero_grad()
    with torch.autocast('cpu', dtype or torch.bfloat16, enabled=dtype is not None):
        loss = model(images, samples, mode='loss')['loss_kpt']
    loss.backward()
    return loss, {name: p.grad.clone() for name, p in model.named_parameters()}


@cache
def train(loss):
    """A model whose peaks are mostly right, so that the fine detection counts, and its batch."""
    model, (images, samples) = make_model(loss), batch()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(20):
        loss_and_gradients(model, images, samples)
        optimizer.step()
    return model, images, samples


@pytest.fixture(params=LOSSES)
def trained(request):
    return train(request.param)


def relative(found, expected):
    """Length of the difference of two lists of tensors, relative to the second."""
    found, expected = (torch.cat([x.detach().flatten() for x in xs]) for xs in (found, expected))
    return ((found - expected).norm() / expected.norm()).item()


def test_a_step_in_bfloat16_agrees_with_float32(trained):
    errors = []
    for seed in range(5):
        model, data = trained[0], batch(seed)
        expected, gradients = loss_and_gradients(model, *data)
        found, rounded = loss_and_gradients(model, *data, torch.bfloat16)
        assert found.dtype == torch.float32
        assert all(gradient.dtype == torch.float32 for gradient in rounded.values())
        of_head = [[x[name] for name in x if name.startswith('head')] for x in (rounded, gradients)]
        everywhere = relative(rounded.values(), gradients.values())
        errors.append((relative([found], [expected]), relative(*of_head), everywhere))
    loss, head, everywhere = map(median, zip(*errors, strict=True))
    # Above 0, or the steps were not in bfloat16.
    assert 0 < loss < LOSS_TOLERANCE
    assert 0 < head < HEAD_TOLERANCE
    assert 0 < everywhere < GRADIENT_TOLERANCE


def heatmaps_of(model, images, samples):
    """Heatmaps in bfloat16, as MMPose's own heads give them, and the targets in float32."""
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        output = model(images, None, mode='tensor')[-1]
    assert output.dtype == torch.float32  # `StackedHeatmapHead` does not round them
    return output.bfloat16(), torch.stack([sample.gt_fields.heatmaps for sample in samples])


def test_the_loss_of_bfloat16_maps_is_computed_in_float32(trained):
    loss = trained[0].head.loss_module
    output, target = heatmaps_of(*trained)
    output.requires_grad_()
    exact = output.detach().float().requires_grad_()
    expected = loss(exact, target, torch.ones(BATCH, LANDMARKS))
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(output, target, torch.ones(BATCH, LANDMARKS))
    expected.backward(), found.backward()
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    # The gradient is rounded once, to the maps' type.
    assert output.grad.dtype == torch.bfloat16
    torch.testing.assert_close(output.grad, exact.grad.bfloat16(), rtol=0, atol=0)


def test_fine_detection_takes_part():
    """In the steps that are compared; it is left out where a peak is far off."""
    trained = train('sdl')
    output, target = heatmaps_of(*trained)
    counted = trained[0].head.loss_module.fine_detection(output.float(), target) > 0
    assert counted.float().mean() > 0.8

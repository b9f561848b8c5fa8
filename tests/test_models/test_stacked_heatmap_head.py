"""The head trains as MMPose's `CPMHead`, and its accuracy is MMPose's."""

import copy

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from mhhn_mmpose.models.heads.stacked_heatmap_head import pck_accuracy

CODEC = dict(type='SDTHeatmap', input_size=(44, 36), heatmap_size=(11, 9), sigma=1.5)


def head(kind, loss):
    torch.manual_seed(0)
    sizes = dict(num_stages=3, in_channels=6, out_channels=5, final_layer=dict(kernel_size=1))
    return MODELS.build(dict(sizes, type=kind, loss=loss, decoder=CODEC))


def features():
    random = torch.Generator().manual_seed(0)
    return [torch.randn(4, 6, 9, 11, generator=random) for _ in range(3)]


def samples():
    random = torch.Generator().manual_seed(1)
    found = []
    for _ in range(4):
        maps = PixelData(heatmaps=torch.rand(5, 9, 11, generator=random))
        weights = (torch.rand(1, 5, generator=random) > 0.3).float()
        labels = InstanceData(keypoint_weights=weights)
        found.append(PoseDataSample(gt_fields=maps, gt_instance_labels=labels))
    return found


MSE = dict(type='KeypointMSELoss', use_target_weight=True)
JSD = dict(type='HeatmapJSDLoss', use_target_weight=True)


@pytest.mark.parametrize('loss', [MSE, [MSE, JSD, MSE]])
def test_it_trains_as_cpm_head(loss):
    ours, theirs = head('StackedHeatmapHead', copy.deepcopy(loss)), head('CPMHead', loss)
    theirs.load_state_dict(ours.state_dict())
    found, expected = ours.loss(features(), samples()), theirs.loss(features(), samples())
    assert found.keys() == expected.keys() == {'loss_kpt', 'acc_pose'}
    torch.testing.assert_close(found['loss_kpt'], expected['loss_kpt'])
    found['loss_kpt'].backward(), expected['loss_kpt'].backward()
    for ours_p, theirs_p in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours_p.grad, theirs_p.grad)


def test_under_autocast_the_heatmaps_are_float32():
    ours = head('StackedHeatmapHead', JSD)
    expected = ours([x.bfloat16().float() for x in features()])
    with torch.autocast('cpu', torch.bfloat16):
        found = ours([x.bfloat16() for x in features()])
    assert all(map(torch.equal, found, expected))


def test_accuracy_is_mmposes():
    # Of square maps: of others MMPose divides x by the height.
    rng = np.random.default_rng(0)
    target = rng.uniform(0.1, 1, (7, 3, 40, 40)).astype(np.float32)
    output = target + rng.normal(0, 1e-3, target.shape).astype(np.float32)
    weights = (rng.uniform(size=(7, 3)) > 0.4).astype(np.float32)
    weights[:, 1] = 0  # a landmark that nobody has
    _, expected, _ = pose_pck_accuracy(output, target, weights > 0)
    found = pck_accuracy(*map(torch.from_numpy, (output, target, weights)))
    assert 0 < expected < 1
    assert found.item() == pytest.approx(expected)
    maps = torch.rand(2, 3, 5, 7)
    assert pck_accuracy(maps, maps, torch.zeros(2, 3)) == 0
    assert pck_accuracy(maps - 5, maps, torch.ones(2, 3)) == 1  # logits may all be negative

"""A step on two processes has the gradients of one process on the joint batch."""

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from test_losses import gaussians
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import mhhn_mmpose  # noqa: F401

NUM_STACKS, NUM_LANDMARKS, BATCH = 2, 3, 4
SOFTMAX = dict(use_target_weight=True, distribution='softmax')
LOSSES = {
    'mse': dict(type='KeypointMSELoss', use_target_weight=True),
    'jsd': dict(type='HeatmapJSDLoss', **SOFTMAX),
    'kld': dict(type='HeatmapKLDLoss', **SOFTMAX),
    'sdl': dict(type='SubpixelDetectionLoss', sigma=1.5, **SOFTMAX),
    'sdl_ungated': dict(type='SubpixelDetectionLoss', sigma=1.5, gate_fdl=False, **SOFTMAX),
}
# Of the joint batch, whose first half is process 0's: unequal counts; one process without any.
WEIGHTS = {
    'unequal': [[1, 1, 0.5], [1, 0, 1], [0, 0, 1], [0, 0, 0]],
    'one_without': [[1, 0, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0]],
}


class Network(nn.Module):
    """Backbone and head as a config builds them; its forward is the training loss."""

    def __init__(self, loss):
        super().__init__()
        torch.manual_seed(0)
        self.backbone = MODELS.build(
            dict(type='MCGHourglass', num_stacks=NUM_STACKS, feat_channels=8, depth=1)
        )
        self.head = MODELS.build(
            dict(
                type='StackedHeatmapHead',
                num_stages=NUM_STACKS,
                in_channels=8,
                out_channels=NUM_LANDMARKS,
                final_layer=dict(kernel_size=1),
                loss=loss,
                decoder=dict(
                    type='SDTHeatmap', input_size=(44, 36), heatmap_size=(11, 9), sigma=1.5
                ),
            )
        )
        nn.init.constant_(self.backbone.state_dict()['attentions.0.gamma'], 0.5)
        # Statistics of a batch are each process's own; here every layer uses the running ones.
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    def forward(self, images, samples):
        return self.head.loss(self.backbone(images), samples)['loss_kpt']


def joint_batch(weights):
    random = torch.Generator().manual_seed(1)
    images = torch.rand(BATCH, 3, 36, 44, generator=random, dtype=torch.float64)
    centers = 2 + 6 * torch.rand(BATCH, NUM_LANDMARKS, 2, generator=random)
    samples = []
    for heatmaps, face in zip(gaussians(centers.tolist(), (11, 9), 1.5), weights, strict=True):
        sample = PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=heatmaps)
        sample.gt_instance_labels = InstanceData(
            keypoint_weights=torch.tensor([face], dtype=torch.float64)
        )
        samples.append(sample)
    return images, samples


def gradients(network, images, samples):
    network(images, samples).backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def _both_halves(rank, store, out):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{store}', rank=rank, world_size=2
    )
    found = {}
    for loss in LOSSES:
        for weights in WEIGHTS:
            images, samples = joint_batch(WEIGHTS[weights])
            mine = slice(rank * BATCH // 2, (rank + 1) * BATCH // 2)
            network = DistributedDataParallel(Network(LOSSES[loss]).double())
            found[loss, weights] = gradients(network, images[mine], samples[mine])
    if rank == 0:
        torch.save(found, out)
    torch.distributed.destroy_process_group()


@pytest.fixture(scope='module')
def of_two_processes(tmp_path_factory):
    if 'fork' not in mp.get_all_start_methods():
        pytest.skip('needs fork, this system has only spawn')
    folder = tmp_path_factory.mktemp('gloo')
    torch.set_num_threads(1)
    mp.start_processes(
        _both_halves, (folder / 'store', folder / 'found'), nprocs=2, start_method='fork'
    )
    return torch.load(folder / 'found')


@pytest.mark.parametrize('weights', WEIGHTS)
@pytest.mark.parametrize('loss', LOSSES)
def test_gradients_are_those_of_the_joint_batch(of_two_processes, loss, weights):
    expected = gradients(Network(LOSSES[loss]).double(), *joint_batch(WEIGHTS[weights]))
    found = of_two_processes[loss, weights]
    assert {name.removeprefix('module.') for name in found} == expected.keys()
    largest = max(g.abs().max() for g in expected.values())
    assert largest > 0
    for name, gradient in expected.items():
        torch.testing.assert_close(
            found[f'module.{name}'], gradient, rtol=1e-10, atol=1e-13 * float(largest)
        )

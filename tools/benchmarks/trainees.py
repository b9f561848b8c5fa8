"""The models whose training is timed, and a step of it.

A step is MMEngine's `train_step`: images and targets to the device, forward, loss and `acc_pose`,
backward, optimizer. Its batch is random and made once. Learning rates are 0, so that every step
costs the same and none diverges.

Axis letters: B batch, K landmarks, (H, W) heatmap, (h, w) input.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from machine import is_out_of_memory, on_gpu
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mhhn_mmpose.datasets.pipelines import with_codec

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '300w'
HRNET = 'td-hm_hrnetv2-w18-msra_8xb4-200e_300w-256x256'
LEAVES = {
    'paper': dict(mhhn='td-hm_mhhn_8xb4-200e_300w-256x256', hgs='td-hm_hgs_8xb4-200e_300w-256x256'),
    'tiny': dict(
        mhhn='td-hm_mhhn-tiny_2xb8-30e_300w-128x128', hgs='td-hm_hgs-tiny_2xb8-30e_300w-128x128'
    ),
}
PEERS = ('hourglass', 'hrnet')
NAMES = dict(mhhn='MHHN', hgs='HGs', hourglass='MMPose HourglassNet', hrnet='MMPose HRNetV2-W18')
OPTIONS = ('bf16', 'channels_last', 'compile')
# Each on or off: 8 of them.
VARIANTS = tuple(
    '+'.join(chosen) or 'float32'
    for count in range(len(OPTIONS) + 1)
    for chosen in itertools.combinations(OPTIONS, count)
)


def load_config(name: str, size: str) -> Config:
    """A model's config, at the input size of `size`."""
    ours = LEAVES[size]['mhhn']
    cfg = Config.fromfile(CONFIGS / f'{LEAVES[size].get(name, HRNET)}.py')
    init_default_scope(cfg.default_scope)
    if name in PEERS:
        sizes = Config.fromfile(CONFIGS / f'{ours}.py').codec
        cfg.codec.update(input_size=sizes.input_size, heatmap_size=sizes.heatmap_size)
        cfg.model.head.decoder = cfg.codec
        cfg.train_dataloader = with_codec(cfg.train_dataloader, cfg.codec)
        cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    if name == 'hourglass':  # as in MMPose's hourglass configs, but for the number of stacks
        stacks = Config.fromfile(CONFIGS / f'{ours}.py').model.backbone.num_stacks
        del cfg.model['neck']
        cfg.model.backbone = dict(type='HourglassNet', num_stacks=stacks)
        cfg.model.head = dict(
            type='CPMHead',
            in_channels=256,
            out_channels=cfg.model.head.out_channels,
            num_stages=stacks,
            deconv_out_channels=None,
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=cfg.codec,
        )
    return cfg


def make_batch(cfg: Config, batch: int) -> dict:
    """Random images (3, h, w) uint8 and the codec's targets (K, H, W), as a loader hands them."""
    random = np.random.default_rng(0)
    codec = KEYPOINT_CODECS.build(cfg.codec)
    width, height = cfg.codec.input_size
    landmarks = cfg.model.head.out_channels
    inputs, samples = [], []
    for _ in range(batch):
        points = random.uniform(0, (width - 1, height - 1), (1, landmarks, 2))
        encoded = codec.encode(points, np.ones((1, landmarks), np.float32))
        sample = PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
        weights = torch.from_numpy(encoded['keypoint_weights'])
        sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
        samples.append(sample)
        image = random.integers(0, 256, (3, height, width), dtype=np.uint8)
        inputs.append(torch.from_numpy(image))
    return dict(inputs=inputs, data_samples=samples)


@dataclass
class Trainee:
    """A model in training; after it ran out of memory its steps do nothing.

    Attributes:
        memory: Peak of one step in MB, with weights and optimizer, without other models.
    """

    model: BaseModel
    optimizer: OptimWrapper
    data: dict
    memory: float = float('nan')
    failed: bool = False

    def step(self) -> None:
        """One training step."""
        if not self.failed:
            with self.until_memory_ends():
                self.model.train_step(self.data, self.optimizer)

    @contextmanager
    def until_memory_ends(self) -> Iterator[None]:
        """Let pass no other error than that there is no memory left."""
        try:
            yield
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self.failed = True
        if self.failed:
            self.model = self.optimizer = None
            torch.cuda.empty_cache()


def build_trainee(name: str, variant: str, args: argparse.Namespace) -> Trainee:
    """Build a model and its optimizer as MMEngine's runner does, and take its first steps."""
    cuda = on_gpu(args.device)
    before = torch.cuda.memory_allocated(args.device) if cuda else 0
    cfg = load_config(name, args.size)
    torch.manual_seed(0)
    trainee = Trainee(MODELS.build(cfg.model), None, make_batch(cfg, args.batch))
    with trainee.until_memory_ends():
        model = trainee.model.to(args.device).train()
        if 'channels_last' in variant:
            model.to(memory_format=torch.channels_last)
            model.backbone.register_forward_pre_hook(to_channels_last)
        trainee.optimizer = build_optimizer(model, cfg, variant, args.device)
        if 'compile' in variant:
            model.train_step = torch.compile(model.train_step)
    for _ in range(2):  # the second with the optimizer's state in place
        if cuda:
            torch.cuda.reset_peak_memory_stats(args.device)
        trainee.step()
    if cuda:
        trainee.memory = (torch.cuda.max_memory_allocated(args.device) - before) / 1e6
    return trainee


def to_channels_last(_: torch.nn.Module, args: tuple) -> tuple:
    """A hook that brings a backbone's input into that memory format."""
    return tuple(x.contiguous(memory_format=torch.channels_last) for x in args)


def build_optimizer(model: BaseModel, cfg: Config, variant: str, device: str) -> OptimWrapper:
    """The config's optimizer, with MMEngine's AMP or without."""
    wrapper = cfg.optim_wrapper
    wrapper.optimizer.lr = 0.0
    if 'bf16' not in variant:
        return build_optim_wrapper(model, wrapper)
    if on_gpu(device):
        return build_optim_wrapper(model, dict(wrapper, type='AmpOptimWrapper', dtype='bfloat16'))
    return build_optim_wrapper(model, dict(wrapper, type='CpuAmpOptimWrapper'))


def why_not(variant: str, device: str) -> str:
    """Why a variant cannot run here, or ''."""
    if 'bf16' in variant and on_gpu(device) and not torch.cuda.is_bf16_supported():
        return 'the GPU has no bfloat16'
    if 'compile' in variant:
        try:
            torch.compile(lambda x: x.sin() + 1)(torch.ones(8, device=device))
        except Exception as error:  # whatever it is, it is shown
            return f'torch.compile: {str(error).strip().splitlines()[0]}'
    return ''

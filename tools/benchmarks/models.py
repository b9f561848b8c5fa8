"""The models whose speed is measured, ours and MMPose's, and a step of their training.

A step is MMEngine's `train_step`: images and targets to the device, forward, loss and `acc_pose`,
backward, optimizer. Its batch is random and made once. Learning rates are 0, so that every step
costs the same and none diverges.

Axis letters: B batch, K landmarks, (H, W) heatmap, (h, w) input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from measure import on_gpu
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mhhn_mmpose.datasets.pipelines import with_codec

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '300w'
LEAVES = {
    'paper': 'td-hm_{}_8xb4-200e_300w-256x256.py',
    'tiny': 'td-hm_{}-tiny_2xb8-30e_300w-128x128.py',
}
OURS = {'mhhn': 'MHHN', 'hgs-hsr': 'HGs+HSR', 'hgs': 'HGs'}
PEERS = {
    'hourglass': 'MMPose HourglassNet + CPMHead',
    'hrnet': 'MMPose HRNetV2-W18',
    'hrnet-dark': 'MMPose HRNetV2-W18 + DARK',
}
NAMES = OURS | PEERS
# What a variant names is switched on.
VARIANTS = ('float32', 'compile', 'bf16', 'bf16+channels_last', 'bf16+channels_last+compile')


def leaf(name: str, size: str) -> str:
    """Path of one of our models' config at a size, 'paper' or 'tiny'."""
    return str(CONFIGS / LEAVES[size].format(name))


def load_config(name: str, size: str) -> Config:
    """A model's config; a peer's at the input size of `size`, without pretrained weights."""
    if name in OURS:
        cfg = Config.fromfile(leaf(name, size))
        init_default_scope(cfg.default_scope)
        return cfg
    ours = Config.fromfile(leaf('hgs', size))
    kind = 'dark' if name == 'hrnet-dark' else 'msra'
    cfg = Config.fromfile(leaf(f'hrnetv2-w18-{kind}', 'paper'))
    init_default_scope(cfg.default_scope)
    cfg.codec.update({k: ours.codec[k] for k in ('input_size', 'heatmap_size')})
    cfg.model.head.decoder = cfg.codec
    for part in ('train_dataloader', 'test_dataloader'):
        cfg[part] = with_codec(cfg[part], cfg.codec)
    cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    if name == 'hourglass':  # as in MMPose's hourglass configs, but for the number of stacks
        stacks = ours.model.backbone.num_stacks
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


def build_training(
    name: str, size: str, variant: str, batch: int, device: str, backend: str = 'inductor'
) -> tuple[BaseModel, Callable[[], object], float]:
    """Build a model as MMEngine's runner does, and take two steps of its training.

    Args:
        name: One of `NAMES`.
        size: 'paper' or 'tiny'.
        variant: One of `VARIANTS`.
        batch: B.
        device: Where.
        backend: Of `torch.compile`.

    Returns:
        tuple: The model, its step, and the GPU's peak in MB during the second step, whose optimizer
        has its state in place; without other models, nan on a CPU.
    """
    before = torch.cuda.memory_allocated(device) if on_gpu(device) else 0
    cfg = load_config(name, size)
    torch.manual_seed(0)
    model, data = MODELS.build(cfg.model).to(device).train(), make_batch(cfg, batch)
    if 'channels_last' in variant:
        model.to(memory_format=torch.channels_last)
        model.backbone.register_forward_pre_hook(to_channels_last)
    optimizer = build_optimizer(model, cfg, variant, device)
    train_step = model.train_step
    if 'compile' in variant:
        train_step = torch.compile(train_step, backend=backend)
    train_step(data, optimizer)
    if on_gpu(device):
        torch.cuda.reset_peak_memory_stats(device)
    train_step(data, optimizer)
    peak = torch.cuda.max_memory_allocated(device) - before if on_gpu(device) else math.nan
    return model, lambda: train_step(data, optimizer), peak / 1e6


def to_channels_last(_: torch.nn.Module, args: tuple) -> tuple:
    """A hook that brings a backbone's input into that memory format."""
    return tuple(x.contiguous(memory_format=torch.channels_last) for x in args)


def build_optimizer(model: BaseModel, cfg: Config, variant: str, device: str) -> OptimWrapper:
    """The config's optimizer with a learning rate of 0, with MMEngine's AMP or without."""
    wrapper = cfg.optim_wrapper
    wrapper.optimizer.lr = 0.0
    if 'bf16' in variant:
        kind = 'AmpOptimWrapper' if on_gpu(device) else 'CpuAmpOptimWrapper'
        wrapper = dict(wrapper, type=kind, dtype='bfloat16')
    return build_optim_wrapper(model, wrapper)

"""The work whose growth is measured, and how mathematics has it grow.

Axis letters: B batch, K landmarks, (H, W) heatmap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from mmpose.registry import KEYPOINT_CODECS, MODELS


@dataclass(frozen=True)
class Point:
    """What is measured: a training step of `model`, or the work on heatmaps alone."""

    model: str  # 'MHHN', 'HGs' or 'heatmaps'
    channels: int
    side: int  # of the input in pixels, or of the heatmaps for 'heatmaps'
    landmarks: int
    stacks: int
    batch: int


@dataclass(frozen=True)
class Series:
    """One size that doubles, and the exponents that mathematics gives in the limit."""

    size: str
    field: str
    model: str
    values: tuple[int, ...]
    time: int
    memory: int
    why: str


SERIES = (
    Series('input side', 'side', 'HGs', (64, 128, 256, 512), 2, 2, 'pixels'),
    Series('input side', 'side', 'MHHN', (64, 128, 256, 512), 4, 2, 'pairs of positions; pixels'),
    Series('heatmap side', 'side', 'heatmaps', (32, 64, 128, 256), 2, 2, 'pixels'),
    Series('landmarks', 'landmarks', 'heatmaps', (17, 34, 68, 136), 1, 1, 'heatmaps'),
    Series('stacks', 'stacks', 'MHHN', (1, 2, 4, 8), 1, 1, 'stacks'),
    Series('batch', 'batch', 'MHHN', (2, 4, 8, 16), 1, 1, 'images'),
)
# `channels` also of the attention. The heatmaps' side is in their own pixels: 1/4 of 256.
BASES = {
    'tiny': Point('MHHN', channels=32, side=128, landmarks=17, stacks=1, batch=2),
    'paper': Point('MHHN', channels=256, side=256, landmarks=68, stacks=4, batch=2),
}


def point_of(series: Series, value: int, size: str) -> Point:
    """A point of a series."""
    base = replace(BASES[size], model=series.model)
    if series.model == 'heatmaps':
        base = replace(base, side=64, batch=8)
    return replace(base, **{series.field: value})


def random_points(point: Point, side: int) -> np.ndarray:
    """(B, 1, K, 2) landmarks in pixels of a square of `side`."""
    shape = (point.batch, 1, point.landmarks, 2)
    return np.random.default_rng(0).uniform(0, side - 1, shape)


def heatmap_work(point: Point, device: str) -> Callable[[], object]:
    """Targets made, SDL forward and backward, decoding; of (B, K, side, side) heatmaps."""
    size = (point.side, point.side)
    codec = KEYPOINT_CODECS.build(
        dict(type='SDTHeatmap', input_size=size, heatmap_size=size, activation='softmax')
    )
    points = random_points(point, point.side)
    loss = MODELS.build(dict(type='SubpixelDetectionLoss'))

    def work() -> None:
        maps = np.stack([codec.encode(face)['heatmaps'] for face in points])
        target = torch.from_numpy(maps).to(device)
        output = (10 * target).requires_grad_()
        loss(output, target).backward()
        codec.batch_decode(output.detach())

    return work


def training_step(point: Point, device: str) -> Callable[[], object]:
    """Forward, SDL and backward, from images (B, 3, side, side) and given targets."""
    torch.manual_seed(0)
    attention = 'all' if point.model == 'MHHN' else 'none'
    backbone = dict(type='MCGHourglass', num_stacks=point.stacks, feat_channels=point.channels)
    head = dict(
        type='CPMHead',
        in_channels=point.channels,
        out_channels=point.landmarks,
        num_stages=point.stacks,
        final_layer=dict(kernel_size=1),
        loss=dict(type='SubpixelDetectionLoss'),
    )
    # A scale of None keeps the logits small, as a trained network does.
    backbone = MODELS.build(dict(backbone, attention=attention, attention_scale=None)).to(device)
    head = MODELS.build(head).to(device)
    side = (point.side // 4, point.side // 4)
    codec = KEYPOINT_CODECS.build(dict(type='SDTHeatmap', input_size=side, heatmap_size=side))
    points = random_points(point, side[0])
    target = torch.from_numpy(np.stack([codec.encode(face)['heatmaps'] for face in points]))
    images, target = torch.rand(point.batch, 3, point.side, point.side), target.to(device)
    images = images.to(device)

    def work() -> None:
        sum(head.loss_module(o, target) for o in head(backbone(images))).backward()

    return work

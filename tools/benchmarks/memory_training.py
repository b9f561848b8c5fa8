"""Training of a config's model on `Faces` in memory: several models side by side, in bfloat16.

On a GPU each model's step is one CUDA graph on a stream of its own, so that small models share the
device. On a CPU the same code runs step by step, in float32.

Axis letters: B batch, K landmarks, (H, W) heatmap; points are (x, y).
"""

from __future__ import annotations

import copy
import itertools
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from memory_faces import Augmentation, Cropper, Faces
from mmengine.config import Config
from mmpose.registry import KEYPOINT_CODECS, MODELS
from model_table import load_config
from torch import Tensor, nn

WARM_UP = 50  # steps
LOG_EVERY = 20  # steps between waits for the GPU
Batch = tuple[Tensor, Tensor, Tensor]  # images (B, 3, h, w), targets (B, K, H, W), weights (B, K)


@dataclass
class Job:
    """One training.

    Attributes:
        name: Of its results.
        config: Path of the config.
        options: What differs from it, as `--cfg-options`.
        batch: Faces a step.
        lr: Learning rate at its highest.
        ema: Decay of the mean of the weights that is evaluated; 0 for the last weights.
        seed: Of weights, order and augmentation.
        augmentation: Arguments of `Augmentation`.
        init: Weights to begin with.
        schedule: 'cosine', or 'paper': divided by 2, 5, 10, 10 at 1/10, 1/4, 1/2, 3/4 of the steps.
    """

    name: str
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    batch: int = 32
    lr: float = 4e-3
    ema: float = 0.0
    seed: int = 0
    augmentation: dict[str, float] = field(default_factory=dict)
    init: Path | None = None
    schedule: str = 'cosine'


class Trainee:
    """A model, its optimizer and the step that trains it."""

    def __init__(self, job: Job, faces: Faces, flip_pairs: list[int], graph: bool = True) -> None:
        self.job, self.faces, self.device = job, faces, faces.photos.device
        self.on_gpu = self.device.type == 'cuda'
        cfg = load_config(job.config, job.options)
        torch.manual_seed(job.seed)
        self.codec = KEYPOINT_CODECS.build(cfg.codec)
        model = MODELS.build(cfg.model)
        model.init_weights()
        if job.init:
            model.load_state_dict(torch.load(job.init, weights_only=True)['state_dict'])
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.mean_model = copy.deepcopy(self.model).eval() if job.ema else self.model
        self.cropper = Cropper(faces, self.codec.input_size[0], flip_pairs, job.seed + 1)
        self.make_targets = TargetMaker(self.codec, self.device)
        self.optimizer, self.factors = self._make_optimizer(cfg)
        self.order = torch.empty(0)
        self.step_number = 0
        self.losses: list[float] = []
        self.use_graph, self.graph = graph and self.on_gpu, None
        self.stream = torch.cuda.Stream() if self.on_gpu else None
        if self.on_gpu:
            torch.cuda.synchronize()  # the weights were made on another stream

    def _make_optimizer(self, cfg: Config) -> tuple[torch.optim.Optimizer, list[float]]:
        """AdamW with a group of parameters for each `lr_mult` of the config, and these factors."""
        keys = cfg.optim_wrapper.get('paramwise_cfg', {}).get('custom_keys', {})
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            factors = [value['lr_mult'] for key, value in keys.items() if key in name]
            groups.setdefault(factors[-1] if factors else 1.0, []).append(parameter)
        # A graph reads the rates from the device.
        rates = [torch.zeros((), device=self.device) if self.on_gpu else 0.0 for _ in groups]
        optimizer = torch.optim.AdamW(
            [dict(params=p, lr=rate) for p, rate in zip(groups.values(), rates, strict=True)],
            weight_decay=0.0,
            capturable=self.on_gpu,
            fused=self.on_gpu,
        )
        return optimizer, list(groups)

    def rate(self, done: float) -> float:
        """Return the schedule's factor when that share of the training is done."""
        if self.step_number < WARM_UP:
            return 0.01 + 0.99 * self.step_number / WARM_UP
        if self.job.schedule == 'paper':
            passed = sum(done >= fraction for fraction in (0.1, 0.25, 0.5, 0.75))
            return (1, 1 / 2, 1 / 10, 1 / 100, 1 / 1000)[passed]
        return 0.5 * (1 + math.cos(math.pi * done)) * 0.9975 + 0.0025

    def make_batch(self) -> Batch:
        """Return the next faces, augmented; every epoch has its own order."""
        with torch.cuda.stream(self.stream):
            if len(self.order) < self.job.batch:
                random = self.cropper.generator
                self.order = torch.randperm(len(self.faces), device=self.device, generator=random)
            index, self.order = self.order[: self.job.batch], self.order[self.job.batch :]
            images, points = self.cropper.augmented(index, Augmentation(**self.job.augmentation))
            images = images.contiguous(memory_format=torch.channels_last)
            return images, *self.make_targets(points)

    def step(self, batch: Batch, done: float) -> None:
        """One step of the optimizer; `done` is the share of the training before it."""
        with torch.cuda.stream(self.stream):
            for group, factor in zip(self.optimizer.param_groups, self.factors, strict=True):
                rate = self.job.lr * factor * self.rate(done)
                if self.on_gpu:
                    group['lr'].fill_(rate)
                else:
                    group['lr'] = rate
            if self.use_graph and self.step_number >= 3:  # kernels are chosen before
                self._replay(batch)
            else:
                self.last_loss = self._train(*batch)
            if self.job.ema:
                self._average()
        self.step_number += 1

    def _replay(self, batch: Batch) -> None:
        """Train by the graph, which is recorded first."""
        if self.graph is None:
            self.held = tuple(x.clone() for x in batch)
            self.optimizer.zero_grad(set_to_none=True)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.last_loss = self._train(*self.held)
        for held, new in zip(self.held, batch, strict=True):
            held.copy_(new)
        self.graph.replay()

    def _train(self, images: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        module = self.model.head.loss_module
        loss = sum(module(output, targets, weights) for output in self.outputs(images))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def outputs(self, images: Tensor, model: nn.Module | None = None) -> list[Tensor]:
        """Raw heatmaps of every stack, in float32: half precision would round the logits."""
        model = model or self.model
        kind = self.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=self.on_gpu, cache_enabled=False):
            feats = model.extract_feat(images)
        with torch.autocast(kind, enabled=False):
            found = model.head.forward([feat.float() for feat in feats])
        return found if isinstance(found, list) else [found]

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.job.ema, (1 + self.step_number) / (10 + self.step_number))
        mean, current = (
            [x.detach() for x in model.state_dict().values() if x.is_floating_point()]
            for model in (self.mean_model, self.model)
        )
        torch._foreach_lerp_(mean, current, 1 - decay)

    def note_loss(self) -> None:
        """Wait for the device and keep the last step's loss."""
        if self.stream is not None:
            self.stream.synchronize()
        self.losses.append(float(self.last_loss))


class TargetMaker:
    """Target heatmaps (B, K, H, W) as the codec encodes them (Eq. 1), and weights, on a device."""

    def __init__(self, codec: Any, device: torch.device | str) -> None:
        if hasattr(codec, '_to_heatmap'):
            scale, shift = codec._to_heatmap
        else:  # MSRAHeatmap
            scale, shift = 1 / np.asarray(codec.scale_factor), np.zeros(2)
        self.rounded = not getattr(codec, 'unbiased', True)
        self.sigma = codec.sigma
        width, height = codec.heatmap_size
        values = scale, shift, codec.input_size, np.arange(width), np.arange(height)
        self.scale, self.shift, self.size, self.x, self.y = (
            torch.as_tensor(x, dtype=torch.float32, device=device) for x in values
        )

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Targets and weights of landmarks (B, K, 2) in input pixels."""
        inside = ((points > -1) & (points < self.size)).all(-1)
        centers = points * self.scale + self.shift
        if self.rounded:
            centers = (centers + 0.5).floor()
        columns = (-((self.x - centers[..., :1]) ** 2) / (2 * self.sigma**2)).exp()
        rows = (-((self.y - centers[..., 1:]) ** 2) / (2 * self.sigma**2)).exp()
        maps = rows[..., :, None] * columns[..., None, :] * inside[..., None, None]
        return maps, inside.float()


def train_jobs(
    jobs: list[Job],
    faces: Faces,
    flip_pairs: list[int],
    steps: float,
    seconds: float = math.inf,
    graph: bool = True,
) -> list[Trainee]:
    """Train the jobs side by side until all have done `steps`, or the time is up.

    Schedules follow whichever is nearer, so that each comes to its end.
    """
    trainees = [Trainee(job, faces, flip_pairs, graph) for job in jobs]
    start = time.perf_counter()
    for step in itertools.count():
        done = max(step / steps, (time.perf_counter() - start) / seconds)
        if done >= 1:
            break
        for trainee in trainees:
            trainee.step(trainee.make_batch(), done)
        if step % LOG_EVERY == 0:
            for trainee in trainees:
                trainee.note_loss()
    for trainee in trainees:
        trainee.note_loss()
    return trainees

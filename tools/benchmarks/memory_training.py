"""Training of a config's model on `Faces` in memory: several models side by side, in bfloat16.

On a GPU each model's step is one CUDA graph on a stream of its own, so that small models share the
device. On a CPU the same code runs step by step.

Axis letters: B batch, K landmarks, (H, W) heatmap; points are (x, y).
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from memory_faces import Augmentation, Cropper, Faces
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

import mhhn_mmpose  # noqa: F401, registers the models

WARM_UP = 50  # steps
Batch = tuple[Tensor, Tensor, Tensor]  # images (B, 3, h, w), targets (B, K, H, W), weights (B, K)


@dataclass
class Job:
    """One training.

    Attributes:
        name: Of its results.
        config: Path of the config.
        options: What differs from it, as `--cfg-options`.
        steps: Of the optimizer; fewer if `train_jobs` has no time for them.
        batch: Faces a step.
        lr: Learning rate at its highest.
        ema: Decay of the mean of the weights that is evaluated; 0 for the last weights.
        seed: Of weights, order and augmentation.
        augmentation: Arguments of `Augmentation`.
        schedule: 'cosine', or 'paper': divided by 2, 5, 10, 10 at 1/10, 1/4, 1/2, 3/4 of the steps.
    """

    name: str
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    steps: int = 1000
    batch: int = 32
    lr: float = 4e-3
    ema: float = 0.0
    seed: int = 0
    augmentation: dict[str, float] = field(default_factory=dict)
    schedule: str = 'cosine'


class Trainee:
    """A model, its optimizer and the step that trains it."""

    def __init__(self, job: Job, faces: Faces, flip_pairs: list[int], graph: bool) -> None:
        self.job, self.faces, self.device = job, faces, faces.photos.device
        cfg = Config.fromfile(job.config)
        init_default_scope(cfg.default_scope)
        cfg.merge_from_dict(job.options)
        if cfg.model.backbone.get('init_cfg', {}).get('type') == 'Pretrained':
            cfg.model.backbone.init_cfg = None  # would be downloaded
        torch.manual_seed(job.seed)
        self.codec = KEYPOINT_CODECS.build(cfg.codec)
        model = MODELS.build(cfg.model)
        model.init_weights()
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.mean_model = copy.deepcopy(self.model).eval() if job.ema else self.model
        on_gpu = self.device.type == 'cuda'
        self.amp = torch.bfloat16 if on_gpu else None
        self.cropper = Cropper(faces, self.codec.input_size[0], flip_pairs, job.seed + 1)
        self.make_targets = TargetMaker(self.codec, self.device)
        self.optimizer, self.factors = self._make_optimizer(cfg)
        self.order: Tensor | None = None
        self.taken, self.step_number, self.total = 0, 0, job.steps
        self.losses: list[float] = []
        self.stream = torch.cuda.Stream() if on_gpu else None
        self.use_graph = graph and on_gpu
        self.graph, self.static = None, None

    def _make_optimizer(self, cfg: Config) -> tuple[torch.optim.Optimizer, list[float]]:
        """AdamW with a group of parameters for each `lr_mult` of the config, and these factors."""
        keys = cfg.optim_wrapper.get('paramwise_cfg', {}).get('custom_keys', {})
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            factors = [value['lr_mult'] for key, value in keys.items() if key in name]
            groups.setdefault(factors[-1] if factors else 1.0, []).append(parameter)
        on_gpu = self.device.type == 'cuda'
        rates = torch.zeros(len(groups), device=self.device)  # tensors, for a graph to read
        rates = rates.unbind() if on_gpu else rates.tolist()
        optimizer = torch.optim.AdamW(
            [dict(params=p, lr=rate) for p, rate in zip(groups.values(), rates, strict=True)],
            weight_decay=0.0,
            capturable=on_gpu,
            fused=on_gpu,
        )
        return optimizer, list(groups)

    def rate(self, step: int) -> float:
        """The schedule's factor at a step."""
        if step < WARM_UP:
            return 0.01 + 0.99 * step / WARM_UP
        done = step / max(1, self.total)
        if self.job.schedule == 'paper':
            passed = sum(done >= share for share in (0.1, 0.25, 0.5, 0.75))
            return (1, 1 / 2, 1 / 10, 1 / 100, 1 / 1000)[passed]
        return 0.5 * (1 + math.cos(math.pi * done)) * 0.9975 + 0.0025

    def make_batch(self) -> Batch:
        """The next faces, augmented; every epoch has its own order."""
        count, batch = len(self.faces), self.job.batch
        if self.order is None or self.taken + batch > count:
            self.order = torch.randperm(count, device=self.device, generator=self.cropper.generator)
            self.taken = 0
        index = self.order[self.taken : self.taken + batch]
        self.taken += batch
        images, points = self.cropper.augmented(index, Augmentation(**self.job.augmentation))
        images = images.contiguous(memory_format=torch.channels_last)
        return images, *self.make_targets(points)

    @property
    def batch_key(self) -> tuple:
        """Trainees of one key train on the same batches."""
        job, codec = self.job, self.codec
        kind = codec.input_size, codec.heatmap_size, codec.sigma, type(codec).__name__
        convention = getattr(codec, 'convention', None)
        return (job.seed, job.batch, *job.augmentation.items(), *kind, convention)

    def step(self, batch: Batch) -> None:
        """One step of the optimizer."""
        for group, factor in zip(self.optimizer.param_groups, self.factors, strict=True):
            rate = self.job.lr * factor * self.rate(self.step_number)
            if isinstance(group['lr'], Tensor):
                group['lr'].fill_(rate)
            else:
                group['lr'] = rate
        if self.stream is None:
            self._step(batch)
        else:
            self.stream.wait_stream(torch.cuda.default_stream())
            with torch.cuda.stream(self.stream):
                for x in batch:
                    x.record_stream(self.stream)
                self._step(batch)
        self.step_number += 1

    def _step(self, batch: Batch) -> None:
        if not self.use_graph:
            self.last_loss = self._train(*batch)
        else:
            if self.static is None:
                self.static = tuple(x.clone() for x in batch)
            for held, new in zip(self.static, batch, strict=True):
                held.copy_(new)
            if self.step_number < 3:  # kernels are chosen before they are recorded
                self.last_loss = self._train(*self.static)
            else:
                if self.graph is None:
                    self._capture()
                self.graph.replay()
        if self.job.ema:
            self._average()

    def _capture(self) -> None:
        torch.cuda.current_stream().synchronize()
        self.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.stream):
            self.last_loss = self._train(*self.static)

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
        with torch.autocast(kind, self.amp, enabled=self.amp is not None, cache_enabled=False):
            feats = model.extract_feat(images)
        with torch.autocast(kind, enabled=False):
            found = model.head.forward([feat.float() for feat in feats])
        return found if isinstance(found, list) else [found]

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.job.ema, (1 + self.step_number) / (10 + self.step_number))
        mean, now = (
            [x.detach() for x in model.state_dict().values() if x.is_floating_point()]
            for model in (self.mean_model, self.model)
        )
        torch._foreach_lerp_(mean, now, 1 - decay)

    def finish(self) -> None:
        """Wait for the device and note the loss."""
        if self.stream is not None:
            torch.cuda.default_stream().wait_stream(self.stream)
        self.losses.append(float(self.last_loss))


class TargetMaker:
    """Target heatmaps (B, K, H, W) as the codec encodes them (Eq. 1), and weights, on a device."""

    def __init__(self, codec: Any, device: torch.device | str) -> None:
        if hasattr(codec, '_to_heatmap'):
            scale, shift = codec._to_heatmap
        else:  # MSRAHeatmap
            scale, shift = 1 / np.asarray(codec.scale_factor), np.zeros(2)
        self.rounded = not getattr(codec, 'unbiased', True)
        as_tensor = dict(dtype=torch.float32, device=device)
        self.scale, self.shift = (torch.as_tensor(x, **as_tensor) for x in (scale, shift))
        self.size = torch.tensor(codec.input_size, **as_tensor)
        self.sigma = codec.sigma
        width, height = codec.heatmap_size
        self.x, self.y = torch.arange(width, **as_tensor), torch.arange(height, **as_tensor)

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
    seconds: float = math.inf,
    graph: bool = True,
    log_every: int = 0,
) -> list[Trainee]:
    """Train the jobs side by side, each for the same share of its steps.

    The number of steps is cut, for all by the same factor, to what fits into `seconds` by the speed
    of the first steps, so that every schedule comes to its end.
    """
    trainees = [Trainee(job, faces, flip_pairs, graph) for job in jobs]
    most = max(job.steps for job in jobs)
    start = time.perf_counter()
    for step in range(most):
        batches: dict[tuple, Batch] = {}
        for trainee in trainees:
            if trainee.step_number < trainee.total:
                if trainee.batch_key not in batches:
                    batches[trainee.batch_key] = trainee.make_batch()
                trainee.step(batches[trainee.batch_key])
        if step in (8, 40):
            _synchronize(faces)
        if step == 8:
            measured_from = time.perf_counter()
        if step == 40:
            now = time.perf_counter()
            each, left = (now - measured_from) / 32, seconds - (now - start)
            share = min(1.0, (step + left / each) / most)
            for trainee in trainees:
                trainee.total = int(share * trainee.job.steps)
        if log_every and step and step % log_every == 0:
            for trainee in trainees:
                trainee.finish()
        if all(t.step_number >= t.total for t in trainees):
            break
    _synchronize(faces)
    for trainee in trainees:
        trainee.finish()
    return trainees


def _synchronize(faces: Faces) -> None:
    if faces.photos.device.type == 'cuda':
        torch.cuda.synchronize()

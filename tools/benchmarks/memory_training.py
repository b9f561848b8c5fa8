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
from mhhn_mmpose.models.losses.divergence import jensen_shannon_divergence

LEFT_EYE, RIGHT_EYE = 36, 45  # outer corners, of 68 landmarks
WARM_UP = 50  # steps


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
        self.job, self.device = job, faces.photos.device
        cfg = Config.fromfile(job.config)
        init_default_scope(cfg.default_scope)
        cfg.merge_from_dict(job.options)
        if cfg.model.backbone.get('init_cfg', {}).get('type') == 'Pretrained':
            cfg.model.backbone.init_cfg = None
        torch.manual_seed(job.seed)
        self.codec = KEYPOINT_CODECS.build(cfg.codec)
        model = MODELS.build(cfg.model)
        model.init_weights()
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.mean_model = copy.deepcopy(self.model).eval() if job.ema else self.model
        self.amp = torch.bfloat16 if self.device.type == 'cuda' else None
        width = self.codec.input_size[0]
        self.cropper = Cropper(faces, width, flip_pairs, job.seed + 1)
        self.augmentation = Augmentation(**job.augmentation)
        self.optimizer = self._make_optimizer(cfg, graph)
        self.faces, self.order = faces, None
        self.taken, self.step_number, self.total = 0, 0, job.steps
        self.losses: list[float] = []
        self.stream = torch.cuda.Stream() if self.device.type == 'cuda' else None
        self.graph, self.use_graph, self.static = None, graph and self.stream is not None, None
        self._targets = _TargetMaker(self.codec, self.device)

    def _make_optimizer(self, cfg: Config, graph: bool) -> torch.optim.Optimizer:
        mults = dict(cfg.optim_wrapper.get('paramwise_cfg', {}).get('custom_keys', {}))
        mults = {key: value['lr_mult'] for key, value in mults.items()}
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            found = [factor for key, factor in mults.items() if key in name]
            groups.setdefault(found[-1] if found else 1.0, []).append(parameter)
        on_gpu = self.device.type == 'cuda'
        self.factors = list(groups)
        return torch.optim.AdamW(
            [
                dict(params=params, lr=torch.tensor(self.job.lr * factor, device=self.device))
                if on_gpu
                else dict(params=params, lr=self.job.lr * factor)
                for factor, params in groups.items()
            ],
            weight_decay=0.0,
            capturable=on_gpu,
            fused=on_gpu,
        )

    def rate(self, step: int) -> float:
        """The schedule's factor at a step."""
        if step < WARM_UP:
            return 0.01 + 0.99 * step / WARM_UP
        done = step / max(1, self.total)
        if self.job.schedule == 'paper':
            passed = sum(done >= share for share in (0.1, 0.25, 0.5, 0.75))
            return (1, 1 / 2, 1 / 10, 1 / 100, 1 / 1000)[passed]
        return 0.5 * (1 + math.cos(math.pi * done)) * 0.9975 + 0.0025

    def next_index(self) -> Tensor:
        """The faces of the next batch; every epoch has its own order."""
        count = len(self.faces)
        if self.order is None or self.taken + self.job.batch > count:
            self.order = torch.randperm(count, device=self.device, generator=self.cropper.generator)
            self.taken = 0
        self.taken += self.job.batch
        return self.order[self.taken - self.job.batch : self.taken]

    def make_batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Augmented images (B, 3, h, w), targets (B, K, H, W) and weights (B, K)."""
        images, points = self.cropper.augmented(self.next_index(), self.augmentation)
        images = images.contiguous(memory_format=torch.channels_last)
        return images, *self._targets(points)

    @property
    def batch_key(self) -> tuple:
        """Trainees of one key train on the same batches."""
        codec, job = self.codec, self.job
        sizes = tuple(codec.input_size), tuple(codec.heatmap_size), codec.sigma
        kind = type(codec).__name__ == 'MSRAHeatmap', getattr(codec, 'convention', None)
        return (job.seed, job.batch, *sizes, *kind, tuple(job.augmentation.items()))

    def step(self, batch: tuple[Tensor, Tensor, Tensor]) -> None:
        """One step of the optimizer."""
        for group, factor in zip(self.optimizer.param_groups, self.factors, strict=True):
            rate = self.job.lr * factor * self.rate(self.step_number)
            if isinstance(group['lr'], Tensor):
                group['lr'].fill_(rate)
            else:
                group['lr'] = rate
        if self.stream is None:
            self._step(*batch)
        else:
            self.stream.wait_stream(torch.cuda.default_stream())
            with torch.cuda.stream(self.stream):
                for x in batch:
                    x.record_stream(self.stream)
                self._step(*batch)
        self.step_number += 1

    def _step(self, images: Tensor, targets: Tensor, weights: Tensor) -> None:
        if not self.use_graph:
            self.last_loss = self._train(images, targets, weights)
        else:
            if self.graph is None:
                if self.static is None:
                    self.static = tuple(x.clone() for x in (images, targets, weights))
                if self.step_number < 3:
                    self.last_loss = self._train(*self.static)
                else:
                    self._capture()
            if self.graph is not None:
                for held, new in zip(self.static, (images, targets, weights), strict=True):
                    held.copy_(new)
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
        loss = self.loss(images, targets, weights)
        if not self.use_graph or self.graph is None:
            self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.use_graph and self.graph is not None:
            self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def outputs(self, images: Tensor, model: nn.Module | None = None) -> list[Tensor]:
        """Raw heatmaps of every stack, in float32: half precision would round the logits."""
        model = model or self.model
        kind = self.device.type
        with torch.autocast(kind, self.amp, enabled=self.amp is not None, cache_enabled=False):
            feats = model.backbone(images)
            if model.with_neck:
                feats = model.neck(feats)
        with torch.autocast(kind, enabled=False):
            feats = [feat.float() for feat in feats] if isinstance(feats, (list, tuple)) else feats
            found = model.head.forward(feats)
        return found if isinstance(found, list) else [found]

    def loss(self, images: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """The sum over the stacks."""
        module = self.model.head.loss_module
        return sum(module(output, targets, weights) for output in self.outputs(images))

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.job.ema, (1 + self.step_number) / (10 + self.step_number))
        mean = [*self.mean_model.parameters(), *_float_buffers(self.mean_model)]
        now = [*self.model.parameters(), *_float_buffers(self.model)]
        torch._foreach_lerp_([x.detach() for x in mean], [x.detach() for x in now], 1 - decay)

    @torch.no_grad()
    def shape(self, faces: Faces, batch: int = 64) -> dict[str, float]:
        """How the heatmaps of faces look: means over the landmarks, without a flip test.

        `above_half`: pixels above half the peak; `jsd` to the target as distributions, in nats;
        `width_x`, `width_y`: fitted standard deviations over sigma; `fallback`: share of maps whose
        free fit is refused; `moved`: share that the fit moves by a pixel or more. Nothing for
        MMPose's own codecs, which fit no Gaussian.
        """
        if not hasattr(self.codec, 'locate'):
            return {}
        cropper = Cropper(faces, self.codec.input_size[0], self.cropper.flip_pairs.tolist())
        self.mean_model.eval()
        codec = _sdt(self.codec)
        rows = []
        for start in range(0, len(faces), batch):
            index = torch.arange(start, min(start + batch, len(faces)), device=self.device)
            images, points = cropper.crop(index)
            maps = self.outputs(
                images.contiguous(memory_format=torch.channels_last), self.mean_model
            )[-1]
            rows.append(_shape(maps, *self._targets(points), codec))
        if self.mean_model is self.model:
            self.model.train()
        return {name: float(torch.cat([row[name] for row in rows]).mean()) for name in rows[0]}

    def finish(self) -> None:
        """Wait for the device and note the loss."""
        if self.stream is not None:
            torch.cuda.default_stream().wait_stream(self.stream)
        self.losses.append(float(self.last_loss))

    @torch.no_grad()
    def predict(self, faces: Faces, batch: int = 64, flip: bool = True) -> dict[str, np.ndarray]:
        """Landmarks (N, K, 2) in photo pixels by 'argmax' and 'sdt', and the averaged outputs."""
        cropper = Cropper(faces, self.codec.input_size[0], self.cropper.flip_pairs.tolist())
        self.mean_model.eval()
        found: dict[str, list[Tensor]] = dict(argmax=[], sdt=[])
        for start in range(0, len(faces), batch):
            index = torch.arange(start, min(start + batch, len(faces)), device=self.device)
            images, _ = cropper.crop(index)
            images = images.contiguous(memory_format=torch.channels_last)
            maps = self.outputs(images, self.mean_model)[-1]
            if flip:
                mirrored = self.outputs(images.flip(-1), self.mean_model)[-1]
                mirrored = mirrored.flip(-1)[:, self.cropper.flip_pairs]
                if getattr(self.codec, 'convention', 'msra') == 'msra':
                    mirrored = torch.cat([mirrored[..., :1], mirrored[..., :-1]], -1)
                maps = (maps + mirrored) / 2
            if hasattr(self.codec, 'locate'):
                fit = _sdt(self.codec).locate(maps)
                both = dict(argmax=fit.argmax, sdt=fit.centers)
            else:  # MMPose's own codec
                points, _ = (
                    self.codec.batch_decode(maps)
                    if self.codec.support_batch_decoding
                    else zip(*(self.codec.decode(m) for m in maps.cpu().numpy()), strict=True)
                )
                points = torch.from_numpy(np.concatenate(points)).to(self.device)
                both = dict(argmax=points, sdt=points)
            for name, points in both.items():
                if hasattr(self.codec, 'locate'):
                    scale, shift = map(points.new_tensor, self.codec._to_input)
                    points = points * scale + shift
                ratio = faces.sides[index] / cropper.size
                points = (points - cropper.size / 2) * ratio[:, None, None]
                found[name].append(points + faces.centers[index][:, None])
        if self.mean_model is self.model:
            self.model.train()
        return {name: torch.cat(points).float().cpu().numpy() for name, points in found.items()}

    def scores(self, faces: Faces) -> dict[str, dict[str, dict[str, float]]]:
        """NME and its like in percent, by decoding and normaliser."""
        truth = faces.points.cpu().numpy()
        eyes = {
            'inter_ocular': (truth[:, LEFT_EYE], truth[:, RIGHT_EYE]),
            'inter_pupil': (truth[:, 36:42].mean(1), truth[:, 42:48].mean(1)),
        }
        found = {}
        for decoding, points in self.predict(faces).items():
            distances = np.linalg.norm(points - truth, axis=-1).mean(1)
            found[decoding] = {}
            for name, (left, right) in eyes.items():
                errors = 100 * distances / np.linalg.norm(left - right, axis=-1)
                found[decoding][name] = dict(
                    nme=float(errors.mean()),
                    std=float(errors.std()),
                    fr10=float(100 * (errors > 10).mean()),
                    auc10=float(np.maximum(0, 1 - errors / 10).mean()),
                )
        return found


def _float_buffers(model: nn.Module) -> list[Tensor]:
    return [buffer for buffer in model.buffers() if buffer.is_floating_point()]


def _sdt(codec: Any) -> Any:
    """The codec itself, or for `ArgmaxHeatmap` the `SDTHeatmap` of the same arguments."""
    if type(codec).__name__ != 'ArgmaxHeatmap':
        return codec
    names = (
        'input_size',
        'heatmap_size',
        'sigma',
        'patch_size',
        'constraint',
        'gauss_newton_steps',
        'convention',
        'activation',
    )
    return KEYPOINT_CODECS.build(
        dict(type='SDTHeatmap', **{name: getattr(codec, name) for name in names})
    )


def _shape(maps: Tensor, targets: Tensor, weights: Tensor, codec: Any) -> dict[str, Tensor]:
    """Measures of heatmaps (B, K, H, W) with a target, one a map."""
    used = weights > 0
    fit = codec.locate(maps)
    if codec.activation == 'softmax':
        f = (maps - maps.amax((-2, -1), keepdim=True)).exp()
    else:
        f = (maps.sigmoid() if codec.activation == 'sigmoid' else maps).clamp_min(0)
    peak = f.amax((-2, -1), keepdim=True).clamp_min(1e-12)
    p, q = (
        x.flatten(2) / x.flatten(2).sum(-1, keepdim=True).clamp_min(1e-12) for x in (f, targets)
    )
    widths = _widths(f, fit.argmax) / codec.sigma
    shapes = dict(
        above_half=(f > peak / 2).sum((-2, -1)).float(),
        jsd=jensen_shannon_divergence(p, q),
        width_x=widths[..., 0],
        width_y=widths[..., 1],
        peak=peak[..., 0, 0],
        fallback=(~fit.fitted).float(),
        moved=((fit.centers - fit.argmax).norm(dim=-1) >= 1).float(),
    )
    return {name: values[used] for name, values in shapes.items()}


def _widths(f: Tensor, argmax: Tensor) -> Tensor:
    """(B, K, 2) standard deviations by the curvature of ln f at the argmax."""
    height, width = f.shape[-2:]
    x, y = argmax[..., 0].clamp(1, width - 2).long(), argmax[..., 1].clamp(1, height - 2).long()
    logs, found = f.flatten(2).clamp_min(1e-12).log(), []
    for step in (1, width):
        place = y * width + x
        left, middle, right = (
            logs.gather(2, (place + i)[..., None])[..., 0] for i in (-step, 0, step)
        )
        found.append((2 * middle - left - right).clamp_min(1e-3).rsqrt())
    return torch.stack(found, -1)


class _TargetMaker:
    """Target heatmaps as the codec encodes them, on the device (Eq. 1)."""

    def __init__(self, codec: Any, device: torch.device) -> None:
        if hasattr(codec, '_to_heatmap'):
            scale, shift = codec._to_heatmap
        else:  # MSRAHeatmap
            scale, shift = 1 / np.asarray(codec.scale_factor), np.zeros(2)
        self.rounded = not hasattr(codec, '_to_heatmap') and not codec.unbiased
        as_tensor = dict(dtype=torch.float32, device=device)
        self.scale, self.shift = (torch.as_tensor(x, **as_tensor) for x in (scale, shift))
        self.size = torch.tensor(codec.input_size, **as_tensor)
        self.sigma = codec.sigma
        width, height = codec.heatmap_size
        self.x, self.y = torch.arange(width, **as_tensor), torch.arange(height, **as_tensor)

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
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
    watch: Faces | None = None,
) -> tuple[list[Trainee], list[list]]:
    """Train the jobs side by side, each for the same share of its steps.

    The number of steps is cut, for all by the same factor, to what fits into `seconds` by the speed
    of the first steps, so that every schedule comes to its end.
    """
    trainees = [Trainee(job, faces, flip_pairs, graph) for job in jobs]
    logs: list[list] = [[] for _ in jobs]
    most = max(job.steps for job in jobs)
    start, measured_from, cut = time.perf_counter(), None, False
    for step in range(most):
        batches: dict[tuple, tuple[Tensor, Tensor, Tensor]] = {}
        for trainee in trainees:
            if trainee.step_number < trainee.total:
                if trainee.batch_key not in batches:
                    batches[trainee.batch_key] = trainee.make_batch()
                trainee.step(batches[trainee.batch_key])
        if step == 8:
            _synchronize(faces)
            measured_from = time.perf_counter()
        if step == 40 and math.isfinite(seconds) and not cut:
            _synchronize(faces)
            now = time.perf_counter()
            each, left = (now - measured_from) / 32, seconds - (now - start)
            share = min(1.0, (step + left / each) / most)
            for trainee in trainees:
                trainee.total = int(share * trainee.job.steps)
            cut = True
        if log_every and step and step % log_every == 0:
            for trainee, log in zip(trainees, logs, strict=True):
                trainee.finish()
                nme = None
                if watch is not None:
                    nme = round(trainee.scores(watch)['sdt']['inter_ocular']['nme'], 4)
                epoch = step * trainee.job.batch / len(faces)
                log.append([round(epoch, 2), round(trainee.losses[-1], 5), nme])
        if all(t.step_number >= t.total for t in trainees):
            break
    _synchronize(faces)
    for trainee in trainees:
        trainee.finish()
    return trainees, logs


def _synchronize(faces: Faces) -> None:
    if faces.photos.device.type == 'cuda':
        torch.cuda.synchronize()

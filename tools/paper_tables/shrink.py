"""A config of paper size, made small enough for a CPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config, ConfigDict

from .rows import Stem

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_FDL_WEIGHT = 1 / 16  # SubpixelDetectionLoss's own


def shrink(cfg: Config, tiny: Config) -> Config:
    """Return the config at the size, schedule and batch of a tiny one.

    Input, heatmap and sigma shrink by the same factor r, so that a Gaussian keeps its size on the
    face. Heatmap pixels get 1/r times as large there, so the fine detection loss, in squared
    heatmap pixels, is weighted by 1/r^2. An hourglass takes the tiny one's stacks, channels and
    learning rate; other backbones and all that a row is about (attention, patch, constraint) stay.

    Args:
        cfg: Of any leaf in configs.
        tiny: The tiny HGs: everything that is a matter of choice is read from it.
    """
    cfg = copy.deepcopy(cfg)
    factor = tiny.codec.input_size[0] / cfg.codec.input_size[0]
    for codec in _codecs(cfg):
        _shrink_codec(codec, factor)
    for step in _steps(cfg, 'TopdownAffine'):
        step.input_size = cfg.codec.input_size
    for part in _dicts(cfg.model.head.loss):
        if 'sigma' in part:
            part.sigma *= factor
        if part.get('type') == 'SubpixelDetectionLoss':
            part.fdl_weight = part.get('fdl_weight', _FDL_WEIGHT) / factor**2
    if cfg.model.backbone.type == tiny.model.backbone.type:
        _shrink_hourglass(cfg, tiny)
    _take_schedule(cfg, tiny)
    return cfg


def tiny_stem(stem: Stem, tiny: Stem, size: int) -> str:
    """Return the name of a shrunken config, as the tiny leaves are called.

    Args:
        stem: Of the config at paper size.
        tiny: Of the tiny HGs.
        size: Of the input, pixels.
    """
    test = '' if stem.dataset == stem.trained_on else f'_{stem.dataset}'
    schedule = f'{tiny.processes}xb{tiny.batch}-{tiny.epochs}e'
    return f'td-hm_{stem.model}-tiny_{schedule}_{stem.trained_on}-{size}x{size}{test}'


def set_epochs(cfg: Config, epochs: int) -> None:
    """Train for so many epochs instead, with the schedule's shape kept."""
    factor = epochs / cfg.train_cfg.max_epochs
    cfg.train_cfg.max_epochs = epochs
    cfg.train_cfg.val_interval = min(cfg.train_cfg.get('val_interval', 1), epochs)
    for scheduler in cfg.param_scheduler:
        if not scheduler.get('by_epoch', True):
            continue  # a warm-up, in steps
        for key in ('begin', 'end', 'T_max'):
            if key in scheduler:
                scheduler[key] = round(scheduler[key] * factor)
        if 'milestones' in scheduler:
            scheduler.milestones = [max(round(m * factor), 1) for m in scheduler.milestones]


def _shrink_codec(codec: ConfigDict, factor: float) -> None:
    """Shrink what is measured in pixels, but for the fitted patch, which a row can be about."""
    for key in ('input_size', 'heatmap_size'):
        codec[key] = tuple(round(side * factor) for side in codec[key])
    codec.sigma *= factor
    if 'blur_kernel_size' in codec:
        codec.blur_kernel_size = round(codec.blur_kernel_size * factor) // 2 * 2 + 1  # odd


def _shrink_hourglass(cfg: Config, tiny: Config) -> None:
    """Take the tiny one's stacks, channels and learning rate."""
    for key in ('num_stacks', 'feat_channels'):
        cfg.model.backbone[key] = tiny.model.backbone[key]
    for key in ('num_stages', 'in_channels'):
        cfg.model.head[key] = tiny.model.head[key]
    cfg.optim_wrapper.optimizer.lr = tiny.optim_wrapper.optimizer.lr


def _take_schedule(cfg: Config, tiny: Config) -> None:
    """Take the tiny one's epochs, learning rate schedule, batch and workers."""
    cfg.train_cfg = copy.deepcopy(tiny.train_cfg)
    cfg.param_scheduler = copy.deepcopy(tiny.param_scheduler)
    for name in _LOADERS:
        for key in ('batch_size', 'num_workers'):
            cfg[name][key] = tiny[name][key]


def _codecs(cfg: Config) -> Iterator[ConfigDict]:
    """Yield every copy of the codec, each once."""
    encoders = [step.encoder for step in _steps(cfg, 'GenerateTarget')]
    copies = (cfg.codec, cfg.model.head.decoder, *encoders)
    yield from {id(codec): codec for codec in copies}.values()


def _steps(cfg: Config, kind: str) -> Iterator[ConfigDict]:
    """Yield every pipeline step of a type, each once."""
    pipelines = [cfg[name].dataset.pipeline for name in _LOADERS]
    pipelines += [cfg[name] for name in ('train_pipeline', 'val_pipeline') if name in cfg]
    steps = (step for pipeline in pipelines for step in pipeline if step.type == kind)
    yield from {id(step): step for step in steps}.values()


def _dicts(value: Any) -> Iterator[ConfigDict]:
    """Yield a dictionary and all inside it, lists' entries too."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list | tuple):
            yield from _dicts(inner)

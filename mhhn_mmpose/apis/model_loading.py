"""The one way to load a model: all weights or none, and nothing but weights from a file."""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.model import is_model_wrapper, revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import _load_checkpoint
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.models import build_pose_estimator
from torch import nn

from mhhn_landmarks.errors import InputError

from ..weights_only import refusal

ADDRESS = re.compile(r'[\w+-]{2,}:')  # of a checkpoint that MMEngine downloads; C: is a disk
NAMES_SHOWN = 3
COCO = dict(from_file='configs/_base_/datasets/coco.py')


def load_model(
    config: str | Path | Config, checkpoint: str | Path | None = None, device: str = 'cpu'
) -> nn.Module:
    """Build a pose estimator for inference and load its weights, as MMPose's `init_model`.

    Unlike there, weights of another model are refused; MMPose logs what differs and goes on with
    random numbers. Nothing but the checkpoint is downloaded.

    Args:
        config: A file, or its content, which is not changed.
        checkpoint: A file or an address; None for random weights.
        device: Such as 'cpu' or 'cuda:0'.

    Returns:
        The model in eval mode. `cfg` is its config, `dataset_meta` describes its landmarks: the
        checkpoint's description if it has one, else the config's, else COCO's.

    Raises:
        InputError: If a file is missing or cannot be read, the weights are of another model, or
            the device cannot be used.

    >>> model = load_model('configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py')
    >>> model.head.out_channels
    68
    """
    cfg = copy.deepcopy(config) if isinstance(config, Config) else load_config(config)
    _check_device(device)
    name = cfg.filename or 'the config'
    if 'model' not in cfg:
        raise InputError(f'{name}: no config of a model; give the one that was trained')
    if 'backbone' in cfg.model:
        cfg.model.backbone.pop('init_cfg', None)  # weights that would be downloaded and replaced
    cfg.model.train_cfg = None
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    try:
        model = revert_sync_batchnorm(build_pose_estimator(cfg.model))
    except KeyError as error:  # how registries say that they lack a name
        raise InputError(f'{name}: no pose model ({_in_one_line(error)})') from error
    meta = {} if checkpoint is None else load_weights(model, checkpoint, name).get('meta') or {}
    described = meta.get('dataset_meta') or _dataset_meta(cfg, 'train')
    model.dataset_meta = described or parse_pose_metainfo(COCO)
    model.cfg = cfg
    return model.to(device).eval()


def load_config(path: str | Path) -> Config:
    """Read a config: a file, or one of a package by name, such as `mmpose::face_.../hrnet.py`.

    Raises:
        InputError: If there is none, or it is not valid.

    >>> load_config('configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py').codec.sigma
    1.5
    """
    in_package = '::' in str(path)
    if not in_package and not Path(path).is_file():
        raise InputError(f'{path}: no such config file')
    try:
        return get_config(str(path)) if in_package else Config.fromfile(str(path))
    except Exception as error:  # a config is code, and may raise anything
        raise InputError(f'{path}: no valid config ({_in_one_line(error)})') from error


def check_landmarks(cfg: Config, *splits: str) -> None:
    """Compare the number of a model's landmarks with those of its datasets' metainfo.

    Args:
        cfg: Of a training or a test.
        splits: Of 'train', 'val' and 'test'.

    Raises:
        InputError: If they differ; MMPose would fail at some shape.

    >>> check_landmarks(load_config('configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py'), 'val')
    """
    model = cfg.get('model', {})
    channels = model.get('head', {}).get('out_channels')
    several_schemes = 'output_keypoint_indices' in (model.get('test_cfg') or {})
    if several_schemes or model.get('type') != 'TopdownPoseEstimator':
        return
    for split in splits:
        dataset = (cfg.get(f'{split}_dataloader') or {}).get('dataset', {})
        converted = 'KeypointConverter' in [step['type'] for step in dataset.get('pipeline', [])]
        number = None if converted else (_dataset_meta(cfg, split) or {}).get('num_keypoints')
        if channels and number and channels not in (number, 3 * number):  # 3: UDP's combined maps
            raise InputError(
                f"{cfg.filename}: the model has {channels} landmarks, {split}_dataloader's dataset"
                f' {number}; set model.head.out_channels={number}, or give the dataset another'
                ' metainfo'
            )


def load_weights(
    model: nn.Module, checkpoint: str | Path, config: str | Path = 'the config'
) -> dict[str, Any]:
    """Load a checkpoint's weights into a model, all of them.

    Args:
        model: On any device, wrapped for several processes or not.
        checkpoint: A file or an address.
        config: The model's config, for messages.

    Returns:
        All that the checkpoint holds.

    Raises:
        InputError: If the checkpoint cannot be read, holds anything but plain data, has weights
            that are not finite, or is of another model; the message says what differs.

    >>> from torch import nn
    >>> torch.save(nn.Linear(2, 3).state_dict(), '/tmp/linear.pth')
    >>> load_weights(nn.Linear(2, 5), '/tmp/linear.pth', 'five.py')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: /tmp/linear.pth: weights of another model than five.py ...
    """
    content = load_checkpoint(checkpoint)
    state = content.get('state_dict', content)
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f'{checkpoint}: no weights in it; give a file that tools/train.py wrote')
    for name, weight in state.items():
        if weight.is_floating_point() and not weight.isfinite().all():
            raise InputError(f'{checkpoint}: the weight {name} is not finite; take an earlier one')
    inner: Any = model.module if is_model_wrapper(model) else model
    if found := _differences(inner, state):
        raise InputError(
            f'{checkpoint}: weights of another model than {config} ({"; ".join(found)});'
            ' give the config that the checkpoint was trained with'
        )
    return content


def load_checkpoint(checkpoint: str | Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU, with torch's weights-only protection on.

    Raises:
        InputError: If it is missing, damaged, or holds anything but plain data.

    >>> list(load_checkpoint('mhhn_mmpose/weights/tiny.pth'))
    ['meta', 'state_dict']
    """
    if not Path(checkpoint).is_file() and not ADDRESS.match(str(checkpoint)):
        raise InputError(f'{checkpoint}: no such checkpoint file')
    try:
        content = _load_checkpoint(str(checkpoint), 'cpu', logger='silent')
    except Exception as error:  # torch and pickle raise many kinds for a bad file
        reason = 'no file of torch.save'
        # Some messages of torch advise to switch the protection off.
        if isinstance(error, OSError | RuntimeError) and 'weights_only' not in str(error):
            reason = _in_one_line(error)
        found = refusal(error)
        reason = f'refused, {found}' if found else f'unreadable ({reason})'
        raise InputError(f'{checkpoint}: {reason}') from error
    if not isinstance(content, dict):
        raise InputError(f'{checkpoint}: no checkpoint, it holds a {type(content).__name__}')
    return content


def _check_device(device: str) -> None:
    """Use a device once, or raise `InputError`."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = _in_one_line(error)
        raise InputError(f'device {device}: cannot be used ({reason}); try cpu') from error


def _differences(model: nn.Module, state: Mapping[str, torch.Tensor]) -> list[str]:
    """Load what fits, and say in words what does not."""
    own = model.state_dict()
    loaded = OrderedDict((name.removeprefix('module.'), value) for name, value in state.items())
    shapes = [n for n, w in own.items() if n in loaded and loaded[n].shape != w.shape]
    kept = OrderedDict((name, value) for name, value in loaded.items() if name not in shapes)
    # Which version of a layer wrote its weights; `load_state_dict` converts those of old ones.
    kept._metadata = getattr(state, '_metadata', OrderedDict())  # type: ignore[attr-defined]
    missing, unexpected = model.load_state_dict(kept, strict=False)
    # Counters of batches, which weights from old versions of torch lack.
    missing = [n for n in missing if n not in shapes and not n.endswith('num_batches_tracked')]
    other = [f'{n} is {tuple(loaded[n].shape)}, not {tuple(own[n].shape)}' for n in shapes]
    texts = [_landmarks(model, own, loaded, shapes)]
    found = {'lacks': missing, 'has besides': unexpected, 'other shapes:': other}
    for kind, names in found.items():
        more = f', ... {len(names)} in all' if len(names) > NAMES_SHOWN else ''
        texts.append(f'{kind} {", ".join(names[:NAMES_SHOWN])}{more}' if names else '')
    return [text for text in texts if text]


def _landmarks(model: nn.Module, own: Mapping, loaded: Mapping, shapes: list[str]) -> str:
    """Compare the numbers of landmarks, which are those of the head's output channels."""
    wanted = getattr(getattr(model, 'head', None), 'out_channels', None)
    ends = [n for n in shapes if n.startswith('head.') and len(own[n]) == wanted]
    found = {len(loaded[name]) for name in ends} - {wanted}
    return f'{found.pop()} landmarks, not {wanted}' if len(found) == 1 else ''


def _dataset_meta(cfg: Config, split: str) -> dict | None:
    """Describe the landmarks of a dataset, if its config does."""
    try:
        return dataset_meta_from_config(cfg, split)
    except FileNotFoundError as error:
        raise InputError(f'{cfg.filename}: its metainfo is missing ({error})') from error
    except AssertionError:  # a class that describes its landmarks only when it is built
        return None


def _in_one_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(':.')

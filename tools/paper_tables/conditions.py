"""What a run's folder says of how its scores came to be."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

ERRORS = 'errors.json'
_CHECKPOINT = re.compile(r'epoch_(\d+)\.pth$')
_THRESHOLD = 10.0  # percent, FaceAlignmentMetric's own


class RunError(ValueError):
    """A folder cannot be read; the message is one line: file, reason, remedy."""


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        RunError: If it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise RunError(f'{path}: cannot be read ({str(error).splitlines()[0]})') from error


def read_config(path: Path) -> Config:
    """Read a config that MMEngine wrote, which executes it.

    Raises:
        RunError: If it cannot be read.
    """
    try:
        return Config.fromfile(path, import_custom_modules=False)
    except Exception as error:  # a config is Python code: it can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f'{path}: cannot be read as a config ({reason})') from error


def count_subsets(faces: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count faces by their ``subsets``; ``full`` are all of them."""
    counts = {'full': len(faces)}
    for face in faces:
        for subset in face.get('subsets') or []:
            counts[subset] = counts.get(subset, 0) + (subset != 'full')
    return counts


def scored_epoch(config: Config, trained: int | None) -> tuple[int | None, bool]:
    """Return the tested weights' epoch, and whether validations chose it."""
    name = os.path.basename(config.get('load_from') or '')
    found = _CHECKPOINT.search(name)
    epoch = int(found[1]) if found else None if name else trained
    return epoch, name.startswith('best_')


def describe_model(config: Config) -> tuple[str, bool | None]:
    """Return the model's size in words, and whether it is smaller than the paper's."""
    model = config.get('model') or {}
    backbone, decoder = model.get('backbone'), (model.get('head') or {}).get('decoder')
    if not (backbone and decoder):
        return 'model unknown', None
    size = decoder['input_size'][0]
    if backbone.type != 'MCGHourglass':
        return f'{backbone.type}, {size} px', size < 256
    stacks, channels = backbone.get('num_stacks', 4), backbone.get('feat_channels', 256)
    small = size < 256 or stacks < 4 or channels < 256
    return f'{stacks} x {channels} channels, {size} px', small


def count_images(folder: Path, config: Config, tested: bool) -> dict[str, int]:
    """Count the scored faces by subset; empty if nothing tells."""
    errors = folder / ERRORS
    if tested and errors.is_file():
        return count_subsets(_records(errors, 'images'))
    return count_annotations(config.get('test_dataloader' if tested else 'val_dataloader'))


def count_annotations(dataloader: Mapping[str, Any] | None) -> dict[str, int]:
    """Count the faces of a dataset by subset; empty if its file is not here."""
    dataset = (dataloader or {}).get('dataset', {})
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    return count_subsets(_records(path, 'annotations')) if path.is_file() else {}


def _records(path: Path, key: str) -> list[dict[str, Any]]:
    """Return a file's list of faces."""
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get(key), list):
        raise RunError(f'{path}: no list {key!r} in it; write it again')
    return content[key]


def threshold(evaluators: Any) -> float:
    """Return the failure threshold of a config's metric, percent."""
    listed = evaluators if isinstance(evaluators, list) else [evaluators or {}]
    found = [e['failure_threshold'] for e in listed if e.get('failure_threshold')]
    return float(found[0]) if found else _THRESHOLD

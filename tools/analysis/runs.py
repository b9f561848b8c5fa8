"""Read the results of tested models, and say why a score is not comparable to published ones."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from analysis.errors_file import METRICS, read_errors_file, read_json
from analysis.paper_tables import DATASETS, Stem, parse_stem
from mmengine.config import Config

from mhhn_landmarks.errors import InputError
from mhhn_mmpose.apis.loading import load_config


class Run(NamedTuple):
    """One test."""

    folder: Path
    name: str  # its config's
    scores: dict[str, float]  # by `FaceAlignmentMetric`'s keys
    weights: str | None  # the model that was trained, if another than the config's
    threshold: float  # of FR and AUC, percent
    reasons: list[str]  # why the scores are not comparable with published ones, if they are not
    facts: list[str]  # what else there is to say of it


def find_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read every test of faces at or below the folders, in the order of their paths.

    Raises:
        InputError: If a folder is missing or holds no test, or a file cannot be read.
    """
    found: dict[Path, Run | None] = {}
    for top in map(Path, folders):
        if not top.is_dir():
            raise InputError(f'{top}: no such folder')
        inside = sorted(Path(path) for path, _, files in os.walk(top) if METRICS in files)
        if not inside:
            raise InputError(f'{top}: no {METRICS} in it, which tools/test.py writes')
        found |= {path.resolve(): read_run(path) for path in inside}
    return [run for run in found.values() if run]


def read_run(folder: Path) -> Run | None:
    """Read one test's folder; None if its metric is another than `FaceAlignmentMetric`.

    Raises:
        InputError: If a file in it is missing or cannot be read.
    """
    config_file = max(folder.glob('*.py'), key=lambda file: file.stat().st_mtime, default=None)
    if config_file is None:
        raise InputError(f'{folder}: no config beside {METRICS}; test again with tools/test.py')
    config, stem = load_config(config_file), parse_stem(config_file.stem)
    scores = {k: v for k, v in read_json(folder / METRICS).items() if k.count('/') == 2}
    if not scores:
        return None
    faces = read_errors_file(folder)['images']
    subsets = Counter(name for face in faces for name in {'full', *face['subsets']})
    size, tiny = _describe_model(config)
    facts, reasons = [size], ['tiny'] * tiny
    checkpoint = Path(config.get('load_from') or '')
    epoch = re.search(r'epoch_(\d+)\.pth$', checkpoint.name)
    if stem is None:
        reasons.append('unknown config')
    elif checkpoint.name.startswith('best_'):
        reasons.append('epoch chosen by validation, on the test set')
    elif epoch is None:
        reasons.append('epochs unknown')
    elif int(epoch[1]) < stem.epochs:
        reasons.append(f'epoch {epoch[1]} of {stem.epochs}')
    else:
        facts.append(f'epoch {epoch[1]}')
    trained_on = _count_training_faces(config)
    facts += [f'{len(faces)} test faces']
    facts += [f'{trained_on} training faces'] * (trained_on is not None)
    reasons += _other_faces(stem, subsets, trained_on) if stem else []
    source = parse_stem(checkpoint.parent.name)
    weights = source.model if source and stem and source.model != stem.model else None
    facts = [f'weights of {weights}'] * (weights is not None) + facts
    threshold = float(config.test_evaluator.get('failure_threshold') or 10)
    return Run(folder, config_file.stem, scores, weights, threshold, reasons, facts)


def _other_faces(stem: Stem, subsets: Counter[str], trained_on: int | None) -> list[str]:
    """Say which faces are not those that the published scores were measured on."""
    reasons = []
    for subset, count in DATASETS.get(stem.dataset, {}).get('test', {}).items():
        if subsets[subset] != count:
            reasons = [f'not the official {count} {subset} test faces but {subsets[subset]}']
            break
    count = DATASETS.get(stem.trained_on, {}).get('train')
    return reasons + [f'not the official {count} training faces'] * (
        trained_on not in (None, count)
    )


def _describe_model(config: Config) -> tuple[str, bool]:
    """Return the model's size in words, and whether it is smaller than the paper's."""
    backbone, size = config.model.backbone, config.model.head.decoder.input_size[0]
    if backbone.get('type') != 'MCGHourglass':
        return f'{backbone.get("type")}, {size} px', size < 256
    stacks, channels = backbone.get('num_stacks', 4), backbone.get('feat_channels', 256)
    text = f'{stacks} x {channels} channels, {size} px'
    return text, size < 256 or stacks < 4 or channels < 256


def _count_training_faces(config: Config) -> int | None:
    """Count the training faces; None if their file is not here."""
    dataset = (config.get('train_dataloader') or {}).get('dataset', {})
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    return len(read_json(path)['annotations']) if path.is_file() else None

"""Read the results of tested models, and say why a score is not comparable to published ones."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors_file import METRICS, read_errors, read_json
from analysis.paper_tables import DATASETS, Stem, parse_stem
from mmengine.config import Config

from mhhn_landmarks.errors import InputError
from mhhn_mmpose.apis.loading import load_config

_EPOCH = re.compile(r'epoch_(\d+)\.pth$')


@dataclass(frozen=True)
class Run:
    """One test.

    Attributes:
        folder: Where it is.
        name: Its config's.
        scores: By `FaceAlignmentMetric`'s keys.
        weights: The model that was trained, if another than the config's.
        threshold: Of FR and AUC, percent.
        reasons: Why the scores are not comparable with published ones; empty if they are.
        facts: What else there is to say of it.
    """

    folder: Path
    name: str
    scores: dict[str, float]
    weights: str | None
    threshold: float
    reasons: list[str]
    facts: list[str]

    @property
    def stem(self) -> Stem | None:
        """What the config's name says."""
        return parse_stem(self.name)


def find_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read every test of faces at or below the folders, in the order of their paths.

    Raises:
        InputError: If a folder is missing or holds no test, or a file cannot be read.
    """
    found: dict[Path, Run] = {}
    for top in map(Path, folders):
        if not top.is_dir():
            raise InputError(f'{top}: no such folder')
        inside = sorted(Path(path) for path, _, files in os.walk(top) if METRICS in files)
        if not inside:
            raise InputError(f'{top}: no {METRICS} in it, which tools/test.py writes')
        found |= {path.resolve(): read_run(path) for path in inside}
    return [run for run in found.values() if run.scores]


def read_run(folder: Path) -> Run:
    """Read one test's folder.

    Raises:
        InputError: If a file in it is missing or cannot be read.
    """
    config_file = max(folder.glob('*.py'), key=lambda file: file.stat().st_mtime, default=None)
    if config_file is None:
        raise InputError(f'{folder}: no config beside {METRICS}; test again with tools/test.py')
    config, stem = load_config(config_file), parse_stem(config_file.stem)
    metrics = read_json(folder / METRICS)
    scores = {key: value for key, value in metrics.items() if key.count('/') == 2}
    evaluators = config.get('test_evaluator') or {}
    evaluator = evaluators[0] if isinstance(evaluators, list) else evaluators
    source = parse_stem(Path(config.get('load_from') or '').parent.name)
    weights = source.model if source and stem and source.model != stem.model else None
    size, tiny = _describe_model(config)
    images = _count_subsets(read_errors(folder).images) if scores else {}
    trained_on = _count_training_faces(config)
    counts = [f'{images.get("full")} test faces']
    counts += [f'{trained_on} training faces'] * (trained_on is not None)
    reasons = ['tiny'] * tiny + _differences(stem, config, images, trained_on)
    trained = _EPOCH.search(config.get('load_from') or '')
    epoch = [f'epoch {trained[1]}'] if trained and 'epoch' not in ''.join(reasons) else []
    return Run(
        folder=folder,
        name=config_file.stem,
        scores=scores,
        weights=weights,
        threshold=float(evaluator.get('failure_threshold') or 10),
        reasons=reasons,
        facts=[f'weights of {weights}'] * (weights is not None) + [size, *epoch, *counts],
    )


def _differences(
    stem: Stem | None, config: Config, images: Mapping[str, int], trained_on: int | None
) -> list[str]:
    """Say what of a test is not as where the published scores were measured."""
    if stem is None:
        return ['unknown config']
    reasons = []
    checkpoint = os.path.basename(config.get('load_from') or '')
    epoch = _EPOCH.search(checkpoint)
    if checkpoint.startswith('best_'):
        reasons.append('epoch chosen by validation, on the test set')
    elif epoch is None:
        reasons.append('epochs unknown')
    elif int(epoch[1]) < stem.epochs:
        reasons.append(f'epoch {epoch[1]} of {stem.epochs}')
    for subset, count in DATASETS.get(stem.dataset, {}).get('test', {}).items():
        if (found := images.get(subset, 0)) != count:
            reasons.append(f'not the official {count} {subset} test faces but {found}')
            break
    count = DATASETS.get(stem.trained_on, {}).get('train')
    if trained_on not in (None, count):
        reasons.append(f'not the official {count} training faces')
    return reasons


def _describe_model(config: Config) -> tuple[str, bool]:
    """Return the model's size in words, and whether it is smaller than the paper's."""
    model = config.get('model') or {}
    backbone, decoder = model.get('backbone') or {}, (model.get('head') or {}).get('decoder') or {}
    size = decoder.get('input_size', (0,))[0]
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


def _count_subsets(faces: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count faces by their ``subsets``; ``full`` are all of them."""
    counts = {'full': len(faces)}
    for face in faces:
        for subset in set(face['subsets']) - {'full'}:
            counts[subset] = counts.get(subset, 0) + 1
    return counts

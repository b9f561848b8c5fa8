"""What a finished, half-finished or untested run left in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .conditions import (
    RunError,
    count_annotations,
    count_images,
    describe_model,
    read_config,
    read_json,
    scored_epoch,
    threshold,
)
from .rows import OFFICIAL_TEST, OFFICIAL_TRAIN, parse_stem

METRICS = 'metrics.json'
_SCALARS = '*/vis_data/scalars.json'


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        folder: Where it is.
        stem: Its config's name, else the folder's.
        scores: By `FaceAlignmentMetric`'s keys; empty if there are none yet.
        tested: Whether they come from a test, not from a validation while training.
        epoch: Of the scored weights, if known.
        trained: Epochs of training that are logged, if any are.
        model: Its size in words.
        small: Whether it is smaller than the paper's, if known.
        images: Number of scored faces by subset; empty if unknown.
        train_images: Number of training faces, if known.
        threshold: Of FR and AUC, percent.
        chosen: Whether validations chose the epoch.
        stale: Whether the training went on after the test.
    """

    folder: Path
    stem: str
    scores: dict[str, float]
    tested: bool
    epoch: int | None
    trained: int | None
    model: str
    small: bool | None
    images: dict[str, int]
    train_images: int | None
    threshold: float
    chosen: bool
    stale: bool

    def reasons(self) -> list[str]:
        """Say why the scores are not comparable with published ones; empty if they are."""
        stem, reasons = parse_stem(self.stem), []
        if self.small or (stem and stem.tiny):
            reasons.append('tiny')
        if self.small is None:
            reasons.append('model unknown')
        if not self.tested:
            reasons.append('a validation, not a test')
        if stem is None:
            return [*reasons, 'unknown config']
        if self.epoch is None:
            reasons.append('epochs unknown')
        elif max(self.epoch, self.chosen and self.trained or 0) < stem.epochs:
            reasons.append(f'epoch {self.epoch} of {stem.epochs}')
        if not self.images:
            reasons.append('number of test faces unknown')
        for subset, count in OFFICIAL_TEST.get(stem.dataset, {}).items():
            if self.images and (found := self.images.get(subset, 0)) != count:
                reasons.append(f'not the official {count} {subset} test faces but {found}')
                break
        official = OFFICIAL_TRAIN.get(stem.trained_on)
        if self.train_images not in (None, official):
            reasons.append(f'not the official {official} training faces')
        return reasons


def is_run(folder: Path) -> bool:
    """Whether there is a test's result or a training's log."""
    return (folder / METRICS).is_file() or any(folder.glob(_SCALARS))


def find_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read every run at or below the folders, however deep, in the order of their paths.

    A run's folder has ``metrics.json``, or the log of a training (``*/vis_data/scalars.json``). A
    training without scores of its own is left out if a folder inside it holds its test.

    Raises:
        RunError: If a folder is missing or holds no run, or a file cannot be read.
    """
    found: dict[Path, Run] = {}
    for top in map(Path, folders):
        if not top.is_dir():
            raise RunError(f'{top}: no such folder')
        inside = [Path(path) for path, _, _ in os.walk(top) if is_run(Path(path))]
        if not inside:
            raise RunError(f'{top}: no run in it, neither {METRICS} nor {_SCALARS}; test or train')
        found |= {path.resolve(): read_run(path) for path in sorted(inside)}
    runs = found.values()
    scored = [run for run in runs if run.scores]
    return [r for r in runs if r.scores or not any(_is_test_of(r, other) for other in scored)]


def read_run(folder: Path) -> Run:
    """Read one run's folder.

    Raises:
        RunError: If a file in it cannot be read.
    """
    config_file = _newest(folder.glob('*.py'))
    config = read_config(config_file) if config_file else Config()
    lines = _training_lines(folder)
    trained = max((line['epoch'] for line in lines if 'epoch' in line), default=None)
    scores, epoch, chosen = _read_metrics(folder / METRICS), None, False
    tested = bool(scores)
    if tested:
        epoch, chosen = scored_epoch(config, trained)
    elif validations := [line for line in lines if _scores(line)]:
        scores, epoch = _scores(validations[-1]), validations[-1].get('step')
    model, small = describe_model(config)
    return Run(
        folder=folder,
        stem=config_file.stem if config_file else folder.resolve().name,
        scores=scores,
        tested=tested,
        epoch=epoch,
        trained=trained,
        model=model,
        small=small,
        images=count_images(folder, config, tested),
        train_images=count_annotations(config.get('train_dataloader')).get('full'),
        threshold=threshold(config.get('test_evaluator' if tested else 'val_evaluator')),
        chosen=chosen,
        stale=tested and _is_stale(folder),
    )


def _is_test_of(training: Run, other: Run) -> bool:
    return training.stem == other.stem and training.folder in other.folder.parents


def _newest(paths: Any) -> Path | None:
    return max(paths, key=lambda path: path.stat().st_mtime, default=None)


def _scores(values: Mapping[str, Any]) -> dict[str, float]:
    """Return what `FaceAlignmentMetric` wrote among other numbers."""
    return {k: v for k, v in values.items() if k.count('/') == 2 and isinstance(v, int | float)}


def _read_metrics(path: Path) -> dict[str, float]:
    """Return a test's scores; empty if there was none."""
    if not path.is_file():
        return {}
    content = read_json(path)
    return _scores(content) if isinstance(content, dict) else {}


def _training_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the logged lines of all trainings in a folder, in the order of time."""
    lines = []
    for path in sorted(folder.glob(_SCALARS)):
        texts = path.read_text(encoding='utf-8').splitlines(keepends=True)
        for number, text in enumerate(texts, 1):
            if not text.endswith('\n'):
                break  # being written
            try:
                lines.append(json.loads(text))
            except ValueError as error:
                raise RunError(f'{path}:{number}: no JSON; remove the line') from error
    return lines


def _is_stale(folder: Path) -> bool:
    """Whether the training logged something after its test."""
    logs = [p for p in folder.glob(_SCALARS) if '"loss"' in p.read_text(encoding='utf-8')]
    newest = _newest(logs)
    return newest is not None and newest.stat().st_mtime > (folder / METRICS).stat().st_mtime

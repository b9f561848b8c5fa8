"""What a finished, half-finished or untested run left in its folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors_file import ERRORS, read_errors, read_json
from analysis.paper_tables import DATASETS, Stem, parse_stem
from mmengine.config import Config

from mhhn_landmarks.errors import InputError

METRICS, CORRECTIONS = 'metrics.json', 'corrections.json'
_SCALARS = '*/vis_data/scalars.json'
_CHECKPOINT = re.compile(r'epoch_(\d+)\.pth$')


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        folder: Where it is.
        name: Its config's name, else the folder's.
        scores: By `FaceAlignmentMetric`'s keys; empty if there are none yet.
        corrections: What SDT moved, from `decoders.py`; empty if not measured.
        tested: Whether scores come from a test, not from a validation while training.
        epoch: Of the scored weights, if known.
        trained: Epochs of training that are logged, if any are.
        weights: The model that was trained, if another than the config's.
        size: The model's size in words, and whether it is smaller than the paper's, if known.
        images: Number of scored faces by subset; empty if unknown.
        train_images: Number of training faces, if known.
        threshold: Of FR and AUC, percent.
        chosen: Whether validations chose the epoch.
        stale: Whether the training went on after the test.
    """

    folder: Path
    name: str
    scores: dict[str, float]
    corrections: dict[str, float]
    tested: bool
    epoch: int | None
    trained: int | None
    weights: str | None
    size: tuple[str, bool | None]
    images: dict[str, int]
    train_images: int | None
    threshold: float
    chosen: bool
    stale: bool

    @property
    def stem(self) -> Stem | None:
        """What the config's name says."""
        return parse_stem(self.name)

    def reasons(self) -> list[str]:
        """Say why the scores are not comparable with published ones; empty if they are."""
        stem, small, reasons = self.stem, self.size[1], []
        if small or (stem and stem.tiny):
            reasons.append('tiny')
        if small is None:
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
        official = DATASETS.get(stem.dataset, {}).get('test', {})
        for subset, count in official.items() if self.images else ():
            if (found := self.images.get(subset, 0)) != count:
                reasons.append(f'not the official {count} {subset} test faces but {found}')
                break
        count = DATASETS.get(stem.trained_on, {}).get('train')
        if self.train_images not in (None, count):
            reasons.append(f'not the official {count} training faces')
        return reasons


def is_run(folder: Path) -> bool:
    """Whether there is a test's result or a training's log."""
    return (folder / METRICS).is_file() or any(folder.glob(_SCALARS))


def find_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read every run at or below the folders, however deep, in the order of their paths.

    A training without scores of its own is left out if a folder inside it holds its test.

    Raises:
        InputError: If a folder is missing or holds no run, or a file cannot be read.
    """
    found: dict[Path, Run] = {}
    for top in map(Path, folders):
        if not top.is_dir():
            raise InputError(f'{top}: no such folder')
        inside = [Path(path) for path, _, _ in os.walk(top) if is_run(Path(path))]
        if not inside:
            raise InputError(f'{top}: no run in it, neither {METRICS} nor {_SCALARS}')
        found |= {path.resolve(): read_run(path) for path in sorted(inside)}
    scored = [run for run in found.values() if run.scores]
    tests = {(run.name, parent) for run in scored for parent in run.folder.parents}
    return [run for run in found.values() if run.scores or (run.name, run.folder) not in tests]


def read_run(folder: Path) -> Run:
    """Read one run's folder.

    Raises:
        InputError: If a file in it cannot be read.
    """
    config_file = _newest(folder.glob('*.py'))
    config = _read_config(config_file) if config_file else Config()
    name = config_file.stem if config_file else folder.resolve().name
    lines = _training_lines(folder)
    trained = max((line['epoch'] for line in lines if 'epoch' in line), default=None)
    metrics, corrections = folder / METRICS, folder / CORRECTIONS
    scores = _only_scores(read_json(metrics)) if metrics.is_file() else {}
    epoch, chosen, tested = None, False, bool(scores)
    if tested:
        epoch, chosen = _scored_epoch(config, trained)
    elif validations := [line for line in lines if _only_scores(line)]:
        scores, epoch = _only_scores(validations[-1]), validations[-1].get('step')
    return Run(
        folder=folder,
        name=name,
        scores=scores,
        corrections=read_json(corrections) if corrections.is_file() else {},
        tested=tested,
        epoch=epoch,
        trained=trained,
        weights=_weights(config, name),
        size=_describe_model(config),
        images=_count_images(folder, config, tested),
        train_images=_count_annotations(config.get('train_dataloader')).get('full'),
        threshold=_threshold(config.get('test_evaluator' if tested else 'val_evaluator')),
        chosen=chosen,
        stale=tested and _is_stale(folder),
    )


def _read_config(path: Path) -> Config:
    """Read a config that MMEngine wrote, which executes it."""
    try:
        return Config.fromfile(path, import_custom_modules=False)
    except Exception as error:  # a config is Python code: it can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f'{path}: cannot be read as a config ({reason})') from error


def _only_scores(values: Any) -> dict[str, float]:
    """Return what `FaceAlignmentMetric` wrote among other numbers."""
    items = values.items() if isinstance(values, dict) else ()
    return {k: v for k, v in items if k.count('/') == 2 and isinstance(v, int | float)}


def _scored_epoch(config: Config, trained: int | None) -> tuple[int | None, bool]:
    """Return the tested weights' epoch, and whether validations chose it."""
    name = os.path.basename(config.get('load_from') or '')
    found = _CHECKPOINT.search(name)
    return (int(found[1]) if found else None if name else trained), name.startswith('best_')


def _weights(config: Config, name: str) -> str | None:
    """Return the model whose checkpoint was tested, if its folder's name says another one."""
    source = parse_stem(Path(config.get('load_from') or '').parent.name)
    stem = parse_stem(name)
    return source.model if source and stem and source.model != stem.model else None


def _describe_model(config: Config) -> tuple[str, bool | None]:
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


def _count_images(folder: Path, config: Config, tested: bool) -> dict[str, int]:
    """Count the scored faces by subset; empty if nothing tells."""
    if tested and (folder / ERRORS).is_file():
        return _count_subsets(read_errors(folder).images)
    return _count_annotations(config.get('test_dataloader' if tested else 'val_dataloader'))


def _count_annotations(dataloader: Mapping[str, Any] | None) -> dict[str, int]:
    """Count the faces of a dataset by subset; empty if its file is not here."""
    dataset = (dataloader or {}).get('dataset', {})
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    if not path.is_file():
        return {}
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get('annotations'), list):
        raise InputError(f'{path}: no list of annotations in it; convert the dataset again')
    return _count_subsets(content['annotations'])


def _count_subsets(faces: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count faces by their ``subsets``; ``full`` are all of them."""
    counts = {'full': len(faces)}
    for face in faces:
        for subset in face.get('subsets') or []:
            counts[subset] = counts.get(subset, 0) + (subset != 'full')
    return counts


def _threshold(evaluators: Any) -> float:
    """Return the failure threshold of a config's metric, percent."""
    listed = evaluators if isinstance(evaluators, list) else [evaluators or {}]
    found = [e['failure_threshold'] for e in listed if e.get('failure_threshold')]
    return float(found[0]) if found else 10.0


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
                raise InputError(f'{path}:{number}: no JSON; remove the line') from error
    return lines


def _newest(paths: Iterable[Path]) -> Path | None:
    return max(paths, key=lambda path: path.stat().st_mtime, default=None)


def _is_stale(folder: Path) -> bool:
    """Whether the training logged something after its test."""
    logs = [p for p in folder.glob(_SCALARS) if '"loss"' in p.read_text(encoding='utf-8')]
    newest = _newest(logs)
    return newest is not None and newest.stat().st_mtime > (folder / METRICS).stat().st_mtime

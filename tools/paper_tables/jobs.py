"""From the rows of a table to configs and commands; nothing is written or started here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from .conditions import ERRORS
from .rows import TABLES, Stem, parse_stem
from .runs import METRICS
from .shrink import set_epochs, shrink, tiny_stem

TINY = 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_SAME_PHOTOS = {'cofw68': 'cofw'}


class TableError(ValueError):
    """A table cannot be run; the message is one line."""


@dataclass(frozen=True)
class Options:
    """What the command line says of all rows.

    Attributes:
        work_dir: Where the runs' folders go.
        tiny: Whether to shrink the models.
        processes: Default: what each config is made for.
        epochs: Default: the configs'.
        data_roots: By dataset, instead of the configs'.
        cfg_options: Merged into each config.
    """

    work_dir: Path
    tiny: bool = False
    processes: int | None = None
    epochs: int | None = None
    data_roots: Mapping[str, Path] | None = None
    cfg_options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Job:
    """A config to train, or to test with another's checkpoint.

    Attributes:
        config: Ready to be written.
        file: Where it is written to.
        folder: The run's.
        title: For the progress lines.
        text: The file's content: the config, and a hash of the annotations it reads.
        processes: To start.
        trains: The job whose checkpoint is tested, if another's.
    """

    config: Config
    file: Path
    folder: Path
    title: str
    text: str
    processes: int
    trains: Job | None = None

    @property
    def checkpoint(self) -> Path:
        """The last epoch's: the best one would be chosen on the test set."""
        source = self.trains or self
        return source.folder / f'epoch_{source.config.train_cfg.max_epochs}.pth'

    @property
    def train_command(self) -> list[str]:
        """How to train it."""
        words = ['tools/dist_train.sh', self.file, self.processes, '--work-dir', self.folder]
        return [str(word) for word in words] + ['--resume']

    @property
    def test_command(self) -> list[str]:
        """How to test it."""
        words = ['tools/dist_test.sh', self.file, self.checkpoint, self.processes]
        words += ['--work-dir', self.folder, '--out', self.folder / METRICS]
        return [str(word) for word in words]


def plan(root: Path, table: str, rows: Sequence[str], options: Options) -> list[Job]:
    """Return what is to be trained and tested, without writing anything.

    Args:
        root: Of the repository.
        table: A name in `TABLES`.
        rows: Patterns of models, such as ``'mhhn*'``; empty for all.
        options: For all rows.

    Raises:
        TableError: If there is no such row, or no config for it.
    """
    keys = TABLES[table].keys
    chosen = [k for k in keys if not rows or any(fnmatchcase(k[0], row) for row in rows)]
    idle = [row for row in rows if not any(fnmatchcase(model, row) for model, _ in keys)]
    if idle:
        names = ', '.join(dict.fromkeys(model for model, _ in keys))
        raise TableError(f'table {table} has no row {idle[0]}, only {names}')
    leaves = [(parse_stem(path.stem), path) for path in sorted(root.glob('configs/*/*.py'))]
    configs = {stem.key: (stem, path) for stem, path in leaves if stem and not stem.tiny}
    if missing := [key for key in chosen if key not in configs]:
        raise TableError(f'no config for {missing[0][0]} on {missing[0][1]} in configs/*/')
    tiny = Config.fromfile(root / TINY) if options.tiny else None
    jobs = []
    for model, dataset in chosen:
        stem, path = configs[model, dataset]
        trained = None
        if stem.trained_on != dataset:
            trained = _job(*configs[model, stem.trained_on], tiny, options, None)
        jobs.append(_job(stem, path, tiny, options, trained))
    return jobs


def _job(stem: Stem, path: Path, tiny: Config | None, options: Options, trained: Job | None) -> Job:
    """Make a config's job."""
    cfg = Config.fromfile(path)
    name, processes, total = path.stem, stem.processes, stem.processes * stem.batch
    if tiny is not None:
        small = parse_stem(Path(TINY).stem)
        cfg, processes = shrink(cfg, tiny), small.processes
        total = small.processes * small.batch
        name = tiny_stem(stem, small, cfg.codec.input_size[0])
    processes = options.processes or processes
    cfg.train_dataloader.batch_size = max(total // processes, 1)  # the same batch in all
    hook = cfg.default_hooks.checkpoint
    hook.interval = min(hook.get('interval', 1), 5)  # what a stopped training loses at most
    if options.epochs:
        set_epochs(cfg, options.epochs)
    _move_data(cfg, options.data_roots or {}, stem)
    folder = options.work_dir / name
    for evaluator in _evaluators(cfg, 'test'):
        if evaluator.type == 'FaceAlignmentMetric':
            evaluator.errors_file = str(folder / ERRORS)
    cfg.merge_from_dict(dict(options.cfg_options or {}))
    loaders = LOADERS if trained is None else LOADERS[2:]
    text = f'# Annotations: {_digest(annotations(cfg, loaders))}\n{cfg.pretty_text}'
    file = options.work_dir / 'configs' / f'{name}.py'
    title = f'{stem.model}{"-tiny" if tiny else ""} {stem.dataset}'
    return Job(cfg, file, folder, title, text, processes, trained)


def _move_data(cfg: Config, roots: Mapping[str, Path], stem: Stem) -> None:
    """Point datasets, and the metrics that read their annotations, at other folders."""
    for kind in ('train', 'val', 'test'):
        data = cfg[f'{kind}_dataloader'].dataset
        name = stem.dataset if kind == 'test' else stem.trained_on
        root = roots.get(name) or roots.get(_SAME_PHOTOS.get(name))
        if root is None:
            continue
        for evaluator in _evaluators(cfg, kind):
            if evaluator.get('ann_file') == os.path.join(data.data_root, data.ann_file):
                evaluator.ann_file = str(root / data.ann_file)
        data.data_root = f'{root}/'


def _evaluators(cfg: Config, kind: str) -> list[ConfigDict]:
    """Return a config's metrics for ``'val'`` or ``'test'``."""
    found = cfg.get(f'{kind}_evaluator') or []
    return list(found) if isinstance(found, list | tuple) else [found]


def annotations(cfg: Config, loaders: Sequence[str]) -> list[Path]:
    """Return the annotation files, each once."""
    data = [cfg[name].dataset for name in loaders]
    return list(dict.fromkeys(Path(d.data_root, d.ann_file) for d in data))


def _digest(files: Sequence[Path]) -> str:
    """Return a hash of the files that are there."""
    contents = [hashlib.sha256(f.read_bytes()).digest() for f in files if f.is_file()]
    return hashlib.sha256(b''.join(contents)).hexdigest()[:16]

"""Train and test the rows of one of the paper's tables, then print its report.

What an earlier call finished is not done again, and a training that was stopped goes on. --tiny
takes the small configs, which two CPU cores train in minutes: rows are then comparable with each
other, not with the paper. A row that only decodes another's weights, such as MSE+SDT, trains that
one; COFW-68 is tested with models trained on 300W.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from mmengine.config import Config, DictAction

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import ERRORS
from analysis.paper_tables import DATASETS, TABLES, Stem, parse_stem
from analysis.report import write_report
from analysis.runs import METRICS, is_run, read_run

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes

ROOT = Path(__file__).resolve().parents[2]
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
SAME_PHOTOS = {'cofw68': 'cofw'}


@dataclass(frozen=True)
class Job:
    """A config to train and test, or to test with another's checkpoint.

    Attributes:
        config: Ready to be written.
        folder: The run's.
        processes: To start.
        text: The file's content: the config, and a hash of the annotations it reads.
        weights: The job whose checkpoint is tested, if another's.
    """

    config: Config
    folder: Path
    processes: int
    text: str
    weights: Job | None = None

    @property
    def file(self) -> Path:
        """Where the config is written to."""
        return self.folder.parent / 'configs' / f'{self.folder.name}.py'

    @property
    def loaders(self) -> tuple[str, ...]:
        """The data that it reads."""
        return LOADERS if self.weights is None else LOADERS[2:]

    @property
    def checkpoint(self) -> Path:
        """The last epoch's: the best one would be chosen on the test set."""
        source = self.weights or self
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
        return [str(word) for word in [*words, '--work-dir', self.folder]]


def plan(table: str, args: argparse.Namespace) -> list[Job]:
    """Return what is to be trained and tested, without writing anything.

    Raises:
        InputError: If a row that is asked for does not exist, or has no config.
    """
    rows, dataset = TABLES[table].ours, TABLES[table].dataset
    for pattern in args.rows:
        if not any(fnmatchcase(row.model, pattern) for row in rows):
            known = ', '.join(dict.fromkeys(row.model for row in rows))
            raise InputError(f'table {table} has no row {pattern}, only {known}')
    leaves = [(parse_stem(path.stem), path) for path in sorted(ROOT.glob('configs/*/*.py'))]
    configs = {
        (stem.model, stem.dataset): (stem, path)
        for stem, path in leaves
        if stem and stem.tiny == args.tiny
    }
    jobs = []
    for row in rows:
        if args.rows and not any(fnmatchcase(row.model, pattern) for pattern in args.rows):
            continue
        if (row.model, dataset) not in configs:
            if args.tiny and not args.rows:
                continue
            kind = 'tiny config' if args.tiny else 'config'
            raise InputError(f'{row.label}: no {kind} of {row.model} on {dataset} in configs/*/')
        stem, path = configs[row.model, dataset]
        weights = None
        if row.weights != row.model or stem.trained_on != dataset:
            weights = _job(*configs[row.weights, stem.trained_on], args)
        jobs.append(_job(stem, path, args, weights))
    if not jobs:
        raise InputError(f'table {table} has no row with a tiny config')
    return jobs


def _job(stem: Stem, path: Path, args: argparse.Namespace, weights: Job | None = None) -> Job:
    """Make a config's job; the batch of all processes together stays what the config says."""
    cfg = Config.fromfile(path)
    processes = args.processes or stem.processes
    cfg.train_dataloader.batch_size = max(stem.processes * stem.batch // processes, 1)
    hook = cfg.default_hooks.checkpoint
    hook.interval = min(hook.get('interval', 1), 5)  # what a stopped training loses at most
    for kind in ('train', 'val', 'test'):
        name = stem.dataset if kind == 'test' else stem.trained_on
        root = args.data_root.get(SAME_PHOTOS.get(name, name))
        if root:
            data, evaluator = cfg[f'{kind}_dataloader'].dataset, cfg.get(f'{kind}_evaluator')
            if kind != 'train' and evaluator.ann_file == os.path.join(
                data.data_root, data.ann_file
            ):
                evaluator.ann_file = str(root / data.ann_file)
            data.data_root = f'{root}/'
    cfg.merge_from_dict(args.cfg_options or {})
    job = Job(cfg, args.work_dir / _folder_name(path.stem, stem, weights), processes, '', weights)
    contents = [p.read_bytes() for p in annotations(job) if p.is_file()]
    digest = hashlib.sha256(b''.join(contents)).hexdigest()[:16]
    return replace(job, text=f'# Annotations: {digest}\n{cfg.pretty_text}')


def _folder_name(name: str, stem: Stem, weights: Job | None) -> str:
    """Return a folder's name: a config can be trained, and tested with another's weights."""
    other = weights and parse_stem(weights.folder.name).model
    return f'{name}-of-{other}' if other and other != stem.model else name


def annotations(job: Job) -> list[Path]:
    """Return the annotation files that a job reads, each once."""
    data = [job.config[name].dataset for name in job.loaders]
    return list(dict.fromkeys(Path(d.data_root, d.ann_file) for d in data))


def with_weights(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs, each after the one whose checkpoint it takes, each once."""
    every = [j for job in jobs for j in (job.weights, job) if j is not None]
    return list({job.folder: job for job in every}.values())


def check(jobs: Sequence[Job]) -> None:
    """Refuse what would fail late or mix two trainings, before anything is started.

    Raises:
        InputError: If data are missing, or a folder belongs to a training with other options.
    """
    for job in with_weights(jobs):
        if missing := [p for p in annotations(job) if not p.is_file()]:
            raise InputError(
                f'{job.folder.name}: no {missing[0]}; convert the archive with'
                ' tools/dataset_converters, or say --data-root DATASET=FOLDER'
            )
        if job.file.is_file() and job.file.read_text(encoding='utf-8') != job.text:
            raise InputError(
                f'{job.folder} was made with other options, code or annotations; choose another'
                f' --work-dir, or remove it and {job.file}'
            )
        if job.folder.exists() and not job.file.is_file():
            raise InputError(f'{job.folder} is not from here; choose another --work-dir')


def execute(jobs: Sequence[Job]) -> list[str]:
    """Train and test what is not finished; return a message per row that failed."""
    failures = []
    for job in with_weights(jobs):
        write_bytes(job.file, job.text.encode())
        commands = [] if job.checkpoint.is_file() else [job.train_command]
        scored = job.folder / METRICS
        if job.weights is not None and commands:
            failures.append(f'{job.folder.name}: its weights are missing')
            continue
        if job in jobs and not (scored.is_file() and (job.folder / ERRORS).is_file()):
            commands.append(job.test_command)
        for command in commands:
            print(f'$ {shlex.join(command)}', flush=True)
            if code := subprocess.call(command, env=environment()):
                failures.append(f'{shlex.join(command[:2])}: exit status {code}')
                break
    return failures


def environment() -> dict[str, str]:
    """Return the environment of the commands: this Python, one thread a process."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')])
    return os.environ | {'PATH': path, 'OMP_NUM_THREADS': os.environ.get('OMP_NUM_THREADS', '1')}


def show(jobs: Sequence[Job]) -> None:
    """Print what would be run, and what stands in the way."""
    for job in with_weights(jobs):
        if job.weights is None:
            print(shlex.join(job.train_command))
        if job in jobs:
            print(shlex.join(job.test_command))
    try:
        check(jobs)
    except InputError as error:
        print(f'not ready: {error}')


def data_root(text: str) -> tuple[str, Path]:
    """Read DATASET=FOLDER."""
    name, _, folder = text.partition('=')
    if name not in DATASETS or not folder:
        raise argparse.ArgumentTypeError(f'{text!r} is not one of {"|".join(DATASETS)}=FOLDER')
    return name, Path(folder).absolute()


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('table', choices=list(TABLES), help='which table')
    parser.add_argument('--rows', nargs='+', default=[], help="models, such as mhhn 'hgs*'")
    parser.add_argument('--tiny', action='store_true', help='the small configs, for a CPU')
    parser.add_argument(
        '--processes', type=int, help='default: as the configs say; the batch stays the same'
    )
    parser.add_argument(
        '--data-root', nargs='+', type=data_root, default=[], metavar='DATASET=FOLDER'
    )
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'tables')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='merged into each')
    parser.add_argument('--dry-run', action='store_true', help='print the commands, do nothing')
    args = parser.parse_args()
    if args.processes is not None and args.processes < 1:
        parser.error(f'--processes must be 1 or more, got {args.processes}')
    args.data_root = dict(args.data_root)
    args.work_dir = args.work_dir.absolute()
    return args


def main() -> int:
    """Plan, run, report."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    args = parse_args()
    os.chdir(ROOT)
    jobs = plan(args.table, args)
    if args.dry_run:
        show(jobs)
        return 0
    check(jobs)
    try:
        failures = execute(jobs)
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    text = write_report([read_run(j.folder) for j in jobs if is_run(j.folder)], [args.table])
    report = args.work_dir / f'{args.table}.md'
    write_bytes(report, text.encode())
    print(f'\n{text}\nWritten to {report}')
    print(*failures, sep='\n', end='\n' if failures else '', file=sys.stderr)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(exit_on_input_error('run_table', main))

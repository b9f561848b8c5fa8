"""Train and test the rows of one of the paper's tables, then print its report.

What an earlier call finished is not done again, and a training that was stopped goes on. A failure
ends the call. A row that only decodes another's weights, such as MSE+SDT, trains that one; COFW-68
is tested with models trained on 300W.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import METRICS
from analysis.paper_tables import TABLES, Stem, parse_stem
from analysis.report import read_run, write_report

from mhhn_landmarks.arguments import add_config_options, new_parser
from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes

ROOT = Path(__file__).resolve().parents[2]
RECORD = 'command.txt'  # in a run's folder: how it was made


@dataclass(frozen=True)
class TableRun:
    """A config to train and test, or to test with another's checkpoint."""

    config: Path
    stem: Stem  # what its name says
    folder: Path  # of the run
    processes: int
    options: dict[str, Any]  # of --cfg-options
    weights: TableRun | None = None  # the run whose checkpoint is tested, if another's
    flags: tuple[str, ...] = ()  # of the training

    @property
    def checkpoint(self) -> Path:
        """The last epoch's: the best one would be chosen on the test set."""
        source = self.weights or self
        epochs = self.options.get('train_cfg.max_epochs', source.stem.epochs)
        return source.folder / f'epoch_{epochs}.pth'

    @property
    def train_command(self) -> list[str]:
        """How to train it; the batch of all processes together stays what the config says."""
        batch = max(self.stem.processes * self.stem.batch // self.processes, 1)
        # What a stopped training loses at most: 5 epochs.
        own = {'train_dataloader.batch_size': batch, 'default_hooks.checkpoint.interval': 5}
        words = ('tools/dist_train.sh', self.config, self.processes, '--resume', *self.flags)
        return self._command(*words, **own)

    @property
    def test_command(self) -> list[str]:
        """How to test it."""
        words = ('tools/dist_test.sh', self.config, self.checkpoint, self.processes)
        return self._command(*words)

    def _command(self, *words: object, **own: object) -> list[str]:
        options = [f'{key}={value}' for key, value in {**own, **self.options}.items()]
        options = ['--cfg-options', *options] if options else []
        return [*map(str, words), '--work-dir', str(self.folder), *options]


def plan(table: str, args: argparse.Namespace) -> list[TableRun]:
    """Return what is to be trained and tested, without writing anything."""
    rows, dataset = TABLES[table].ours, TABLES[table].dataset
    known = list(dict.fromkeys(model for model, _ in rows.values()))
    if unknown := [model for model in args.rows if model not in known]:
        raise InputError(f'table {table} has no row {unknown[0]}, only {", ".join(known)}')
    leaves = [(parse_stem(path.stem), path) for path in sorted(ROOT.glob('configs/*/*.py'))]
    configs = {(s.model, s.dataset): (s, p) for s, p in leaves if s and not s.tiny}

    def run(key: tuple[str, str], weights: TableRun | None = None) -> TableRun:
        stem, path = configs[key]
        other = f'-of-{weights.stem.model}' if weights and weights.stem.model != key[0] else ''
        folder = args.work_dir / f'{path.stem}{other}'
        processes = args.processes or stem.processes
        return TableRun(path, stem, folder, processes, args.cfg_options, weights)

    runs = []
    for model, trained in rows.values():
        key = model, dataset
        if not args.rows or model in args.rows:
            source = trained, configs[key][0].trained_on
            runs.append(run(key) if source == key else run(key, run(source)))
    return runs


def with_weights(runs: Sequence[TableRun]) -> list[TableRun]:
    """Return the runs, each after the one whose checkpoint it takes, each once."""
    every = [r for run in runs for r in (run.weights, run) if r is not None]
    return list({run.folder: run for run in every}.values())


def check(runs: Sequence[TableRun]) -> None:
    """Refuse missing data, and folders made by another command, before anything is started."""
    from mmengine.config import Config  # seconds, which --help need not take

    for run in with_weights(runs):
        config = Config.fromfile(run.config)
        config.merge_from_dict(run.options)
        data = config.test_dataloader.dataset
        if not (file := Path(data.data_root, data.ann_file)).is_file():
            hint = 'convert the archive with tools/dataset_converters'
            raise InputError(f'{run.folder.name}: no {file}; {hint}, or set data_root')
        record = run.folder / RECORD
        made = record.read_text() if record.is_file() else None
        if run.folder.exists() and made != shlex.join(run.train_command):
            raise InputError(
                f'{run.folder} was made with other options; choose another folder, or remove it'
            )


def execute(runs: Sequence[TableRun]) -> None:
    """Train and test what is not finished; `InputError` if a command fails."""
    for run in with_weights(runs):
        note(run)
        commands = []
        if run.weights is None and not run.checkpoint.is_file():
            commands.append(run.train_command)
        if run in runs and not (run.folder / METRICS).is_file():
            commands.append(run.test_command)
        for command in commands:
            print(f'$ {shlex.join(command)}', flush=True)
            if code := subprocess.call(command, env=command_environment()):
                raise InputError(f'{shlex.join(command[:2])}: exit status {code}')


def note(run: TableRun) -> None:
    """Write into a run's folder how it is made, for `check`."""
    write_bytes(run.folder / RECORD, shlex.join(run.train_command).encode())


def command_environment(**changes: str) -> dict[str, str]:
    """Return the environment of the commands: this Python, a free port, one thread a process."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')])
    return os.environ | dict(PATH=path, PORT=str(port), OMP_NUM_THREADS='1') | changes


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__)
    parser.add_argument('table', choices=list(TABLES), help='which table')
    parser.add_argument('--rows', nargs='+', default=[], help='models, such as mhhn hgs-hsr')
    parser.add_argument('--processes', type=int, help="default: the configs'; the batch stays")
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'tables')
    add_config_options(parser)  # for each row
    args = parser.parse_args()
    args.cfg_options = args.cfg_options or {}
    args.work_dir = args.work_dir.absolute()
    return args


def main() -> int:
    """Plan, run, report."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    args = parse_args()
    os.chdir(ROOT)
    runs = plan(args.table, args)
    check(runs)
    try:
        execute(runs)
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    tested = [read_run(run.folder) for run in runs]
    text, report = write_report(tested, [args.table]), args.work_dir / f'{args.table}.md'
    write_bytes(report, text.encode())
    print(f'\n{text}\nWritten to {report}')
    return 0


if __name__ == '__main__':
    sys.exit(exit_on_input_error('run_table', main))

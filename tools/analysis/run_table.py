"""Train and test the rows of one of the paper's tables, then print its report.

What an earlier call finished is not done again, and a training that was stopped goes on. With
--tiny every row is shrunk to what two CPU cores train in minutes: rows are then comparable with
each other, not with the paper. COFW-68 is tested with models trained on 300W.
"""

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path

from mmengine.config import DictAction

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_tables.conditions import RunError
from paper_tables.jobs import Job, Options, TableError, plan
from paper_tables.report import write_report
from paper_tables.rows import DATASETS, TABLES
from paper_tables.runs import is_run, read_run
from paper_tables.sequence import check, execute

ROOT = Path(__file__).resolve().parents[2]


def data_root(text: str) -> tuple[str, Path]:
    """Read DATASET=FOLDER."""
    name, _, folder = text.partition('=')
    if name not in DATASETS or not folder:
        raise argparse.ArgumentTypeError(f'{text!r} is not one of {"|".join(DATASETS)}=FOLDER')
    return name, Path(folder).absolute()


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number of at least 1')
    return int(text)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('table', choices=list(TABLES), help='which table')
    parser.add_argument('--rows', nargs='+', default=[], help="models, such as mhhn 'hgs*'")
    parser.add_argument('--tiny', action='store_true', help='one small stack, for a CPU')
    parser.add_argument(
        '--processes', type=positive, help='default: as the configs say; the batch stays the same'
    )
    parser.add_argument('--epochs', type=positive, help="default: the configs'")
    parser.add_argument(
        '--data-root', nargs='+', type=data_root, default=[], metavar='DATASET=FOLDER'
    )
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'tables')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='merged into each')
    parser.add_argument('--dry-run', action='store_true', help='print the commands, do nothing')
    args = parser.parse_args()
    args.work_dir = args.work_dir.absolute()
    if args.work_dir.is_relative_to(ROOT):  # shorter to read, and the same once there
        args.work_dir = args.work_dir.relative_to(ROOT)
    return args


def show(jobs: list[Job]) -> None:
    """Print what would be run, and what stands in the way."""
    shown = set()
    for job in jobs:
        trained = job.trains or job
        if trained.folder not in shown:
            print(shlex.join(trained.train_command))
            shown.add(trained.folder)
        print(shlex.join(job.test_command))
    try:
        check(jobs)
    except TableError as error:
        print(f'not ready: {error}')


def main() -> int:
    """Plan, run, report."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    args = parse_args()
    os.chdir(ROOT)
    options = Options(
        args.work_dir,
        args.tiny,
        args.processes,
        args.epochs,
        dict(args.data_root),
        args.cfg_options,
    )
    try:
        jobs = plan(ROOT, args.table, args.rows, options)
        if args.dry_run:
            show(jobs)
            return 0
        check(jobs)
        failures = execute(jobs, args.work_dir)
        report = args.work_dir / f'{args.table}.md'
        text = write_report([read_run(j.folder) for j in jobs if is_run(j.folder)], [args.table])
        report.write_text(text, encoding='utf-8')
    except (TableError, RunError) as error:
        print(f'run_table: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    print(f'\n{text}\nWritten to {report}')
    print(*failures, sep='\n', end='\n' if failures else '', file=sys.stderr)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())

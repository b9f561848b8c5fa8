"""All checks and measurements that need a GPU, in order of value, within some minutes.

    python tools/benchmarks/on_gpu.py OUT MINUTES --data data/300w

Each stage is a process with a limit of its own and writes OUT/STAGE.json and a table, OUT/STAGE.md,
as it goes, so that a cut run has lost one stage at most. `--device cpu --tiny` tries the same
stages without a GPU.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Stage: seconds at most beside others; None for what is left.
STAGES = {'correct': 70, 'fast': 110, 'train': None, 'ship': None, 'peers': None}
DEFAULT = ('correct', 'fast', 'train')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', type=Path, help='folder for JSON files and weights')
    parser.add_argument('minutes', type=float, help='for everything')
    parser.add_argument('--data', type=Path, default=Path('data/300w'), help='converted 300W')
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda')
    parser.add_argument('--tiny', action='store_true', help='tiny models, to try the script')
    parser.add_argument('--stages', nargs='+', choices=STAGES, default=DEFAULT)
    parser.add_argument('--stage', choices=STAGES, help=argparse.SUPPRESS)
    return parser.parse_args()


def run_stages(args: argparse.Namespace) -> None:
    """Start a process per stage and stop it at its limit."""
    end = time.monotonic() + 60 * args.minutes
    for stage in args.stages:
        left = end - time.monotonic()
        limit = left if len(args.stages) == 1 else min(left, STAGES[stage] or left)
        if limit < 15:
            print(f'{stage}: no time left')
            continue
        command = [sys.executable, '-W', 'ignore', __file__, str(args.out), str(limit / 60)]
        command += ['--stage', stage, '--data', str(args.data), '--device', args.device]
        command += ['--tiny'] * args.tiny
        start = time.monotonic()
        print(f'== {stage}, at most {limit:.0f} s', flush=True)
        try:
            done = subprocess.run(command, timeout=limit + 5, check=False)
            ended = f'exit status {done.returncode}'
        except subprocess.TimeoutExpired:
            ended = 'cut'
        print(f'== {stage}: {ended} after {time.monotonic() - start:.0f} s', flush=True)


class Report:
    """Results of a stage, on the disk after each one."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.path = args.out / f'{args.stage}.json'
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.end = time.monotonic() + 60 * args.minutes - 4
        self.rows: dict[str, object] = {}

    @property
    def seconds_left(self) -> float:
        """Until the stage has to end."""
        return self.end - time.monotonic()

    def add(self, name: str, value: object) -> None:
        """Keep and print a result."""
        self.rows[name] = value
        self.path.write_text(json.dumps(self.rows, indent=1))
        table = [f'| {key} | {_in_a_cell(row)} |' for key, row in self.rows.items()]
        text = '\n'.join([f'| {self.path.stem} | |', '|---|---|', *table, ''])
        self.path.with_suffix('.md').write_text(text)
        print(f'{name}: {json.dumps(value)}'[:600], flush=True)

    def attempt(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Add a function's result, or its error: the results after it are still wanted."""
        try:
            value = function(*arguments)
        except Exception as error:
            value = f'FAILED {type(error).__name__}: {str(error)[:300]}'
        self.add(name, value)

    def pytest_runtest_logreport(self, report) -> None:
        """Add the result of a test, as a plug-in of pytest."""
        if report.when != 'call' and report.passed:
            return
        value = dict(result=report.outcome, seconds=round(report.duration, 2))
        if report.failed:
            value['error'] = str(report.longrepr)[-600:]
        self.add(report.nodeid.split('::')[-1], value | dict(report.user_properties))


def _in_a_cell(value: object) -> str:
    """A result as a table shows it; errors and nested results are cut short."""
    if isinstance(value, dict):
        value = ', '.join(f'{name} {inner}' for name, inner in value.items())
    return ' '.join(str(value).replace('|', '/').split())[:200]


def check(args: argparse.Namespace, report: Report) -> int:
    """Run the tests that need a GPU."""
    import pytest

    os.environ['MHHN_DEVICE'] = args.device
    options = ['-o', 'addopts=-q', '-p', 'no:cacheprovider']
    return pytest.main([*options, str(ROOT / 'tests' / 'test_gpu.py')], plugins=[report])


def run_stage(args: argparse.Namespace, report: Report) -> int:
    """Run one stage; its exit status."""
    sys.path[:0] = [str(HERE), str(ROOT)]
    import torch

    if args.device == 'cuda':
        report.add('device', f'{torch.cuda.get_device_name()}, torch {torch.__version__}')
    if args.stage == 'correct':
        return check(args, report)
    from gpu_speed import measure
    from gpu_training import train
    from mmengine.logging import MMLogger

    MMLogger.get_current_instance().setLevel(logging.ERROR)
    torch.set_num_threads(4 if args.device == 'cuda' else 1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    (measure if args.stage == 'fast' else train)(args, report)
    return 0


def main() -> int:
    """Run the stages, or in a process of its own one of them."""
    args = parse_args()
    if args.stage is not None:
        return run_stage(args, Report(args))
    run_stages(args)
    return 0


if __name__ == '__main__':
    sys.exit(main())

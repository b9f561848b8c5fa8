"""Kill a training again and again, resume it, and compare it with one that was left alone.

A tiny MHHN is trained on generated faces by tools/dist_train.sh, once in peace and once with
`kill -9` at random moments: while it starts, while it trains, while a checkpoint is being written.
The victim is the launcher or one process of the training. At the end weights, optimiser and every
validation must be equal bit by bit. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch

from mhhn_landmarks.fileio import stale_files
from mhhn_mmpose.engine.resuming import find_last_checkpoint

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters import convert_300w
from generated_faces import write_300w_archive
from steps import command_environment

ROOT = Path(__file__).resolve().parents[2]
# 21 faces do not divide by 2 processes of 4, nor 9 test faces by 2.
NUM_FACES = dict(num_train=21, num_common=6, num_challenge=3)
CONFIG = """
_base_ = [{base!r}]
data_root = {data!r}
train_cfg = dict(max_epochs={epochs}, val_interval=2)
model = dict(backbone=dict(feat_channels=8, depth=2), head=dict(in_channels=8))
train_dataloader = dict(batch_size=4, dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
val_evaluator = dict(ann_file=data_root + _base_.val_ann_file)
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))
"""
TRAINED, WRITING = 'Saving checkpoint at', 'while writing'
# Seconds: torchrun gives the others 30 after one worker is killed, and a worker whose launcher is
# killed while it still imports, which two on one busy core do for over 10, looks for it then.
END_WITHIN = 60.0


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='folder for everything written')
    parser.add_argument('--kills', type=int, default=24)
    parser.add_argument('--epochs', type=int, help='of the training; without it 2 for each kill')
    parser.add_argument('--processes', type=int, default=2)
    parser.add_argument('--seed', type=int, default=0, help='of moments and victims')
    args = parser.parse_args()
    args.epochs = args.epochs or 2 * args.kills
    args.environment = command_environment()  # one port for all: a worker left over would meet it
    if args.out.exists() and any(args.out.iterdir()):
        parser.error(f'{args.out} is not empty')
    return args


def prepare(args: argparse.Namespace) -> Path:
    """Draw and convert the faces, write the config and return it."""
    write_300w_archive(args.out / 'archive', **NUM_FACES)
    convert_300w(args.out / 'archive', args.out / '300w')
    config = args.out / 'soak.py'
    base = ROOT / 'configs/300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py'
    data = f'{(args.out / "300w").resolve()}/'
    config.write_text(CONFIG.format(base=str(base), data=data, epochs=args.epochs))
    return config


class Launch:
    """One run of tools/dist_train.sh, its output in `log`."""

    def __init__(self, args: argparse.Namespace, config: Path, work_dir: Path, log: Path) -> None:
        self.log = log
        self.work_dir = work_dir
        command = [ROOT / 'tools/dist_train.sh', config, str(args.processes)]
        with log.open('wb') as out:
            self.launcher = subprocess.Popen(
                [*command, '--work-dir', work_dir, '--resume'],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=args.environment,
            )

    def wait_for(self, happened: Callable[[], bool], pause: float = 0.02) -> bool:
        """Wait until something happened; False if the launcher ends before."""
        while not happened():
            if self.launcher.poll() is not None:
                return False
            time.sleep(pause)
        return True

    def says(self, text: str) -> bool:
        """Whether the log holds a text."""
        return text in self.log.read_text(errors='replace')

    def kill_at(self, phase: str, draw: random.Random) -> str | None:
        """Kill the launcher or a worker in a phase; who it was, or None if the run was over."""
        if phase == 'starting':
            end = time.monotonic() + draw.uniform(0, 15)
            alive = self.wait_for(lambda: time.monotonic() > end)
        else:
            alive = self.wait_for(lambda: self.says(TRAINED))
            if phase == WRITING:
                alive = alive and self.wait_for(lambda: bool(self.stale()), pause=0.0)
            else:
                end = time.monotonic() + draw.uniform(0, 4)
                alive = alive and self.wait_for(lambda: time.monotonic() > end)
        if not alive:
            return None
        workers = children_of(self.launcher.pid)
        victim = draw.choice([self.launcher.pid, *workers])
        os.kill(victim, signal.SIGKILL)
        self.launcher.wait(END_WITHIN)
        wait_until_gone(workers)
        return 'launcher' if victim == self.launcher.pid else 'worker'

    def stale(self) -> list[Path]:
        """Checkpoints half-written, under their temporary names."""
        return stale_files(self.work_dir, '.pth')


def children_of(process: int) -> list[int]:
    """Process numbers of a process's children."""
    try:
        return [
            int(n) for n in Path(f'/proc/{process}/task/{process}/children').read_text().split()
        ]
    except FileNotFoundError:
        return []


def wait_until_gone(processes: list[int]) -> None:
    """Wait for the end of processes.

    Raises:
        TimeoutError: If one of them is still there after `END_WITHIN`.
    """
    end = time.monotonic() + END_WITHIN
    while left := [n for n in processes if Path(f'/proc/{n}').exists()]:
        if time.monotonic() > end:
            raise TimeoutError(f'processes {left} outlive their launcher')
        time.sleep(0.05)


def interrupt(args: argparse.Namespace, config: Path, work_dir: Path) -> Counter:
    """Train with kills, then to the end; how often what was killed when."""
    draw = random.Random(args.seed)
    counts = Counter()
    for number in range(1, args.kills + 1):
        launch = Launch(args, config, work_dir, args.out / f'kill_{number}.log')
        phase = draw.choices(['starting', 'training', WRITING], weights=[1, 2, 2])[0]
        victim = launch.kill_at(phase, draw)
        if victim is None:
            print(f'launch {number} ended before it could be killed: {launch.log}')
            break
        counts[f'{victim}, {phase}'] += 1
        if phase == WRITING:
            counts['of them with half a file left behind'] += bool(launch.stale())
        last = find_last_checkpoint(work_dir)
        print(f'kill {number}: {victim}, {phase}; last checkpoint {last and last.name}', flush=True)
    finish(Launch(args, config, work_dir, args.out / 'end.log'))
    return counts


def finish(launch: Launch) -> None:
    """Wait for the end of a run that must not fail."""
    if launch.launcher.wait():
        sys.exit(f'a training failed: see {launch.log}')


def result(work_dir: Path) -> dict:
    """What two runs must share: their last state, their best checkpoint and all validations."""
    last = torch.load(find_last_checkpoint(work_dir), map_location='cpu')
    best = work_dir / Path(last['message_hub']['runtime_info']['best_ckpt']).name
    scores = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            row = json.loads(line) if line.endswith('}') else {}  # a kill cuts the last line
            if 'full/inter_ocular/NME' in row:
                # A resumed run may repeat a validation: a set, so that each must be the same.
                kept = sorted((k, v) for k, v in row.items() if 'time' not in k)
                scores.setdefault(row['step'], set()).add(tuple(kept))
    return dict(
        epoch=last['meta']['epoch'],
        weights=last['state_dict'],
        optimiser=last['optimizer'],
        schedule=last['param_schedulers'],
        best=(best.name, torch.load(best, map_location='cpu')['state_dict']),
        validations=scores,
    )


def differences(first: object, second: object, name: str = '') -> list[str]:
    """Names of the leaves of two nested results that are not equal bit by bit."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        pairs = [(first[key], second[key], f'{name}/{key}') for key in first]
    elif isinstance(first, (list, tuple)) and len(first) == len(second):
        pairs = [(a, b, f'{name}/{i}') for i, (a, b) in enumerate(zip(first, second, strict=True))]
    elif isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [name]
    else:
        return [] if first == second else [name]
    return [found for pair in pairs for found in differences(*pair)]


def main() -> int:
    """Prepare, train twice, compare."""
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config = prepare(args)
    finish(Launch(args, config, args.out / 'peace', args.out / 'peace.log'))
    counts = interrupt(args, config, args.out / 'killed')
    for what, count in sorted(counts.items()):
        print(f'{count:4d} {what}')
    different = differences(result(args.out / 'peace'), result(args.out / 'killed'))
    print('differ: ' + ', '.join(different[:10]) if different else 'equal bit by bit')
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main())

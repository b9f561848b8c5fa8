"""Time and peak memory of `multi_order_attention` and of its formula, forward and backward.

Axis letters: B batch, N positions, d channels. On the CPU every measurement is a process of its
own, since a process never shows less memory than it once had.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import torch
from machine import NOT_MEASURED, add_machine_arguments, peak_memory, prepare
from timing import print_table, synchronize
from torch import Tensor

from mhhn_mmpose.ops import multi_order_attention

POSITIONS = (256, 576, 1024, 2304, 4096)  # 16x16 to 64x64 heatmaps
CHANNELS = (96, 256)


def eq_7_to_9(p: Tensor, o: Tensor) -> Tensor:
    """The formula as it is written, N x N matrices and all."""
    z = p @ p.mT + o @ o.mT + p @ o.mT
    return z.softmax(-1) @ o


METHODS = {'ours': multi_order_attention, 'formula': eq_7_to_9}


def measure(method: str, batch: int, n: int, d: int, device: str, repeats: int) -> tuple:
    """(median ms of forward and backward, MB that one step takes besides inputs and gradients)."""
    torch.manual_seed(0)
    # 1 / d of variance: logits of order 1, as a trained network keeps them.
    p, o = (torch.randn(batch, n, d, device=device) * d**-0.5 for _ in range(2))
    p.requires_grad_(), o.requires_grad_()

    def step(count: int) -> float:
        start = time.perf_counter()
        METHODS[method](p[:, :count], o[:, :count]).sum().backward()
        synchronize(device)
        return (time.perf_counter() - start) * 1e3

    step(16)  # loads the kernels and allocates the gradients
    before = peak_memory(device)
    step(n)
    memory = peak_memory(device) - before  # of one step: repeats add what malloc does not give back
    return statistics.median(step(n) for _ in range(repeats)), memory


def measure_apart(args: argparse.Namespace, method: str, n: int, d: int) -> tuple | None:
    """`measure` in a fresh process, or None if it ran out of memory."""
    command = [sys.executable, __file__, '--one', method, str(n), str(d)]
    for name in ('batch', 'device', 'repeats', 'threads'):
        command += [f'--{name}', str(getattr(args, name))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return tuple(float(number) for number in done.stdout.split()[-2:])
    # A killed process says nothing; anything else is a mistake that must be seen.
    if done.returncode < 0 or 'memory' in done.stderr:
        return None
    raise SystemExit(done.stderr)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_machine_arguments(parser, repeats=5)
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--positions', type=int, nargs='+', default=POSITIONS, metavar='N')
    parser.add_argument('--channels', type=int, nargs='+', default=CHANNELS, metavar='d')
    parser.add_argument('--one', nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    if args.one:
        torch.set_num_threads(args.threads)
        method, n, d = args.one
        print(*measure(method, args.batch, int(n), int(d), args.device, args.repeats))
        return
    prepare(args)
    print(f'batch {args.batch}, float32, forward and backward\n')
    rows = []
    for d in args.channels:
        for n in args.positions:
            results = [measure_apart(args, method, n, d) for method in METHODS]
            times = [f'{r[0]:.1f}' if r else NOT_MEASURED for r in results]
            memory = [f'{r[1]:.1f}' if r else NOT_MEASURED for r in results]
            rows.append([str(d), str(n), *times, *memory, f'{args.batch * n * n * 4 / 1e6:.1f}'])
    header = ['d', 'N', 'ours, ms', 'formula, ms', 'ours, MB', 'formula, MB', 'N x N, MB']
    print_table(header, rows)


if __name__ == '__main__':
    main()

"""Time and peak memory of multi-order attention, forward and backward: ours and the formula.

Axis letters: B batch, N positions, d channels. Speed is also given as a share of the rate at which
the device multiplies large matrices: of the 18 B N N d operations that the products of the result
and of its gradients take; what is computed twice does not count.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import torch
from machine import NOT_MEASURED, add_machine_arguments, peak_memory, prepare
from timing import medians, print_table, synchronize
from torch import Tensor

from mhhn_mmpose.ops import multi_order_attention

POSITIONS = (256, 576, 1024, 2304, 4096)  # 16x16 to 64x64 heatmaps
CHANNELS = (96, 256)
DTYPES = dict(float32=torch.float32, bfloat16=torch.bfloat16)
SIDE = 4096  # of the matrices by which the device's rate is measured


def eq_7_to_9(p: Tensor, o: Tensor) -> Tensor:
    """The formula as it is written, N x N matrices and all."""
    z = p @ p.mT + o @ o.mT + p @ o.mT
    return z.softmax(-1) @ o


METHODS = {'ours': multi_order_attention, 'formula': eq_7_to_9}


def make_inputs(args: argparse.Namespace, n: int, d: int) -> list[Tensor]:
    """P and O, (B, N, d), with gradients."""
    torch.manual_seed(0)
    shape, dtype = (args.batch, n, d), DTYPES[args.dtype]
    # 1 / d of variance: logits of order 1. Others cost the same, since none gets denormal.
    inputs = (torch.randn(shape, device=args.device) * d**-0.5 for _ in range(2))
    return [x.to(dtype).requires_grad_() for x in inputs]


def step(method: str, p: Tensor, o: Tensor) -> None:
    """Forward and backward."""
    METHODS[method](p, o).sum().backward()


def measure_memory(args: argparse.Namespace, method: str, n: int, d: int) -> float:
    """MB that one step takes besides inputs and gradients."""
    p, o = make_inputs(args, n, d)
    step(method, p[:, :16], o[:, :16])  # loads the kernels and allocates the gradients
    before = peak_memory(args.device)
    step(method, p, o)
    synchronize(args.device)
    return peak_memory(args.device) - before


def measure_memory_apart(args: argparse.Namespace, method: str, n: int, d: int) -> float | None:
    """The same in a fresh process, or None if it ran out of memory.

    A process never shows less memory than it once had, nor than the one that started it.
    """
    command = [sys.executable, __file__, '--one', method, str(n), str(d)]
    for name in ('batch', 'device', 'dtype', 'threads'):
        command += [f'--{name}', str(getattr(args, name))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return float(done.stdout.split()[-1])
    # A killed process says nothing; anything else is a mistake that must be seen.
    if done.returncode < 0 or 'memory' in done.stderr:
        return None
    raise SystemExit(done.stderr)


def measure_matrix_rate(args: argparse.Namespace) -> float:
    """Operations a second of a product of large matrices."""
    a = torch.ones(SIDE, SIDE, device=args.device, dtype=DTYPES[args.dtype])
    seconds = medians({'product': lambda: a @ a}, args.repeats, args.device)['product']
    return 2 * SIDE**3 / seconds


def measure_row(
    args: argparse.Namespace, n: int, d: int, memory: dict[str, float | None], rate: float
) -> list[str]:
    """A row of the table, of the methods for which memory sufficed."""
    inputs = make_inputs(args, n, d)
    fit = [method for method in METHODS if memory[method] is not None]
    steps = {method: lambda m=method: step(m, *inputs) for method in fit}
    seconds = medians(steps, args.repeats, args.device)
    operations = 18 * args.batch * n * n * d
    columns = (
        {m: f'{1e3 * seconds[m]:.1f}' for m in fit},
        {m: f'{operations / seconds[m] / rate:.0%}' for m in fit},
        {m: f'{memory[m]:.1f}' for m in fit},
    )
    cells = [column.get(method, NOT_MEASURED) for column in columns for method in METHODS]
    whole = args.batch * n * n * DTYPES[args.dtype].itemsize / 1e6
    return [str(d), str(n), *cells, f'{whole:.1f}']


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_machine_arguments(parser, repeats=5)
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--positions', type=int, nargs='+', default=POSITIONS, metavar='N')
    parser.add_argument('--channels', type=int, nargs='+', default=CHANNELS, metavar='d')
    parser.add_argument('--dtype', choices=DTYPES, default='float32')
    parser.add_argument('--one', nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    if args.one:
        torch.set_num_threads(args.threads)
        method, n, d = args.one
        print(measure_memory(args, method, int(n), int(d)))
        return
    prepare(args)
    sizes = [(n, d) for d in args.channels for n in args.positions]
    memory = {size: {m: measure_memory_apart(args, m, *size) for m in METHODS} for size in sizes}
    rate = measure_matrix_rate(args)
    print(f'batch {args.batch}, {args.dtype}, forward and backward')
    print(f'{rate / 1e12:.2f} TFLOP/s for a product of {SIDE}x{SIDE} matrices')
    print()
    columns = [f'{method}, {unit}' for unit in ('ms', 'of the rate', 'MB') for method in METHODS]
    rows = (measure_row(args, *size, memory[size], rate) for size in sizes)
    print_table(['d', 'N', *columns, 'N x N, MB'], rows)


if __name__ == '__main__':
    main()

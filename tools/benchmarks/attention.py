"""Time of multi-order attention, forward and backward, by the ways torch has.

Axis letters: B batch, N positions, d channels. Speed is also given as a share of the rate at which
the device multiplies large matrices: of the 18 B N N d operations that the products of the result
and of its gradients take; what is computed twice does not count.
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F
from measure import add_machine_arguments, medians, on_gpu, prepare, print_table
from torch import Tensor

from mhhn_mmpose.ops import multi_order_attention

DTYPES = dict(float32=torch.float32, bfloat16=torch.bfloat16)


def eq_7_to_9(p: Tensor, o: Tensor) -> Tensor:
    """The formula as it is written."""
    return (p @ p.mT + o @ o.mT + p @ o.mT).softmax(-1) @ o


def fused(p: Tensor, o: Tensor) -> Tensor:
    """The same by torch's fused kernels, where one takes heads of 2 d channels."""
    query, key = torch.cat((p, o), -1), torch.cat((p + o, o), -1)
    return F.scaled_dot_product_attention(*(x[:, None] for x in (query, key, o)), scale=1.0)[:, 0]


WAYS = {'ours': multi_order_attention, 'fused': fused, 'formula': eq_7_to_9}


def make_inputs(batch: int, n: int, d: int, device: str, dtype: str) -> list[Tensor]:
    """P and O, (B, N, d), with gradients."""
    torch.manual_seed(0)
    # 1 / d of variance: logits of order 1. Others cost the same, since none gets denormal.
    inputs = (torch.randn(batch, n, d, device=device) * d**-0.5 for _ in range(2))
    return [x.to(DTYPES[dtype]).requires_grad_() for x in inputs]


def matrix_rate(device: str, dtype: str, side: int = 4096) -> float:
    """Operations a second of a product of large matrices."""
    a = torch.ones(side, side, device=device, dtype=DTYPES[dtype])
    return 2 * side**3 / medians({'product': lambda: a @ a}, 5, device)['product']


def measure_ways(inputs: list[Tensor], repeats: int, rate: float) -> dict[str, dict]:
    """Milliseconds, share of `rate` and the slowest kernels of each way."""
    (b, n, d), device = inputs[0].shape, str(inputs[0].device)
    steps = {name: lambda f=f: f(*inputs).sum().backward() for name, f in WAYS.items()}
    seconds = medians(steps, repeats, device)
    found = {}
    for name, step in steps.items():
        with torch.profiler.profile() as profile:
            step()
        kernels = sorted(profile.key_averages(), key=lambda event: -event.self_device_time_total)
        found[name] = dict(
            ms=round(1e3 * seconds[name], 3),
            share=round(18 * b * n * n * d / seconds[name] / rate, 3),
            kernels=[event.key[:60] for event in kernels[:3]] if on_gpu(device) else [],
        )
    return found


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_machine_arguments(parser, repeats=5)
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--positions', type=int, nargs='+', default=[1024, 4096], metavar='N')
    parser.add_argument('--channels', type=int, nargs='+', default=[256], metavar='d')
    parser.add_argument('--dtype', choices=DTYPES, default='float32')
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    prepare(args)
    rate = matrix_rate(args.device, args.dtype)
    print(f'batch {args.batch}, {args.dtype}; {rate / 1e12:.2f} TFLOP/s for large matrices\n')
    rows = []
    for d in args.channels:
        for n in args.positions:
            inputs = make_inputs(args.batch, n, d, args.device, args.dtype)
            for way, row in measure_ways(inputs, args.repeats, rate).items():
                rows.append([str(d), str(n), way, f'{row["ms"]:.1f}', f'{row["share"]:.0%}'])
    print_table(['d', 'N', 'way', 'ms', 'of the rate'], rows)


if __name__ == '__main__':
    main()

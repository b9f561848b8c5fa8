"""Time of decoding: SDT against MMPose's DARK and UDP, and against the argmax alone.

Axis letters: B instances, K landmarks, (H, W) heatmap.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from measure import add_machine_arguments, medians, prepare, print_table
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from torch import Tensor

from mhhn_mmpose.codecs import SDTHeatmap

LANDMARKS, SIDE, SIGMA = 68, 64, 3.0
INPUT, HEATMAP = (4 * SIDE, 4 * SIDE), (SIDE, SIDE)


def make_heatmaps(batch: int) -> Tensor:
    """(B, K, H, W) float32 Gaussians with noise, some cut by the border."""
    random = torch.Generator().manual_seed(0)
    centers = (SIDE - 1) * torch.rand(batch, LANDMARKS, 2, 1, generator=random)
    rows, columns = torch.exp(-0.5 * ((torch.arange(SIDE) - centers) / SIGMA) ** 2).unbind(2)
    maps = rows[..., :, None] * columns[..., None, :]
    return maps + 0.02 * torch.randn(maps.shape, generator=random)


def decoders(maps: Tensor) -> dict[str, Callable[[], object]]:
    """What is timed, by name: from heatmaps (B, K, H, W) to coordinates in numpy."""

    def sdt(**arguments: object) -> Callable[[], object]:
        codec = SDTHeatmap(INPUT, HEATMAP, SIGMA, **arguments)
        return lambda: codec.batch_decode(maps)

    def mmpose(codec: MSRAHeatmap | UDPHeatmap) -> Callable[[], object]:
        # As MMPose's head does for codecs without batch decoding: one instance after another.
        return lambda: [codec.decode(instance) for instance in maps.cpu().numpy()]

    if maps.device.type == 'cpu':
        flat = maps.numpy().reshape(-1, SIDE * SIDE)
        argmax = {'numpy argmax alone': lambda: np.argmax(flat, axis=1)}
    else:
        argmax = {'torch argmax alone': lambda: maps.flatten(2).argmax(-1).cpu()}
    return argmax | {
        'SDT, closed form': sdt(gauss_newton_steps=0),
        'SDT, one step (default)': sdt(),
        'SDT, one step, 15x15': sdt(patch_size=15),
        'SDT, softmax': sdt(activation='softmax'),
        'MMPose MSRA': mmpose(MSRAHeatmap(INPUT, HEATMAP, SIGMA)),
        'MMPose DARK': mmpose(MSRAHeatmap(INPUT, HEATMAP, SIGMA, unbiased=True)),
        'MMPose UDP': mmpose(UDPHeatmap(INPUT, HEATMAP, sigma=SIGMA)),
    }


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 32], metavar='B')
    add_machine_arguments(parser, repeats=15)
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    prepare(args)
    for batch in args.batch:
        found = medians(decoders(make_heatmaps(batch).to(args.device)), args.repeats, args.device)
        argmax, dark, udp = (
            next(seconds for name, seconds in found.items() if word in name)
            for word in ('argmax', 'DARK', 'UDP')
        )
        print(f'\n({batch}, {LANDMARKS}, {SIDE}, {SIDE}), median of {args.repeats}:\n')
        print_table(
            ['decoder', 'µs a landmark', '/ argmax', 'DARK /', 'UDP /'],
            [
                [
                    name,
                    f'{seconds * 1e6 / (batch * LANDMARKS):.2f}',
                    *(f'{r:.1f}' for r in (seconds / argmax, dark / seconds, udp / seconds)),
                ]
                for name, seconds in found.items()
            ],
        )


if __name__ == '__main__':
    main()

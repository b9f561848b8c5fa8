"""Time of making target heatmaps: SDT's separable form against MMPose's codecs.

Axis letters: B faces, K landmarks, (H, W) heatmap.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from measure import add_machine_arguments, medians, prepare, print_table
from mmpose.codecs import MSRAHeatmap, UDPHeatmap

from mhhn_mmpose.codecs import SDTHeatmap

SIDE, SIGMA = 64, 3.0
INPUT, HEATMAP = (4 * SIDE, 4 * SIDE), (SIDE, SIDE)
POINTS = (19, 29, 68, 98)  # AFLW, COFW, 300W, WFLW


def encoders(faces: np.ndarray) -> dict[str, Callable[[], list]]:
    """What is timed, by name: from landmarks (B, K, 2) in input pixels to B times (K, H, W)."""
    visible = np.ones((1, faces.shape[1]), np.float32)
    codecs = {
        'SDTHeatmap': SDTHeatmap(INPUT, HEATMAP, SIGMA, convention='msra'),
        'MSRAHeatmap(unbiased=True)': MSRAHeatmap(INPUT, HEATMAP, SIGMA, unbiased=True),
        'UDPHeatmap': UDPHeatmap(INPUT, HEATMAP, sigma=SIGMA),
    }
    return {
        name: lambda c=codec: [c.encode(face[None], visible)['heatmaps'] for face in faces]
        for name, codec in codecs.items()
    }


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--points', type=int, nargs='+', default=POINTS, metavar='K')
    add_machine_arguments(parser, repeats=51)
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    prepare(args)
    for count in args.points:
        points = np.random.default_rng(0).uniform(0, 4 * SIDE - 1, (1, count, 2))
        functions = encoders(points)
        ours, dark, *_ = (encode()[0] for encode in functions.values())
        found = medians(functions, args.repeats)
        print(f'\n{count} landmarks, {SIDE}x{SIDE}, median of {args.repeats}:')
        print(f'largest difference from MSRAHeatmap {np.abs(ours - dark).max():.1e}\n')
        fastest = found['SDTHeatmap']
        rows = [[n, f'{s * 1e6:.0f}', f'{s / fastest:.1f}'] for n, s in found.items()]
        print_table(['', 'µs a face', '/ ours'], rows)


if __name__ == '__main__':
    main()

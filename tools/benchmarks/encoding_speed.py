"""Time of making target heatmaps: SDT's separable form against MMPose's codecs.

Axis letters: K landmarks, (H, W) heatmap.
"""

from __future__ import annotations

import argparse

import numpy as np
from machine import add_machine_arguments, prepare
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.codecs.utils import generate_unbiased_gaussian_heatmaps
from timing import medians, print_table

from mhhn_mmpose.codecs import SDTHeatmap

SIDE, SIGMA = 64, 3.0
INPUT, HEATMAP = (4 * SIDE, 4 * SIDE), (SIDE, SIDE)
POINTS = (19, 29, 68, 98)  # AFLW, COFW, 300W, WFLW


def measure(num_points: int, repeats: int) -> tuple[dict[str, float], float]:
    """Return seconds by name, and the largest difference from MMPose's heatmaps."""
    keypoints = np.random.default_rng(0).uniform(0, 4 * SIDE - 1, (1, num_points, 2))
    visible = np.ones((1, num_points), np.float32)
    codec = SDTHeatmap(INPUT, HEATMAP, SIGMA, convention='msra')
    dark = MSRAHeatmap(INPUT, HEATMAP, SIGMA, unbiased=True)
    udp = UDPHeatmap(INPUT, HEATMAP, sigma=SIGMA)
    ours = codec.encode(keypoints, visible)['heatmaps']
    theirs = generate_unbiased_gaussian_heatmaps(HEATMAP, keypoints / 4, visible, SIGMA)[0]
    functions = {
        'SDTHeatmap.encode': lambda: codec.encode(keypoints, visible),
        'generate_unbiased_gaussian_heatmaps': lambda: generate_unbiased_gaussian_heatmaps(
            HEATMAP, keypoints / 4, visible, SIGMA
        ),
        'MSRAHeatmap(unbiased=True).encode': lambda: dark.encode(keypoints, visible),
        'UDPHeatmap.encode': lambda: udp.encode(keypoints, visible),
        'writing zeros, the limit': lambda: np.empty_like(ours).fill(0),
    }
    return medians(functions, repeats), float(np.abs(ours - theirs).max())


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
        found, difference = measure(count, args.repeats)
        ours = found['SDTHeatmap.encode']
        print(f'\n{count} landmarks, {SIDE}x{SIDE}, median of {args.repeats}:')
        print(f'largest difference from MMPose {difference:.1e}\n')
        rows = [[n, f'{s * 1e6:.0f}', f'{s / ours:.1f}'] for n, s in found.items()]
        print_table(['', 'µs a face', '/ ours'], rows)


if __name__ == '__main__':
    main()

"""Faces per second from photo and boxes to landmarks: ours and HRNetV2-W18 + DARK through MMPose.

Both run by `mmpose.apis.inference_topdown`, one group photo and its B boxes a call, at the same
input size. Pixels and weights are random; no step's work depends on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from unittest import mock

import numpy as np
import torch
from measure import add_machine_arguments, clock, medians, prepare, print_table, synchronize
from mmpose.apis import inference_topdown, init_model
from models import LEAVES, NAMES, OURS, load_config
from torch import nn

PEER = 'hrnet-dark'
FACE, COLUMNS = 250, 8  # px, a face's box; faces in a row of the group photo
Setting = tuple[str, bool]  # a model's name, and whether the flip test is on


def make_photo(num_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a group photo (H, W, 3), uint8 BGR, and its boxes (B, 4): x1, y1, x2, y2 in px."""
    rows, columns = np.divmod(np.arange(num_faces), COLUMNS)
    corners = FACE * np.stack((columns, rows), -1)
    size = (*(corners.max(0) + FACE)[::-1], 3)
    photo = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    return photo, np.concatenate((corners, corners + FACE), -1).astype(np.float32)


def calls(
    models: dict[str, nn.Module], batch: int, args: argparse.Namespace
) -> dict[Setting, Callable[[], list]]:
    """What is timed: each model without and with the flip test, to landmarks in photo px."""
    photo, boxes = make_photo(batch)

    def call(name: str, flip: bool) -> Callable[[], list]:
        def run() -> list:
            models[name].test_cfg['flip_test'] = flip
            with torch.autocast(torch.device(args.device).type, enabled=args.amp):
                return inference_topdown(models[name], photo, boxes)

        return run

    return {(name, flip): call(name, flip) for flip in (False, True) for name in models}


def decoding_share(model: nn.Module, call: Callable[[], list], device: str) -> float:
    """The share of one call that the head's decoder takes."""
    seconds, decode = [], model.head.decode

    def timed(maps: torch.Tensor) -> object:
        synchronize(device)
        start = clock(device)
        found = decode(maps)
        seconds.append(clock(device) - start)
        return found

    with mock.patch.object(model.head, 'decode', timed):
        start = clock(device)
        call()
    return sum(seconds) / (clock(device) - start)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_machine_arguments(parser, repeats=5)
    parser.add_argument('--model', choices=OURS, default='mhhn', help='of ours')
    parser.add_argument('--size', choices=LEAVES, default='paper')
    parser.add_argument('--amp', action='store_true', help='CPU: bfloat16, GPU: float16')
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 32], metavar='B')
    return parser.parse_args()


def main() -> None:
    """Parse, build, measure, print Markdown."""
    args = parse_args()
    prepare(args)
    torch.manual_seed(0)
    models = {
        name: init_model(load_config(name, args.size), device=args.device)
        for name in (args.model, PEER)
    }
    width, height = models[PEER].head.decoder.input_size
    precision = 'autocast' if args.amp else 'float32'
    print(f'{args.size} size, input {width}x{height}, {precision}, random weights')
    for batch in args.batch:
        functions = calls(models, batch, args)
        found = medians(functions, args.repeats, args.device)
        print(f'\nB = {batch}, median of {args.repeats} call(s):\n')
        print_table(
            ['model', 'flip test', 'ms a call', 'faces/s', 'x peer', 'of it decoding'],
            [
                [
                    NAMES[name],
                    'on' if flip else 'off',
                    f'{1e3 * seconds:.1f}',
                    f'{batch / seconds:.2f}',
                    f'{found[PEER, flip] / seconds:.2f}',
                    f'{decoding_share(models[name], functions[name, flip], args.device):.1%}',
                ]
                for (name, flip), seconds in found.items()
            ],
        )


if __name__ == '__main__':
    main()

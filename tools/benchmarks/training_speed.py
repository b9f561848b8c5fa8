"""Speed of a training step: MHHN and HGs against MMPose's HourglassNet and HRNetV2-W18."""

from __future__ import annotations

import argparse

import torch
from measure import add_machine_arguments, medians, prepare, print_table
from mmengine.logging import MMLogger
from models import LEAVES, NAMES, VARIANTS, build_training


def measure_variant(variant: str, args: argparse.Namespace) -> list[list[str]]:
    """A row per model: images a second, ms a step, its rate over the last model's, peak memory."""
    torch.compiler.reset()
    models = {
        name: build_training(name, args.size, variant, args.batch, args.device)
        for name in args.models
    }
    steps = {name: step for name, (_, step, _) in models.items()}
    seconds = medians(steps, args.repeats, args.device)
    peer = seconds[args.models[-1]]
    return [
        [
            variant,
            NAMES[name],
            f'{args.batch / seconds[name]:.1f}',
            f'{seconds[name] * 1e3:.1f}',
            f'{peer / seconds[name]:.2f}',
            f'{memory:.0f}',
        ]
        for name, (_, _, memory) in models.items()
    ]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = ['mhhn', 'hgs', 'hrnet', 'hourglass']
    parser.add_argument('--models', nargs='+', choices=NAMES, default=models)
    parser.add_argument('--variants', nargs='+', choices=VARIANTS, default=['float32', 'bf16'])
    parser.add_argument('--batch', type=int, default=4, help='images a step')
    parser.add_argument('--size', choices=LEAVES, default='paper')
    add_machine_arguments(parser, repeats=5)
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    MMLogger.get_current_instance().setLevel('WARNING')  # of each parameter's options
    prepare(args)
    print(f'\nTraining step, {args.size} size, batch {args.batch}, median of {args.repeats}:\n')
    header = ['variant', 'model', 'images/s', 'ms a step', f'/ {NAMES[args.models[-1]]}']
    rows = (row for variant in args.variants for row in measure_variant(variant, args))
    print_table([*header, 'peak MB on a GPU'], rows)


if __name__ == '__main__':
    main()

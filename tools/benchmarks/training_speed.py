"""Speed of a training step: MHHN and HGs against MMPose's HourglassNet and HRNetV2-W18."""

from __future__ import annotations

import argparse
import statistics
import sys

import numpy as np
import torch
from machine import NOT_MEASURED, add_machine_arguments, prepare
from mmengine.logging import MMLogger
from timing import Clock, medians, print_table, shares
from trainees import (
    LEAVES,
    NAMES,
    PEERS,
    VARIANTS,
    Trainee,
    build_trainee,
    why_not,
)

PARTS = ('to device', 'forward', 'loss', 'acc_pose', 'backward', 'optimizer', 'rest')


def measure_variant(variant: str, args: argparse.Namespace) -> list[list[str]]:
    """A row per model: images per second, ms a step, ratios to the peers, peak memory."""
    peers = [name for name in PEERS if name in args.models]
    reason = why_not(variant, args.device)
    if reason:
        print(f'{variant} {NOT_MEASURED}: {reason}', file=sys.stderr)
        return [[variant, NAMES[n], *[NOT_MEASURED] * (3 + len(peers))] for n in args.models]
    torch.compiler.reset()
    trainees = {name: build_trainee(name, variant, args) for name in args.models}
    seconds = medians({n: t.step for n, t in trainees.items()}, args.repeats, args.device)
    rows = []
    for name, trainee in trainees.items():
        ratios = [
            NOT_MEASURED
            if trainee.failed or trainees[peer].failed
            else f'{seconds[peer] / seconds[name]:.2f}'
            for peer in peers
        ]
        speed = [f'{args.batch / seconds[name]:.1f}', f'{seconds[name] * 1e3:.1f}']
        memory = NOT_MEASURED if np.isnan(trainee.memory) else f'{trainee.memory:.0f}'
        if trainee.failed:
            speed, memory = [NOT_MEASURED] * 2, 'out of memory'
        rows.append([variant, NAMES[name], *speed, *ratios, memory])
    return rows


def watch_step(clock: Clock, trainee: Trainee) -> None:
    """Have each part of a training step timed."""
    model, head = trainee.model, trainee.model.head
    clock.watch(model, 'train_step', 'rest')
    clock.watch(model.data_preprocessor, 'forward', 'to device')
    for module in (model.backbone, getattr(model, 'neck', None), head):
        if module is not None:
            clock.watch(module, 'forward', 'forward')
    clock.watch(head.loss_module, 'forward', 'loss')
    accuracy = sys.modules[type(head).loss.__module__]  # where `loss` finds what it calls
    for name in ('to_numpy', 'pose_pck_accuracy', 'pck_accuracy'):
        if hasattr(accuracy, name):
            clock.watch(accuracy, name, 'acc_pose')
    clock.watch(trainee.optimizer, 'backward', 'backward')
    for name in ('step', 'zero_grad'):
        clock.watch(trainee.optimizer, name, 'optimizer')


def profile_step(name: str, variant: str, args: argparse.Namespace) -> list[str]:
    """A row: ms of a step in which the GPU is waited for after each part, and the parts' shares."""
    row = [variant, NAMES[name]]
    trainee, clock, rounds = build_trainee(name, variant, args), Clock(args.device), []
    if trainee.failed:
        return [*row, *[NOT_MEASURED] * (1 + len(PARTS))]
    with clock.patches:
        watch_step(clock, trainee)
        for _ in range(args.repeats):
            clock.seconds = dict.fromkeys(PARTS, 0.0)
            trainee.step()
            rounds.append(clock.seconds)
    found = {part: statistics.median(seconds[part] for seconds in rounds) for part in PARTS}
    return [*row, *shares(list(found.values()), unit=1e3)]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--models', nargs='*', choices=NAMES, default=list(NAMES))
    parser.add_argument('--variants', nargs='*', choices=VARIANTS, default=VARIANTS)
    parser.add_argument('--batch', type=int, default=4, help='images a step')
    parser.add_argument('--size', choices=LEAVES, default='paper')
    add_machine_arguments(parser, repeats=5)
    parser.add_argument('--profile', action='store_true', help='also show the parts of a step')
    return parser.parse_args()


def print_steps(args: argparse.Namespace) -> None:
    """Compare the models in each variant, and show a step's parts if wanted."""
    print(f'\nTraining step, {args.size} size, batch {args.batch}, median of {args.repeats}:\n')
    ratios = [f'/ {NAMES[peer]}' for peer in PEERS if peer in args.models]
    rows = (row for variant in args.variants for row in measure_variant(variant, args))
    header = ['variant', 'model', 'images/s', 'ms a step', *ratios, 'peak MB']
    print_table(header, rows)
    if args.profile:
        print('\nWhere a step spends its time, the GPU waited for after each part:\n')
        eager = [v for v in args.variants if 'compile' not in v and not why_not(v, args.device)]
        rows = [profile_step(name, v, args) for v in eager for name in args.models]
        print_table(['variant', 'model', 'ms', *PARTS], rows)


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    MMLogger.get_current_instance().setLevel('WARNING')  # of each parameter's options
    prepare(args)
    print_steps(args)


if __name__ == '__main__':
    main()

"""Faces per second from photo and boxes to landmarks: ours and HRNetV2-W18 + DARK through MMPose.

Both run by `mmpose.apis.inference_topdown`, one group photo and its B boxes a call, at the same
input size. The weights are random; no step's work depends on them.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping

import numpy as np
import torch
from aligned import HRNET, MODELS, OURS, build, make_photo
from machine import (
    NOT_MEASURED,
    add_machine_arguments,
    is_out_of_memory,
    on_gpu,
    peak_memory,
    prepare,
)
from mmengine.dataset import Compose
from mmpose.apis import inference_topdown
from timing import Clock, medians, print_table
from torch import nn

Setting = tuple[str, bool]  # a model's name, and whether the flip test is on


def calls(
    models: Mapping[str, nn.Module],
    photo: np.ndarray,
    boxes: np.ndarray,
    device: str,
    amp: bool,
) -> dict[Setting, Callable[[], list]]:
    """What is timed: each model without and with the flip test, to landmarks in photo px."""

    def call(name: str, flip: bool) -> Callable[[], list]:
        def run() -> list:
            models[name].test_cfg['flip_test'] = flip
            with torch.autocast(torch.device(device).type, enabled=amp):
                return inference_topdown(models[name], photo, boxes)

        return run

    return {(name, flip): call(name, flip) for flip in (False, True) for name in models}


def peak_of(function: Callable[[], object], device: str) -> float | None:
    """Call once; MB at the GPU's peak besides the weights (nan on a CPU), None if out of memory."""
    if on_gpu(device):
        torch.cuda.reset_peak_memory_stats(device)
        weights = torch.cuda.memory_allocated(device) / 1e6
    try:
        function()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        torch.cuda.empty_cache()
        return None
    return peak_memory(device) - weights if on_gpu(device) else math.nan


def stages(model: nn.Module) -> list[tuple[str, object, str]]:
    """(stage, owner, attribute) of the functions a call goes through, none inside another."""
    head = model.head
    return [
        ('building the pipeline', Compose, '__init__'),
        ('pipeline: crop and pack', Compose, '__call__'),
        ('data preprocessor', model.data_preprocessor, 'forward'),
        ('backbone and neck', model, 'extract_feat'),
        ('head', head, 'forward'),
        ('flip of the heatmaps', sys.modules[type(head).predict.__module__], 'flip_heatmaps'),
        ('decode', head, 'decode'),
        ('to photo coordinates', model, 'add_pred_to_datasample'),
    ]


def time_stages(
    model: nn.Module, function: Callable[[], object], repeats: int, device: str
) -> dict[str, float]:
    """Seconds of each stage of all calls; 'the rest' is what none of them is."""
    clock = Clock(device)
    clock.seconds = dict.fromkeys([stage for stage, *_ in stages(model)], 0.0)
    with clock.patches:
        for stage, owner, name in stages(model):
            clock.watch(owner, name, stage)
        for _ in range(repeats):
            clock.timed(function, 'the rest')()
    return clock.seconds


def print_speed(
    functions: Mapping[Setting, Callable[[], list]], batch: int, repeats: int, device: str
) -> list[Setting]:
    """The first table; returns the settings for which memory sufficed."""
    memory = {setting: peak_of(function, device) for setting, function in functions.items()}
    fit = [setting for setting in functions if memory[setting] is not None]
    found = medians({setting: functions[setting] for setting in fit}, repeats, device)
    print(f'\nB = {batch}, median of {repeats} call(s):\n')
    rows = []
    for (name, flip), megabytes in memory.items():
        seconds, peer = found.get((name, flip)), found.get((HRNET, flip))
        cells = [NOT_MEASURED] * 4
        if seconds:
            cells[:2] = f'{1e3 * seconds:.1f}', f'{batch / seconds:.2f}'
        if seconds and peer:
            cells[2] = f'{peer / seconds:.2f}'
        if seconds and not math.isnan(megabytes):
            cells[3] = f'{megabytes:.0f}'
        rows.append([name, 'on' if flip else 'off', *cells])
    print_table(['model', 'flip test', 'ms a call', 'faces/s', 'x peer', 'GPU peak, MB'], rows)
    return fit


def print_stages(
    models: Mapping[str, nn.Module],
    functions: Mapping[Setting, Callable[[], list]],
    batch: int,
    repeats: int,
    device: str,
) -> None:
    """The second table: ms a face of each stage, and its share of the call."""
    columns = [
        time_stages(models[name], function, repeats, device)
        for (name, _), function in functions.items()
    ]
    names = [f'{name}, flip {"on" if flip else "off"}' for name, flip in functions]
    print(f'\nWhere the time goes, B = {batch}, ms a face (share), mean of {repeats} call(s):\n')
    rows = []
    for stage in columns[0] if columns else ():
        cells = [
            f'{1e3 * c[stage] / (batch * repeats):.3f} ({c[stage] / sum(c.values()):.1%})'
            for c in columns
        ]
        rows.append([stage, *cells])
    print_table(['stage', *names], rows)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_machine_arguments(parser, repeats=5)
    parser.add_argument('--model', choices=MODELS, default='mhhn', help='of ours')
    parser.add_argument('--size', choices=OURS, default='paper')
    parser.add_argument('--amp', action='store_true', help='CPU: bfloat16, GPU: float16')
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 32], metavar='B')
    return parser.parse_args()


def main() -> None:
    """Parse, build, measure, print Markdown."""
    args = parse_args()
    prepare(args)
    models = build(args.model, args.size, args.device)
    width, height = models[HRNET].head.decoder.input_size
    precision = 'autocast' if args.amp else 'float32'
    print(
        f'{OURS[args.size].format(args.model)}, input {width}x{height}, {precision}, random weights'
    )
    for batch in args.batch:
        functions = calls(models, *make_photo(batch), args.device, args.amp)
        fit = print_speed(functions, batch, args.repeats, args.device)
        repeats = -(-args.repeats // batch)  # shares need no median, large batches much time
        print_stages(models, {s: functions[s] for s in fit}, batch, repeats, args.device)


if __name__ == '__main__':
    main()

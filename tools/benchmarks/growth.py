"""Growth of time and memory as sizes double, beside what mathematics gives, and a figure of it.

Every point is a process of its own, since a process never shows less memory than it once had;
they are forked from one server that has imported everything. Memory is the peak of one step above
what it holds before: activations and all gradients, not the weights.

Axis letters: B batch, K landmarks, (H, W) heatmap.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mmpose.registry import KEYPOINT_CODECS, MODELS
from timing import describe_machine, print_table

from mhhn_mmpose.visualization.ced import COLORS, DPI

NOT_MEASURED = 'not measured'
ENOUGH = 2.0  # seconds of repeats: a point that takes longer is not repeated
FITTED = 3  # points: the exponent is that of the last two doublings


@dataclass(frozen=True)
class Point:
    """What is measured: a training step of `model`, or the work on heatmaps alone."""

    model: str  # 'MHHN', 'HGs' or 'heatmaps'
    channels: int
    side: int  # of the input in pixels, or of the heatmaps for 'heatmaps'
    landmarks: int
    stacks: int
    batch: int


@dataclass(frozen=True)
class Series:
    """One size that doubles, and the exponents that mathematics gives in the limit."""

    size: str
    field: str
    model: str
    values: tuple[int, ...]
    time: int
    memory: int
    why: str


SERIES = (
    Series('input side', 'side', 'HGs', (64, 128, 256, 512), 2, 2, 'pixels'),
    Series('input side', 'side', 'MHHN', (64, 128, 256, 512), 4, 2, 'pairs of positions; pixels'),
    Series('heatmap side', 'side', 'heatmaps', (32, 64, 128, 256), 2, 2, 'pixels'),
    Series('landmarks', 'landmarks', 'heatmaps', (17, 34, 68, 136), 1, 1, 'heatmaps'),
    Series('stacks', 'stacks', 'MHHN', (1, 2, 4, 8), 1, 1, 'stacks'),
    Series('batch', 'batch', 'MHHN', (2, 4, 8, 16), 1, 1, 'images'),
)
# `channels` also of the attention. The heatmaps' side is in their own pixels: 1/4 of 256.
BASES = {
    'tiny': Point('MHHN', channels=32, side=128, landmarks=17, stacks=1, batch=2),
    'paper': Point('MHHN', channels=256, side=256, landmarks=68, stacks=4, batch=2),
}


def point_of(series: Series, value: int, size: str) -> Point:
    """A point of a series."""
    base = replace(BASES[size], model=series.model)
    if series.model == 'heatmaps':
        base = replace(base, side=64, batch=8)
    return replace(base, **{series.field: value})


def random_points(point: Point, side: int) -> np.ndarray:
    """(B, 1, K, 2) landmarks in pixels of a square of `side`."""
    shape = (point.batch, 1, point.landmarks, 2)
    return np.random.default_rng(0).uniform(0, side - 1, shape)


def heatmap_work(point: Point, device: str) -> Callable[[], object]:
    """Targets made, SDL forward and backward, decoding; of (B, K, side, side) heatmaps."""
    size = (point.side, point.side)
    codec = KEYPOINT_CODECS.build(
        dict(type='SDTHeatmap', input_size=size, heatmap_size=size, activation='softmax')
    )
    points = random_points(point, point.side)
    loss = MODELS.build(dict(type='SubpixelDetectionLoss'))

    def work() -> None:
        maps = np.stack([codec.encode(face)['heatmaps'] for face in points])
        target = torch.from_numpy(maps).to(device)
        output = (10 * target).requires_grad_()
        loss(output, target).backward()
        codec.batch_decode(output.detach())

    return work


def training_step(point: Point, device: str) -> Callable[[], object]:
    """Forward, SDL and backward, from images (B, 3, side, side) and given targets."""
    torch.manual_seed(0)
    attention = 'all' if point.model == 'MHHN' else 'none'
    backbone = dict(type='MCGHourglass', num_stacks=point.stacks, feat_channels=point.channels)
    head = dict(
        type='CPMHead',
        in_channels=point.channels,
        out_channels=point.landmarks,
        num_stages=point.stacks,
        final_layer=dict(kernel_size=1),
        loss=dict(type='SubpixelDetectionLoss'),
    )
    # A scale of None keeps the logits small, as a trained network does.
    backbone = MODELS.build(dict(backbone, attention=attention, attention_scale=None)).to(device)
    head = MODELS.build(head).to(device)
    side = (point.side // 4, point.side // 4)
    codec = KEYPOINT_CODECS.build(dict(type='SDTHeatmap', input_size=side, heatmap_size=side))
    points = random_points(point, side[0])
    target = torch.from_numpy(np.stack([codec.encode(face)['heatmaps'] for face in points]))
    images, target = torch.rand(point.batch, 3, point.side, point.side), target.to(device)
    images = images.to(device)

    def work() -> None:
        sum(head.loss_module(o, target) for o in head(backbone(images))).backward()

    return work


def peak_memory(device: str) -> float:
    """Peak in MB: of this process, or of the GPU's allocator."""
    if device.startswith('cuda'):
        return torch.cuda.max_memory_allocated(device) / 1e6
    unit = 1 if sys.platform == 'darwin' else 1024  # bytes there, kB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure(point: Point, device: str, repeats: int, threads: int) -> tuple[float, float]:
    """(median ms of a step, MB that one step takes)."""
    torch.set_num_threads(threads)
    make = heatmap_work if point.model == 'heatmaps' else training_step
    make(replace(point, side=32, landmarks=2, stacks=1, batch=2), device)()  # loads the kernels
    work = make(point, device)

    def step() -> float:
        start = time.perf_counter()
        work()
        if device.startswith('cuda'):
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    if device.startswith('cuda'):
        torch.cuda.reset_peak_memory_stats(device)
    before = peak_memory(device)
    seconds = [step()]
    memory = peak_memory(device) - before
    while len(seconds) <= repeats and sum(seconds) < ENOUGH:
        seconds.append(step())
    return statistics.median(seconds[1:] or seconds) * 1e3, memory


def measure_apart(point: Point, args: argparse.Namespace) -> tuple[float, float]:
    """`measure` in a fresh process; NaN if it ran out of memory."""
    nothing = (float('nan'), float('nan'))
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mhhn_mmpose', 'mmpose.models'])
    with ProcessPoolExecutor(1, context) as process:
        try:
            arguments = (point, args.device, args.repeats, args.threads)
            return process.submit(measure, *arguments).result()
        except BrokenProcessPool:  # killed: only the kernel does that, for memory
            return nothing
        except RuntimeError as error:
            if 'out of memory' in str(error) or "can't allocate memory" in str(error):
                return nothing
            raise


def exponent(values: Sequence[float], found: Sequence[float]) -> float:
    """Slope of log(found) over log(values) through the last measured points; NaN for under two."""
    points = [(v, f) for v, f in zip(values, found, strict=True) if f > 0][-FITTED:]
    if len(points) < 2:
        return float('nan')
    return float(np.polyfit(*np.log(points).T, 1)[0])


def as_text(number: float, form: str) -> str:
    """A number, or that there is none."""
    return format(number, form) if number > 0 else NOT_MEASURED


def table_row(series: Series, found: Sequence[tuple[float, float]]) -> list[str]:
    """A series in words."""
    row = [f'{series.size}, {series.model}', ', '.join(map(str, series.values))]
    columns = zip(('time', 'memory'), zip(*found, strict=True), ('.1f', '.1f'), strict=True)
    for name, numbers, form in columns:
        slope = exponent(series.values, numbers)
        row += [', '.join(as_text(n, form) for n in numbers)]
        row += [NOT_MEASURED if np.isnan(slope) else f'{slope:.2f}', str(getattr(series, name))]
    return [*row, series.why]


def draw_line(axes: Axes, series: Series, numbers: Sequence[float], slope: int, order: int) -> None:
    """A measured line, and dashed the slope of mathematics through its last point."""
    points = [(v, n) for v, n in zip(series.values, numbers, strict=True) if n > 0]
    if not points:
        return
    x, y = np.array(points).T
    color = COLORS[order]
    axes.loglog(x, y, marker='os'[order], color=color, label=series.model)
    axes.loglog(x, y[-1] * (x / x[-1]) ** slope, '--', color=color, lw=1, label=f'exponent {slope}')


def draw(results: dict[Series, list[tuple[float, float]]], out: str) -> None:
    """One column per size that doubles; time above memory."""
    sizes = list(dict.fromkeys(series.size for series in results))
    figure = Figure(figsize=(3 * len(sizes), 5.4), layout='constrained')  # inch
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(sizes), sharex='col', squeeze=False)
    for column, size in enumerate(sizes):
        chosen = [series for series in results if series.size == size]
        for order, series in enumerate(chosen):
            times, memory = zip(*results[series], strict=True)
            draw_line(grid[0][column], series, times, series.time, order)
            draw_line(grid[1][column], series, memory, series.memory, order)
        for axes in grid[:, column]:
            axes.grid(color='0.85', linewidth=0.6)
            if axes.lines:
                axes.legend(frameon=False, fontsize='small')
            axes.set_xticks(chosen[0].values, [str(v) for v in chosen[0].values])
            axes.minorticks_off()
        grid[0][column].set_title(size)
    grid[0][0].set_ylabel('time of a step (ms)')
    grid[1][0].set_ylabel('peak memory of a step (MB)')
    figure.savefig(out, dpi=DPI)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:1')
    parser.add_argument('--size', choices=BASES, default='tiny', help='of what does not double')
    parser.add_argument('--repeats', type=int, default=5, help='steps of which the median counts')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--out', default='growth.png', help='the figure: png, pdf or svg')
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown, draw."""
    args = parse_args()
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        print(f'{NOT_MEASURED}: torch finds no CUDA device')
        return
    print(describe_machine(args.device, args.threads))
    print(f'exponents between the last {FITTED} points; those of mathematics are limits\n')
    results = {}
    for series in SERIES:
        points = [point_of(series, value, args.size) for value in series.values]
        results[series] = [measure_apart(point, args) for point in points]
    header = ['doubles', 'from, to', 'ms', 'exponent', 'mathematics']
    header += ['MB', 'exponent', 'mathematics', 'counts']
    print_table(header, [table_row(series, found) for series, found in results.items()])
    draw(results, args.out)
    print(f'\nfigure: {args.out}')


if __name__ == '__main__':
    main()

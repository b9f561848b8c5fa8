"""Growth of time and memory as sizes double, beside what mathematics gives, and a figure of it.

Every point is a process of its own, since a process never shows less memory than it once had;
they are forked from one server that has imported everything. Memory is the peak of one step above
what it holds before: activations and all gradients, not the weights.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import numpy as np
import torch
from growing import BASES, SERIES, Point, Series, heatmap_work, point_of, training_step
from machine import (
    NOT_MEASURED,
    add_machine_arguments,
    is_out_of_memory,
    on_gpu,
    peak_memory,
    prepare,
)
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from timing import print_table, synchronize

COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#E69F00', '#56B4E9')
DPI = 200
ENOUGH = 2.0  # seconds of repeats: a point that takes longer is not repeated
FITTED = 3  # points: the exponent is that of the last two doublings


def measure(point: Point, device: str, repeats: int, threads: int) -> tuple[float, float]:
    """(median ms of a step, MB that one step takes)."""
    torch.set_num_threads(threads)
    make = heatmap_work if point.model == 'heatmaps' else training_step
    make(replace(point, side=32, landmarks=2, stacks=1, batch=2), device)()  # loads the kernels
    work = make(point, device)

    def step() -> float:
        start = time.perf_counter()
        work()
        synchronize(device)
        return time.perf_counter() - start

    if on_gpu(device):
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
            if is_out_of_memory(error):
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
    add_machine_arguments(parser, repeats=5)
    parser.add_argument('--size', choices=BASES, default='tiny', help='of what does not double')
    parser.add_argument('--out', default='growth.png', help='the figure: png, pdf or svg')
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown, draw."""
    args = parse_args()
    prepare(args)
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

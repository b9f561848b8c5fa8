"""Draw loss and validation error of several trainings, by epoch.

Each WORK_DIR is that of a training, or NAME=WORK_DIR for another name in the legend. A training
that was stopped and resumed is one curve.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.figure import line_style, new_figure, save_figure
from analysis.plot_ced import DPI, split_name

from mhhn_landmarks.errors import InputError, exit_on_input_error


class Curves(NamedTuple):
    """What a training logged.

    Attributes:
        loss: Mean training loss by epoch.
        scores: Each validation score by its key, such as ``full/inter_ocular/NME``, by epoch.
    """

    loss: dict[int, float]
    scores: dict[str, dict[int, float]]


def read_curves(work_dir: str | Path) -> Curves:
    """Read a training's logs; where it was stopped and resumed, later logs replace earlier epochs.

    Args:
        work_dir: Of the run, with a folder per start.

    Raises:
        InputError: If there is no log, or it has no loss.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    if not files:
        reason = 'no log of a training in it' if Path(work_dir).is_dir() else 'no such folder'
        raise InputError(f'{work_dir}: {reason}; name a WORK_DIR of tools/train.py')
    losses: dict[int, list[float]] = {}
    scores: dict[str, dict[int, float]] = {}
    for file in files:
        trained, validated = _read_log(file)
        if trained:
            losses = {epoch: v for epoch, v in losses.items() if epoch < min(trained)}
        losses |= trained
        for key, values in validated.items():
            scores.setdefault(key, {}).update(values)
    if not losses:
        raise InputError(f'{work_dir}: its logs have no loss; name a folder of a training')
    return Curves({epoch: float(np.mean(values)) for epoch, values in losses.items()}, scores)


def _read_log(file: Path) -> tuple[dict[int, list[float]], dict[str, dict[int, float]]]:
    """Return one log's losses by epoch, and its scores by key and epoch."""
    losses: dict[int, list[float]] = {}
    scores: dict[str, dict[int, float]] = {}
    for number, line in enumerate(file.read_text(encoding='utf-8').splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f'{file}:{number}: cannot be read ({error})') from error
        if 'loss' in row and 'epoch' in row:
            losses.setdefault(row['epoch'], []).append(row['loss'])
        elif 'step' in row:  # a validation, whose step is the epoch
            for key, value in row.items():
                if key.split('/')[-1] in ('NME', 'AP'):
                    scores.setdefault(key, {})[row['step']] = value
    return losses, scores


def choose_score(runs: Mapping[str, Curves], score: str | None) -> str | None:
    """Return the score to draw: the one named, else the first that a run has, else None.

    Raises:
        InputError: If no run has the one that is named.
    """
    known = list(dict.fromkeys(key for curves in runs.values() for key in curves.scores))
    if score is not None and score not in known:
        raise InputError(f'no run has the score {score!r}, only {", ".join(known) or "losses"}')
    return score or next(iter(known), None)


def plot_curves(
    runs: Mapping[str, Curves],
    out_file: str | Path,
    score: str | None = None,
    title: str | None = None,
) -> None:
    """Draw the loss by epoch, on a logarithmic axis, and beside it a validation score.

    Args:
        runs: By name, in the legend's order.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        score: Key of the score, such as ``full/inter_ocular/NME``; without one only the loss.
        title: Above the picture.
    """
    panels = 2 if score else 1
    figure = new_figure(4.6 * panels + 0.6, 3.8 + 0.2 * len(runs))
    grid = figure.subplots(1, panels, squeeze=False)[0]
    for index, (name, curves) in enumerate(runs.items()):
        style = dict(linewidth=1.6, **line_style(index))
        grid[0].plot(*_ordered(curves.loss), label=name, **style)
        if score and score in curves.scores:
            grid[1].plot(*_ordered(curves.scores[score]), marker='o', markersize=3.5, **style)
    grid[0].set(yscale='log', xlabel='epoch', ylabel='training loss, mean of the epoch')
    grid[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    grid[0].yaxis.set_major_formatter(FormatStrFormatter('%g'))  # 0.2, not 2 x 10^-1
    grid[0].yaxis.set_minor_formatter(NullFormatter())
    if score:
        percent = ' (%)' if score.endswith('/NME') and score.count('/') > 1 else ''
        grid[1].set(xlabel='epoch', ylabel=f'validation {score}{percent}')
    for axes in grid:
        axes.grid(color='0.85', linewidth=0.6, which='both')
    figure.suptitle(title, fontsize='medium')
    figure.legend(loc='outside lower center', ncols=1, frameon=False, fontsize='small')
    save_figure(figure, out_file, DPI)


def _ordered(values: Mapping[int, float]) -> tuple[list[int], list[float]]:
    """Return epochs and values, by epoch."""
    epochs = sorted(values)
    return epochs, [values[epoch] for epoch in epochs]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', metavar='WORK_DIR', nargs='+', help='folder, or NAME=folder')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--score', help='such as full/inter_pupil/NME; default: the first there is')
    parser.add_argument('--title', help='above the picture')
    return parser.parse_args()


def main() -> None:
    """Read the logs, draw the curves."""
    args = parse_args()
    runs: dict[str, Curves] = {}
    for run in args.runs:
        name, path = split_name(run)
        name = name or path.resolve().name
        if name in runs:
            raise InputError(f'{path}: a second run called {name!r}; say NAME={path}')
        runs[name] = read_curves(path)
    score = choose_score(runs, args.score)
    plot_curves(runs, args.out, score, args.title)
    epochs = ', '.join(f'{name} {len(curves.loss)}' for name, curves in runs.items())
    print(f'{args.out}: loss and {score or "no validation score"}; epochs: {epochs}')


if __name__ == '__main__':
    exit_on_input_error('training_curves', main)

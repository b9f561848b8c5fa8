"""Draw cumulative error distributions of several runs into one picture (MHHN, Fig. 5 and 6).

RUN is errors.json, which tools/test.py writes, or a folder with it, or NAME=PATH for another name
in the legend; otherwise the folder's name is used. Other methods come as a text file with one
error a line, in percent of the same normaliser, such as LAB=lab.txt.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import read_errors
from analysis.figure import line_style, new_figure, save_figure
from analysis.paper_tables import NORMALIZERS

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_mmpose.evaluation.functional import summarize

DPI = 200


def plot_ced(
    runs: Mapping[str, Sequence[float]],
    out_file: str | Path,
    threshold: float = 10.0,
    title: str | None = None,
    normalizer: str | None = None,
) -> None:
    """Draw one CED curve per run, with NME, AUC and failure rate in the legend.

    The curve is the exact step function: at x, the share of images with an error of x or less.

    Args:
        runs: Errors (N,) in percent by the run's name, in the legend's order.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        threshold: Right end of the x axis, and of AUC and failure rate, percent.
        title: Above the plot.
        normalizer: Named on the x axis, such as ``'inter-ocular'``.
    """
    figure = new_figure(6.4, 3.9 + 0.2 * len(runs))
    axes = figure.add_subplot()
    for index, (name, errors) in enumerate(runs.items()):
        x, y = ced_steps(errors, threshold)
        scores = summarize(np.asarray(errors, dtype=np.float64), threshold)
        label = '{}:  NME {NME:.2f} %,  AUC {AUC:.3f},  FR {FR:.2f} %'.format(name, **scores)
        style = dict(drawstyle='steps-post', linewidth=1.8, label=label)
        axes.plot(x, 100 * y, **style, **line_style(index))
    axes.set(xlim=(0, threshold), ylim=(0, 100), ylabel='images (%)', title=title)
    axes.set_xlabel(f'NME (% of {normalizer})' if normalizer else 'NME (%)')
    axes.grid(color='0.85', linewidth=0.6)
    # Below the axes: inside, it would hide the curves where there are several.
    figure.legend(loc='outside lower center', ncols=1, frameon=False, fontsize='small')
    save_figure(figure, out_file, DPI)


def ced_steps(errors: Sequence[float], threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the CED's corners ``(x, y)``, for drawing with steps that follow the point.

    Args:
        errors: One per image, (N,), percent.
        threshold: Where the curve ends, percent.

    Returns:
        x from 0 to the threshold, and the share of images with an error of x or less.

    >>> [part.tolist() for part in ced_steps([3.0, 1.0, 20.0, 2.0], 10.0)]
    [[0.0, 1.0, 2.0, 3.0, 10.0], [0.0, 0.25, 0.5, 0.75, 0.75]]
    """
    ordered = np.sort(np.asarray(errors, dtype=np.float64))
    inside = ordered[ordered <= threshold]
    share = np.arange(1, len(inside) + 1) / len(ordered)
    last = share[-1] if len(share) else 0.0
    return np.r_[0.0, inside, threshold], np.r_[0.0, share, last]


def read_runs(args: argparse.Namespace) -> tuple[dict[str, np.ndarray], str]:
    """Return errors in percent by run, and the normaliser they are divided by.

    Raises:
        InputError: If a file cannot be read, or a name comes twice.
    """
    errors: dict[str, np.ndarray] = {}
    normalizer = args.normalizer
    for run in args.runs:
        name, path = run.split('=', 1) if '=' in run and not Path(run).exists() else ('', run)
        path = Path(path)
        if path.suffix == '.txt':
            name, values = name or path.stem, read_text(path)
        else:
            found = read_errors(path)
            normalizer = found.check_normalizer(normalizer)
            name = name or found.path.resolve().parent.name
            values = found.errors(normalizer, args.subset)
        if name in errors:
            raise InputError(f'{path}: a second run called {name!r}; say NAME={path}')
        errors[name] = values
    return errors, normalizer or 'normaliser unknown'


def read_text(path: Path) -> np.ndarray:
    """Read one error a line, percent.

    Raises:
        InputError: If there is none, or a line is no error.
    """
    try:
        values = np.atleast_1d(np.loadtxt(path))
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: one error a line expected ({error})') from error
    if values.ndim != 1 or not len(values) or not (np.isfinite(values) & (values >= 0)).all():
        raise InputError(f'{path}: one error a line expected, finite and 0 or more')
    return values


def main() -> None:
    """Read the errors, draw the curves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', metavar='RUN', nargs='+', help='errors.json, folder or NAME=PATH')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--normalizer', help="such as inter_pupil; default: the first run's first")
    parser.add_argument('--subset', default='full', help='such as challenge; default: full')
    parser.add_argument(
        '--threshold', type=float, default=10.0, help='right end of the axis, percent; default: 10'
    )
    parser.add_argument('--title', help='above the plot')
    args = parser.parse_args()
    if not 0 < args.threshold < float('inf'):
        parser.error(f'--threshold is in percent, above 0, got {args.threshold}')
    errors, normalizer = read_runs(args)
    name = NORMALIZERS.get(normalizer, normalizer)
    plot_ced(errors, args.out, args.threshold, args.title, name)
    counts = ', '.join(f'{name} {len(values)}' for name, values in errors.items())
    print(f'{args.out}: {args.subset}, {normalizer}, faces: {counts}')


if __name__ == '__main__':
    exit_on_input_error('plot_ced', main)

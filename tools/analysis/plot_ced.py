"""Draw cumulative error distributions of several runs into one picture (MHHN, Fig. 5 and 6).

RUN is errors.json, which tools/test.py writes, or a folder with it, or NAME=PATH for another name
in the legend; otherwise the folder's name is used. Other methods come as a text file with one
error a line, in percent of the same normaliser, such as LAB=lab.txt.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import read_errors
from analysis.figure import COLORS, new_figure, save_figure
from analysis.paper_tables import NORMALIZERS

from mhhn_landmarks.arguments import new_parser
from mhhn_landmarks.errors import InputError, exit_on_input_error

DPI = 200
THRESHOLD = 10.0  # right end of the x axis, and of AUC and failure rate, percent
DASHES = ('-', '--', '-.', ':')  # 4 and 7 colours: 28 curves before a pair repeats


def plot_ced(
    runs: Mapping[str, Sequence[float]],
    out_file: str | Path,
    normalizer: str,
) -> None:
    """Draw one CED curve per run, with NME, AUC and failure rate in the legend.

    The curve is the exact step function: at x, the share of images with an error of x or less.
    `runs` holds errors (N,) by the run's name, in percent of the normaliser.
    """
    from mhhn_mmpose.evaluation.functional import summarize  # seconds, which --help need not take

    figure = new_figure(6.4, 3.9 + 0.2 * len(runs))
    axes = figure.add_subplot()
    for (name, errors), color, dashes in zip(runs.items(), cycle(COLORS), cycle(DASHES)):
        ordered = np.sort(np.asarray(errors, dtype=np.float64))
        label = '{}:  NME {NME:.2f} %,  AUC {AUC:.3f},  FR {FR:.2f} %'
        label = label.format(name, **summarize(ordered, THRESHOLD))
        axes.step(
            np.r_[0, ordered, max(ordered[-1], THRESHOLD)],
            np.r_[np.linspace(0, 100, len(ordered) + 1), 100],
            where='post',
            color=color,
            linestyle=dashes,
            linewidth=1.8,
            label=label,
        )
    axes.set(xlim=(0, THRESHOLD), ylim=(0, 100), ylabel='images (%)')
    axes.set_xlabel(f'NME (% of {normalizer})')
    axes.grid(color='0.85', linewidth=0.6)
    # Below the axes: inside, it would hide the curves where there are several.
    figure.legend(loc='outside lower center', ncols=1, frameon=False, fontsize='small')
    save_figure(figure, out_file, DPI)


def read_text(path: Path) -> np.ndarray:
    """Read one error a line, percent; `InputError` if there is none."""
    values = np.genfromtxt(path, ndmin=1) if path.is_file() else np.empty(0)
    if values.ndim != 1 or not len(values) or not (np.isfinite(values) & (values >= 0)).all():
        raise InputError(f'{path}: one error a line expected, finite and 0 or more')
    return values


def main() -> None:
    """Read the errors, draw the curves."""
    parser = new_parser(__doc__)
    parser.add_argument('runs', metavar='RUN', nargs='+', help='errors.json, folder or NAME=PATH')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--normalizer', help="such as inter_pupil; default: the first run's first")
    parser.add_argument('--subset', default='full', help='such as challenge; default: full')
    args = parser.parse_args()
    normalizer, runs = args.normalizer, {}
    for run in args.runs:
        name, path = run.split('=', 1) if '=' in run and not Path(run).exists() else ('', run)
        path = Path(path)
        if path.suffix == '.txt':
            name, errors = name or path.stem, read_text(path)
        else:
            found, normalizer = read_errors(path, normalizer, args.subset)
            folder = path if path.is_dir() else path.parent
            name, errors = name or folder.resolve().name, np.array([*found.values()])
        if name in runs:
            raise InputError(f'{path}: a second run called {name!r}; say NAME={path}')
        runs[name] = errors
    normalizer = normalizer or 'normaliser unknown'
    plot_ced(runs, args.out, NORMALIZERS.get(normalizer, normalizer))
    counts = ', '.join(f'{name} {len(errors)}' for name, errors in runs.items())
    print(f'{args.out}: {args.subset}, {normalizer}, faces: {counts}')


if __name__ == '__main__':
    exit_on_input_error('plot_ced', main)

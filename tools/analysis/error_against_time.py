"""Draw the error of the run files in docs/results/ against their milliseconds a face.

    python tools/analysis/error_against_time.py --out error_against_time.png

Each run that has both is a point: NME on HELEN test in percent of the inter-ocular distance,
decoded by SDT (MMPose's own codecs by their own decoding), against the time of its ONNX file for
one face on one thread, with the flip test.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.figure import COLORS, new_figure, save_figure
from analysis.results_tables import DOCS, Run, look_up, read_runs, sdt

from mhhn_landmarks.errors import InputError, exit_on_input_error


def points_of(runs: list[Run]) -> dict[str, list[tuple[str, float, float]]]:
    """Return name, milliseconds and NME of the runs that have both, by series."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    for run in runs:
        time, error = look_up(run, 'ms_per_face', 'flip'), look_up(run, *sdt('helen_test'))
        if time and error is not None:
            found.setdefault(run['series'], []).append((run['name'], time, error))
    return found


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--runs', type=Path, default=DOCS / 'results', help='folder of run files')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    return parser.parse_args()


def main() -> None:
    """Draw a point a run, a colour a series."""
    args = parse_args()
    found = points_of(read_runs(args.runs))
    if not found:
        raise InputError(f'{args.runs}: no run has both ms_per_face and scores on helen_test')
    figure = new_figure(6.4, 4)
    axes = figure.subplots()
    for color, (series, points) in zip(COLORS, found.items(), strict=False):
        names, times, errors = zip(*points, strict=True)
        axes.plot(times, errors, 'o', color=color, label=series)
        for index, (name, *place) in enumerate(sorted(points, key=lambda p: (p[1], -p[2]))):
            offset = (4, -12 if index % 2 else 5)  # neighbours' names apart
            axes.annotate(name, place, offset, textcoords='offset points', fontsize=8)
    axes.set(xscale='log', yscale='log', ylabel='NME on HELEN test, %')
    axes.set_xlabel('ms a face, one thread, flip test')
    axes.yaxis.set_major_formatter('{x:g}')
    axes.yaxis.set_minor_formatter('{x:g}')
    axes.margins(x=0.4, y=0.1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save_figure(figure, args.out, 100)
    print(f'{args.out}: {sum(map(len, found.values()))} models')


if __name__ == '__main__':
    exit_on_input_error('error_against_time', main)

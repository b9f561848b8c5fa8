"""Fill the tables of docs/results.md from the run files in docs/results/.

A page has each table between two comments: `<!-- table: NAME -->` and `<!-- end -->`. NAME is
`dev`, `helen_test`, `occluded`, `rotated` or `poor` for the scores on these faces, `hard` for the
errors on all sets side by side, `heatmaps` for the shape of the heatmaps. `NAME of SERIES` takes
the runs of one series. Runs that differ in nothing but their seed are one row: their mean, and in
brackets their smallest and largest value. Columns that say nothing, or the same in
every row, are left out.

--figure draws NME on HELEN test against milliseconds a face: a point for all seeds of a model,
decoded by SDT (MMPose's own codecs by their own decoding), with the flip test.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import read_json
from analysis.figure import COLORS, new_figure, save_figure
from analysis.markdown import markdown

from mhhn_landmarks.arguments import new_parser
from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes

DOCS = Path(__file__).resolve().parents[2] / 'docs'
PAGE = DOCS / 'results.md'
SETS = {
    'dev': 'held out',
    'helen_test': 'HELEN test',
    'occluded': 'occluded',
    'rotated': 'rotated',
    'poor': 'poor',
}
SPOT = re.compile(r'(<!-- table: (\w+)(?: of ([\w-]+))? -->\n).*?(<!-- end -->)', re.S)
SEED = re.compile(r'[-_ ]?(s|seed)[-_ ]?\d+$')
MISSING = '-'
SDT = 'scores {} sdt inter_ocular nme'  # the path to the error on a set
Run = dict[str, Any]


def read_runs(folder: Path) -> list[Run]:
    """Read the run files of a folder."""
    return [read_json(path) for path in sorted(folder.glob('*.json'))]


def group_seeds(runs: Sequence[Run]) -> list[list[Run]]:
    """Put together what differs in nothing but the seed."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        train = [run['train'].get('faces'), run['train'].get('epochs')]
        key = json.dumps([run['config'], run['overrides'], train], sort_keys=True)
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def look_up(run: Run, path: str) -> Any:
    """Return what a path of keys, such as `'train minutes'`, leads to; None if not measured."""
    for key in path.split():
        run = (run or {}).get(key)
    return run


def spread(group: Sequence[Run], path: str, digits: int = 2) -> str:
    """Return the mean of a group's values and, of several, the smallest and the largest.

    >>> spread([dict(params=3), dict(params=4)], 'params', digits=1)
    '3.5 (3.0 to 4.0)'
    """
    values = [value for run in group if (value := look_up(run, path)) is not None]
    if not values:
        return MISSING
    low, middle, high = (f'{v:.{digits}f}' for v in (min(values), mean(values), max(values)))
    return middle if low == high else f'{middle} ({low} to {high})'


def scores_row(group: Sequence[Run], faces: str) -> dict[str, str]:
    """Return the cells of a group's row in the table of one set of faces, by their column."""
    params, train, by_sdt = group[0]['params'], group[0]['train'], f'scores {faces} sdt'
    return {
        'parameters': f'{params / 1e6:.2f} M' if params else MISSING,
        'faces x epochs': f'{train["faces"]} x {train["epochs"]}',
        'minutes': spread(group, 'train minutes', digits=0),
        'seeds': str(len(group)),
        'argmax': spread(group, f'scores {faces} argmax inter_ocular nme'),
        'SDT': spread(group, SDT.format(faces)),
        'std': spread(group, f'{by_sdt} inter_ocular std'),
        'FR at 10%': spread(group, f'{by_sdt} inter_ocular fr10'),
        'AUC': spread(group, f'{by_sdt} inter_ocular auc10', digits=3),
        'SDT, inter-pupil': spread(group, f'{by_sdt} inter_pupil nme'),
        'ms a face': spread(group, 'ms_per_face flip', digits=1),
        'without flip': spread(group, 'ms_per_face no_flip', digits=1),
    }


def make_table(name: str, runs: Sequence[Run]) -> str:
    """Return one table, the best row first; runs that were not measured for it are left out.

    Columns with no value, or the same one in each of several rows, are left out.
    """
    if name == 'heatmaps':
        groups = group_seeds([run for run in runs if run.get('heatmaps')])
        measures = dict.fromkeys(m for group in groups for run in group for m in run['heatmaps'])
        rows = [
            {m.replace('_', ' '): spread(group, f'heatmaps {m}', digits=3) for m in measures}
            for group in groups
        ]
    elif name in (*SETS, 'hard'):
        faces = name
        if name == 'hard':  # sorted by the faces of which the hard ones were made
            runs = [run for run in runs if 'occluded' in run['scores']]
            faces = 'helen_test' if any('helen_test' in run['scores'] for run in runs) else 'dev'
        groups = group_seeds([run for run in runs if look_up(run, SDT.format(faces)) is not None])
        groups.sort(key=lambda group: mean(look_up(run, SDT.format(faces)) for run in group))
        if name == 'hard':
            rows = [{SETS[s]: spread(group, SDT.format(s)) for s in SETS} for group in groups]
        else:
            rows = [scores_row(group, faces) for group in groups]
    else:
        raise InputError(f'no table {name!r}, only {", ".join([*SETS, "hard", "heatmaps"])}')
    names = [SEED.sub('', group[0]['name']) for group in groups]
    rows = [{'model': name} | row for name, row in zip(names, rows, strict=True)]
    values = {column: {row[column] for row in rows} for column in (rows[0] if rows else ())}
    kept = [c for c, v in values.items() if v != {MISSING} and (len(v) > 1 or len(rows) == 1)]
    return markdown(kept, [[row[column] for column in kept] for row in rows])


def fill(text: str, runs: Sequence[Run]) -> str:
    """Return a page with its tables made from the runs."""

    def table(spot: re.Match) -> str:
        chosen = [run for run in runs if spot[3] in (None, run.get('series'))]
        if not chosen:
            raise InputError(f'{spot[3]}: no run file of this series')
        return f'{spot[1]}{make_table(spot[2], chosen)}\n{spot[4]}'

    return SPOT.sub(table, text)


def draw_times(runs: Sequence[Run], out_file: str | Path) -> None:
    """Draw error against time, a point for the runs of one kind, a colour a series."""
    series: dict[str, list[tuple[float, float, str]]] = {}
    error = SDT.format('helen_test')
    for group in group_seeds([run for run in runs if look_up(run, error) is not None]):
        if time := look_up(group[0], 'ms_per_face flip'):
            point = time, mean(look_up(run, error) for run in group), group[0]['name']
            series.setdefault(group[0]['series'], []).append(point)
    figure = new_figure(6.4, 4)
    axes = figure.subplots()
    for color, (label, points) in zip(COLORS, series.items(), strict=False):
        times, errors, _ = zip(*points, strict=True)
        axes.plot(times, errors, 'o', color=color, label=label)
        for place in sorted(set(times)):  # the names of one time stand above its highest point
            there = sorted((nme, name) for time, nme, name in points if time == place)
            names, top = '\n'.join(name for _, name in there[::-1]), there[-1][0]
            axes.annotate(names, (place, top), (4, 3), textcoords='offset points', fontsize=8)
    axes.set(xscale='log', yscale='log', ylabel='NME on HELEN test, %')
    axes.set_xlabel('ms a face, one thread, flip test')
    axes.yaxis.set_major_formatter('{x:g}')
    axes.yaxis.set_minor_formatter('{x:g}')
    axes.margins(x=0.6, y=0.1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save_figure(figure, out_file, 100)


def main() -> None:
    """Fill the page, draw the figure."""
    parser = new_parser(__doc__)
    parser.add_argument('--figure', help='picture to draw: .png, .pdf or .svg')
    args = parser.parse_args()
    runs = read_runs(DOCS / 'results')
    filled = fill(PAGE.read_text(encoding='utf-8'), runs)
    write_bytes(PAGE, filled.encode())
    if args.figure:
        draw_times(runs, args.figure)
    print(f'{PAGE}: {", ".join(found[1] for found in SPOT.findall(filled))}')


if __name__ == '__main__':
    exit_on_input_error('results_tables', main)

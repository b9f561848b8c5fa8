"""Fill the tables of docs/results.md from the run files in docs/results/.

A page has each table between two comments: `<!-- table: NAME -->` and `<!-- end -->`. NAME is
`dev`, `helen_test`, `occluded`, `rotated` or `poor` for the scores on these faces, `hard` for the
errors on all sets side by side, `heatmaps` for the shape of the heatmaps. `NAME of SERIES` takes
the runs of one series. Runs that differ in nothing but their seed are one row: their mean, and in
brackets their smallest and largest value. Columns that say nothing, or the same in
every row, are left out.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import read_json
from analysis.markdown import markdown

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes

DOCS = Path(__file__).resolve().parents[2] / 'docs'
SETS = {
    'dev': 'held out',
    'helen_test': 'HELEN test',
    'occluded': 'occluded',
    'rotated': 'rotated',
    'poor': 'poor',
}
NEEDED = {'name', 'config', 'overrides', 'train', 'params', 'scores'}
SPOT = re.compile(r'(<!-- table: (\w+)(?: of ([\w-]+))? -->\n).*?(<!-- end -->)', re.S)
SEED = re.compile(r'[-_ ]?(s|seed)[-_ ]?\d+$')
MISSING = '-'
Run = dict[str, Any]


def read_runs(folder: Path) -> list[Run]:
    """Read the run files of a folder.

    Raises:
        InputError: If there is none, or one lacks what a table needs.
    """
    runs = []
    for path in sorted(folder.glob('*.json')):
        run = read_json(path)
        if not isinstance(run, dict) or not NEEDED <= set(run):
            lacks = ', '.join(sorted(NEEDED - set(run if isinstance(run, dict) else ())))
            raise InputError(f'{path}: no run file, it lacks {lacks}; remove it')
        runs.append(run)
    if not runs:
        raise InputError(f'{folder}: no run file in it (*.json)')
    return runs


def group_seeds(runs: Sequence[Run]) -> list[list[Run]]:
    """Put together what differs in nothing but the seed.

    >>> one = dict(config='a.py', overrides={}, train=dict(faces=9, epochs=2, seed=0))
    >>> [len(group) for group in group_seeds([one, one | dict(train=one['train'] | dict(seed=1))])]
    [2]
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        train = [run['train'].get('faces'), run['train'].get('epochs')]
        key = json.dumps([run['config'], run['overrides'], train], sort_keys=True)
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def spread(group: Sequence[Run], value: Callable[[Run], float | None], digits: int = 2) -> str:
    """Return the mean of a group's values and, of several, the smallest and the largest."""
    values = [v for v in map(value, group) if v is not None]
    if not values:
        return MISSING
    low, middle, high = (f'{v:.{digits}f}' for v in (min(values), mean(values), max(values)))
    return middle if len(values) == 1 else f'{middle} ({low} to {high})'


def score(
    run: Run, faces: str, decoder: str, name: str = 'nme', by: str = 'inter_ocular'
) -> float | None:
    """Return one score of a run, None where it was not measured."""
    return run['scores'].get(faces, {}).get(decoder, {}).get(by, {}).get(name)


def scores_table(groups: Sequence[list[Run]], faces: str) -> str:
    """Return the table of one set of faces, the best row first."""
    header = ['model', 'parameters', 'faces x epochs', 'minutes', 'seeds', 'argmax', 'SDT']
    header += ['std', 'FR at 10%', 'AUC', 'SDT, inter-pupil', 'ms a face', 'without flip']
    rows = []
    for group in groups:
        first, train = group[0], group[0]['train']
        rows.append(
            [
                SEED.sub('', first['name']),
                f'{first["params"] / 1e6:.2f} M' if first['params'] else MISSING,
                f'{train["faces"]} x {train["epochs"]}',
                spread(group, lambda r: r['train'].get('minutes'), 0),
                str(len(group)),
                spread(group, lambda r: score(r, faces, 'argmax')),
                spread(group, lambda r: score(r, faces, 'sdt')),
                spread(group, lambda r: score(r, faces, 'sdt', 'std')),
                spread(group, lambda r: score(r, faces, 'sdt', 'fr10')),
                spread(group, lambda r: score(r, faces, 'sdt', 'auc10'), 3),
                spread(group, lambda r: score(r, faces, 'sdt', 'nme', 'inter_pupil')),
                spread(group, lambda r: (r.get('ms_per_face') or {}).get('flip'), 1),
                spread(group, lambda r: (r.get('ms_per_face') or {}).get('no_flip'), 1),
            ]
        )
    return markdown(*_without_dull_columns(header, rows))


def _without_dull_columns(
    header: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Leave out the columns that miss every value, or have but one in several rows."""
    values = [{row[i] for row in rows} for i in range(len(header))]
    kept = [i for i, v in enumerate(values) if v != {MISSING} and (len(v) > 1 or len(rows) == 1)]
    return [header[i] for i in kept], [[row[i] for i in kept] for row in rows]


def hard_table(groups: Sequence[list[Run]]) -> str:
    """Return the errors on all sets side by side, decoded by SDT."""
    rows = [
        [SEED.sub('', group[0]['name'])]
        + [spread(group, lambda run, faces=faces: score(run, faces, 'sdt')) for faces in SETS]
        for group in groups
    ]
    return markdown(*_without_dull_columns(['model', *SETS.values()], rows))


def heatmaps_table(groups: Sequence[list[Run]]) -> str:
    """Return what was measured of the heatmaps' shape."""
    names = list(dict.fromkeys(key for group in groups for run in group for key in run['heatmaps']))
    rows = [
        [SEED.sub('', group[0]['name'])]
        + [spread(group, lambda run, name=name: run['heatmaps'].get(name), 3) for name in names]
        for group in groups
    ]
    header = ['model', *(name.replace('_', ' ') for name in names)]
    return markdown(*_without_dull_columns(header, rows))


def make_table(name: str, runs: Sequence[Run]) -> str:
    """Return one table; runs that were not measured for it are left out.

    Raises:
        InputError: If there is no table of that name.
    """
    if name == 'heatmaps':
        return heatmaps_table(group_seeds([run for run in runs if run.get('heatmaps')]))
    if name not in (*SETS, 'hard'):
        raise InputError(f'no table {name!r}, only {", ".join([*SETS, "hard", "heatmaps"])}')
    faces = 'helen_test' if name == 'hard' else name
    groups = group_seeds([run for run in runs if score(run, faces, 'sdt') is not None])
    groups.sort(key=lambda group: mean(score(run, faces, 'sdt') for run in group))
    return hard_table(groups) if name == 'hard' else scores_table(groups, name)


def fill(text: str, runs: Sequence[Run]) -> str:
    """Return a page with its tables made from the runs."""

    def table(spot: re.Match) -> str:
        chosen = [run for run in runs if spot[3] in (None, run.get('series'))]
        return f'{spot[1]}{make_table(spot[2], chosen)}\n{spot[4]}'

    return SPOT.sub(table, text)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--runs', type=Path, default=DOCS / 'results', help='folder of run files')
    parser.add_argument('--page', type=Path, default=DOCS / 'results.md', help='to be filled')
    parser.add_argument('--check', action='store_true', help='write nothing; 1 if the page is old')
    return parser.parse_args()


def main() -> int:
    """Fill the page."""
    args = parse_args()
    if not args.page.is_file():
        raise InputError(f'{args.page}: no such page; write it with <!-- table: dev --> in it')
    text = args.page.read_text(encoding='utf-8')
    filled = fill(text, read_runs(args.runs))
    tables = ', '.join(found[1] for found in SPOT.findall(filled))
    if args.check:
        print(f'{args.page}: {"as the runs say" if filled == text else "OLD"} ({tables})')
        return int(filled != text)
    write_bytes(args.page, filled.encode())
    print(f'{args.page}: {tables}')
    return 0


if __name__ == '__main__':
    sys.exit(exit_on_input_error('results_tables', main))

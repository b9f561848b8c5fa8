"""Print the paper's tables with our runs beside the published numbers, as Markdown.

Each WORK_DIR is searched at every depth for metrics.json, which tools/test.py writes. The configs
that MMEngine writes beside it are read, which executes them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.markdown import markdown
from analysis.paper_tables import NORMALIZERS, SOURCES, TABLES, Table, parse_stem
from analysis.runs import Run, find_runs

from mhhn_landmarks.errors import exit_on_input_error

LEGEND = (
    'NME: mean over the images, in percent of the normaliser, with the standard deviation in'
    ' brackets (ours: over the images). FR: percent of the images with an error above the'
    ' threshold. AUC: area under the cumulative error distribution up to it, in [0, 1].'
)
MARK, MISSING = 'NOT COMPARABLE', '-'


def write_report(runs: Sequence[Run], tables: Sequence[str] | None = None) -> str:
    """Return the tables, then what the runs and sources are.

    Args:
        runs: From `find_runs`.
        tables: Names in `TABLES`; by default all of them.
    """
    parts, cited = ['# Report', LEGEND], set()
    for table in [TABLES[name] for name in tables or TABLES]:
        parts.append(f'## {table.title}')
        for normalizer in (table.normalizer, *table.others):
            unit = f'Errors in percent of the {NORMALIZERS[normalizer]}'
            parts.append(f'{unit}; FR and AUC at {table.threshold:g}%.')
            parts.append(_table(table, normalizer, runs))
        parts += table.notes
        cited |= {method['source'] for method in table.later} | (
            {'paper'} if table.paper else set()
        )
    if runs:
        described = (f'* [{number}] {_describe(run)}' for number, run in enumerate(runs, 1))
        parts += ['## Our runs', '\n'.join(described)]
    if cited:
        sources = [SOURCES[key] for key in SOURCES if key in cited]
        parts += ['## Sources', '\n'.join(f'* {s["name"]}: {s["reference"]}.' for s in sources)]
    return '\n\n'.join(parts) + '\n'


def _table(table: Table, normalizer: str, runs: Sequence[Run]) -> str:
    """Return one normaliser's table."""
    columns = table.all_columns
    rows: list[list[str]] = []
    for label in dict.fromkeys([*table.paper, *table.ours]):
        if normalizer == table.normalizer and label in table.paper:
            rows.append([label, SOURCES['paper']['name'], *table.paper[label]])
        found = [(n, r) for n, r in enumerate(runs, 1) if (table.title, label) in rows_of(r)]
        for number, run in found:
            tiny = ', TINY' if 'tiny' in run.reasons else ''
            by = f'ours [{number}]{tiny}' + (f', {MARK}' if run.reasons else '')
            cells = _cells(run.scores, normalizer, columns, run.threshold == table.threshold)
            rows.append([label, by, *cells])
        if not found and label in table.ours:
            rows.append([label, 'ours: not run'])
    for method in table.later:
        if normalizer in method:
            scores = {_key(k, normalizer): v for k, v in method[normalizer].items()}
            by = SOURCES[method['source']]['name']
            rows.append([method['label'], by, *_cells(scores, normalizer, columns)])
    header = ['model', 'by', *columns]
    return markdown(header, [row + [MISSING] * (len(header) - len(row)) for row in rows], (0, 1))


def rows_of(run: Run) -> list[tuple[str, str]]:
    """Return the tables' titles and labels of the rows that a run belongs to."""
    stem = parse_stem(run.name)
    if stem is None:
        return []
    row = (stem.model, run.weights or stem.model)
    ours = [(t, label, r) for t in TABLES.values() for label, r in t.ours.items()]
    return [(t.title, label) for t, label, r in ours if t.dataset == stem.dataset and r == row]


def _key(column: str, normalizer: str) -> str:
    """Return the metric's key of a column: ``full`` stands for its NME."""
    subset, _, score = column.partition('/')
    return f'{subset}/{normalizer}/{score or "NME"}'


def _cells(
    scores: Mapping[str, float], normalizer: str, columns: Mapping[str, str], same: bool = True
) -> list[str]:
    """Return a row's numbers; FR and AUC only if their threshold is the table's."""
    cells = []
    for column in columns.values():
        key = _key(column, normalizer)
        value, std = scores.get(key), scores.get(f'{key}_std')
        if value is None or (key.endswith(('/FR', '/AUC')) and not same):
            cells.append(MISSING)
        else:
            text = f'{value:.3f}' if key.endswith('/AUC') else f'{value:.2f}'
            cells.append(text if std is None else f'{text} ({std:.2f})')
    return cells


def _describe(run: Run) -> str:
    """Say how a run's scores came to be, what makes them incomparable first."""
    text = f'{run.folder}: {", ".join(run.reasons + run.facts)}; FR and AUC at {run.threshold:g}%'
    if rows_of(run):
        return text
    nmes = [f'{v:.2f} {k}' for k, v in run.scores.items() if k.endswith('/NME')]
    return f'{text}; {run.name} is no row of these tables: {", ".join(nmes)}'


def main() -> None:
    """Find the runs, print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dirs', metavar='WORK_DIR', nargs='*', help='folder of runs')
    parser.add_argument('--table', nargs='+', choices=list(TABLES), help='which; default: all')
    args = parser.parse_args()
    print(write_report(find_runs(args.work_dirs), args.table), end='')


if __name__ == '__main__':
    exit_on_input_error('report', main)

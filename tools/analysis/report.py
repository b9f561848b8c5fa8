"""Print the paper's tables with our runs beside the published numbers, as Markdown.

Each WORK_DIR is searched at every depth for runs: folders with metrics.json, which tools/test.py
writes, or the log of a training, whose last validation is then shown and marked as such. Their
configs, which MMEngine writes there, are read, which executes them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.markdown import markdown
from analysis.paper_tables import MISSING, NORMALIZERS, SOURCES, TABLES, Table
from analysis.runs import Run, find_runs

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes

LEGEND = (
    'NME: mean over the images, in percent of the normaliser, with the standard deviation in'
    ' brackets (ours: over the images). FR: percent of the images with an error above the'
    ' threshold. AUC: area under the cumulative error distribution up to it, in [0, 1]. Moved:'
    ' landmarks that SDT moves by a heatmap pixel or more from the argmax, and how many of these'
    ' moves lead closer to the truth (tools/analysis/decoders.py measures it).'
)
MARK = 'NOT COMPARABLE'
MOVED = 'Moved'


def write_report(runs: Sequence[Run], tables: Sequence[str] | None = None) -> str:
    """Return the tables, then runs that belong to none, then what the runs and sources are.

    Args:
        runs: From `find_runs`.
        tables: Names in `TABLES`; by default all of them.
    """
    marks = {run.folder: f'[{number}]' for number, run in enumerate(runs, 1)}
    parts, cited = ['# Report', LEGEND], {}
    for name in tables or TABLES:
        table = TABLES[name]
        parts.append(f'## {table.title}')
        for normalizer in (table.normalizer, *table.others):
            unit = f'Errors in percent of the {NORMALIZERS[normalizer]}'
            parts.append(f'{unit}; FR and AUC at {table.threshold:g}%.')
            parts.append(_table(table, normalizer, runs, marks, cited))
        parts += table.notes
    others = [run for run in runs if not _is_row(run)]
    if others:
        parts += ['## Other runs', *_other_tables(others, marks)]
    if runs:
        parts += ['## Our runs', '\n'.join(f'* {marks[r.folder]} {_describe(r)}' for r in runs)]
    if cited:
        sources = [SOURCES[key] for key in SOURCES if key in cited]
        parts += ['## Sources', '\n'.join(f'* {s["name"]}: {s["reference"]}.' for s in sources)]
    return '\n\n'.join(parts) + '\n'


def _is_row(run: Run) -> bool:
    """Whether some table has a row for it."""
    return any(
        runs_of(table, label, [run]) for table in TABLES.values() for label in _labels(table)
    )


def _labels(table: Table) -> list[str]:
    """Return the labels of the paper's rows, then ours that it has not."""
    return list(dict.fromkeys([*table.paper, *(row.label for row in table.ours)]))


def runs_of(table: Table, label: str, runs: Sequence[Run]) -> list[Run]:
    """Return the runs that belong to one row."""
    keys = {(row.model, row.weights) for row in table.ours if row.label == label}
    return [
        run
        for run in runs
        if (stem := run.stem)
        and stem.dataset == table.dataset
        and (stem.model, run.weights or stem.model) in keys
    ]


def _table(
    table: Table,
    normalizer: str,
    runs: Sequence[Run],
    marks: Mapping[Path, str],
    cited: dict[str, None],
) -> str:
    """Return one normaliser's table, noting the sources that it cites."""
    columns = table.all_columns
    with_moves = any(run.corrections for run in runs if _is_row(run))
    empty = [MISSING] * (len(columns) + with_moves)
    rows = []
    for label in _labels(table):
        if normalizer == table.normalizer and label in table.paper:
            cells = table.paper[label]
            rows.append([label, SOURCES['paper']['name'], *cells, *empty[len(cells) :]])
            cited['paper'] = None
        found = runs_of(table, label, runs)
        for run in found:
            cells = _cells(run.scores, normalizer, columns, run.threshold == table.threshold)
            rows.append([label, _by(run, marks), *cells, *[_moves(run)] * with_moves])
        if not found and any(row.label == label for row in table.ours):
            rows.append([label, 'ours: not run', *empty])
    for method in table.later:
        if normalizer in method:
            scores = {_key(k, normalizer): v for k, v in method[normalizer].items()}
            cells = _cells(scores, normalizer, columns)
            rows.append(
                [method['label'], SOURCES[method['source']]['name'], *cells, *empty[:with_moves]]
            )
            cited[method['source']] = None
    header = ['model', 'by', *columns, *[MOVED] * with_moves]
    return markdown(header, rows, (0, 1))


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
        score = key.rsplit('/', 1)[1]
        if value is None or (score in ('FR', 'AUC') and not same):
            cells.append(MISSING)
        else:
            text = f'{value:.3f}' if score == 'AUC' else f'{value:.2f}'
            cells.append(text if std is None else f'{text} ({std:.2f})')
    return cells


def _by(run: Run, marks: Mapping[Path, str]) -> str:
    mark = marks[run.folder]
    if not run.scores:
        return f'ours {mark}: no score yet'
    reasons = run.reasons()
    tiny = ', TINY' if 'tiny' in reasons else ''
    return f'ours {mark}{tiny}, {MARK}' if reasons else f'ours {mark}'


def _moves(run: Run) -> str:
    found = run.corrections
    return f'{found["moved"]:.1f}%, {found["closer"]:.0f}% closer' if found else MISSING


def _describe(run: Run) -> str:
    """Say how a run's scores came to be, what makes them incomparable first."""
    if not run.scores:
        return f'{run.folder}: no score yet, ' + (
            f'epoch {run.trained}' if run.trained else 'just begun'
        )
    parts = run.reasons() + ['tested before the end of this training'] * run.stale
    parts += ['epoch chosen by validation'] * run.chosen
    parts += [f'weights of {run.weights}'] * (run.weights is not None)
    parts += [run.size[0]] * (run.size[1] is not None)
    if run.epoch is not None:
        parts.append(f'{"tested" if run.tested else "validated"} at epoch {run.epoch}')
    for count, name in ((run.images.get('full'), 'test'), (run.train_images, 'training')):
        parts += [f'{count} {name} faces'] * (count is not None)
    return f'{run.folder}: {", ".join(parts)}; FR and AUC at {run.threshold:g}%'


def _other_tables(runs: Sequence[Run], marks: Mapping[Path, str]) -> list[str]:
    """Return a table per normaliser of runs that are no row."""
    found = {key.split('/')[1]: None for run in runs for key in run.scores}
    columns = {'Full NME': 'full', 'FR': 'full/FR', 'AUC': 'full/AUC'}
    parts = []
    for normalizer in found:
        scored = [run for run in runs if f'full/{normalizer}/NME' in run.scores]
        rows = [[r.name, _by(r, marks), *_cells(r.scores, normalizer, columns)] for r in scored]
        parts.append(f'Errors in percent of the {NORMALIZERS.get(normalizer, normalizer)}.')
        parts.append(markdown(['config', 'by', *columns], rows, (0, 1)))
    return parts


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dirs', metavar='WORK_DIR', nargs='*', help='folder of runs')
    parser.add_argument('--out', type=Path, help='file to write as well, such as report.md')
    parser.add_argument('--table', nargs='+', choices=list(TABLES), help='which; default: all')
    return parser.parse_args()


def main() -> None:
    """Find the runs, print the report."""
    args = parse_args()
    text = write_report(find_runs(args.work_dirs), args.table)
    if args.out:
        try:
            write_bytes(args.out, text.encode())
        except OSError as error:
            raise InputError(f'{args.out}: cannot be written ({error.strerror})') from error
    print(text, end='')


if __name__ == '__main__':
    exit_on_input_error('report', main)

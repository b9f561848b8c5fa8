"""The report: the paper's tables as Markdown, our runs beside what is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from paper_tables.markdown import markdown

from .published import FIELD, MHHN, PAPER, Source
from .rows import DATASETS, NORMALIZERS, TABLES, Block, parse_stem, threshold_of
from .runs import Run

LEGEND = (
    'NME: mean over the images, in percent of the normaliser, with the standard deviation over the'
    ' images in brackets. FR: percent of the images with an error above the threshold. AUC: area'
    ' under the cumulative error distribution up to it, in [0, 1].'
)
MARK = 'NOT COMPARABLE'
_MISSING = '-'


def write_report(runs: Sequence[Run], tables: Sequence[str] | None = None) -> str:
    """Write the tables, then runs that belong to none, then what the runs and sources are.

    Args:
        runs: From `find_runs`.
        tables: Names in `TABLES`; by default all of them.

    Returns:
        Markdown.
    """
    marks = {run.folder: f'[{number}]' for number, run in enumerate(runs, 1)}
    parts, sources = ['# Report', LEGEND], {}
    for name in tables or TABLES:
        table = TABLES[name]
        parts.append(f'## {table.title}')
        for block in table.blocks:
            parts += [f'### {_block_title(block)}', _block_table(block, runs, marks, sources)]
        parts += table.notes
    rows = {key for table in TABLES.values() for key in table.keys}
    others = [r for r in runs if not ((stem := parse_stem(r.stem)) and stem.key in rows)]
    if others:
        parts += ['## Other runs', *_other_tables(others, marks)]
    if runs:
        parts += ['## Our runs', '\n'.join(f'* {marks[r.folder]} {_describe(r)}' for r in runs)]
    if sources:
        parts += ['## Sources', '\n'.join(map(_citation, sources.values()))]
    return '\n\n'.join(parts) + '\n'


def _block_title(block: Block) -> str:
    title = f'{DATASETS[block.dataset]}, errors in percent of the {NORMALIZERS[block.normalizer]}'
    return f'{title}; threshold {threshold_of(block.dataset):g}%'


def _block_table(
    block: Block, runs: Sequence[Run], marks: Mapping[Path, str], sources: dict[str, Source]
) -> str:
    """Return one normaliser's table, noting the sources it cites."""
    header = ['model', 'by', *(_name(s) + ' NME' for s in block.subsets)]
    header += [f'{_name(block.whole)} {score}' for score in ('FR', 'AUC')]
    rows = []
    for model, label in block.rows.items():
        own = [r for r in runs if (s := parse_stem(r.stem)) and s.key == (model, block.dataset)]
        rows += [[label, *_own_cells(block, run, marks[run.folder])] for run in own]
        if not own:
            rows.append([label, 'ours: not run', *_cells(block, {})])
        published = _cells(block, PAPER.get((model, block.dataset), {}))
        if any(cell != _MISSING for cell in published):
            rows.append([label, MHHN.name, *published])
            sources[MHHN.name] = MHHN
    for row in FIELD if block.field else ():
        cells = _cells(block, row.scores)
        if row.dataset == block.dataset and any(cell != _MISSING for cell in cells):
            rows.append([row.label, row.source.name, *cells])
            sources[row.source.name] = row.source
    return markdown(header, rows, (0, 1)).rstrip()


def _own_cells(block: Block, run: Run, mark: str) -> list[str]:
    """Return a run's line without its label; incomparable ones say so."""
    if not run.scores:
        return [f'ours {mark}: no score yet', *_cells(block, {})]
    cells = _cells(block, run.scores)
    if run.threshold != threshold_of(block.dataset):
        cells[-2:] = [_MISSING] * 2
    return [_by(run, mark), *cells]


def _by(run: Run, mark: str) -> str:
    reasons = run.reasons()
    tiny = ', TINY' if 'tiny' in reasons else ''
    return f'ours {mark}{tiny}, {MARK}' if reasons else f'ours {mark}'


def _describe(run: Run) -> str:
    """Say how a run's scores came to be, what makes them incomparable first."""
    if not run.scores:
        trained = f'epoch {run.trained}' if run.trained else 'just begun'
        return f'{run.folder}: no score yet, {trained}'
    parts = run.reasons() + ['tested before the end of this training'] * run.stale
    parts += ['epoch chosen by validation'] * run.chosen
    parts += [run.model] * (run.small is not None)
    if run.epoch is not None:
        parts.append(f'{"tested" if run.tested else "validated"} at epoch {run.epoch}')
    for count, name in ((run.images.get('full'), 'test'), (run.train_images, 'training')):
        parts += [f'{count} {name} faces'] * (count is not None)
    return f'{run.folder}: {", ".join(parts)}; FR and AUC at {run.threshold:g}%'


def _name(subset: str) -> str:
    return subset.replace('_landmarks', '').replace('makeup', 'make-up').capitalize()


def _cells(block: Block, scores: Mapping[str, float]) -> list[str]:
    """Return NME per subset, then FR and AUC of the whole."""
    whole = f'{block.whole}/{block.normalizer}'
    return [
        *(_nme(scores, f'{subset}/{block.normalizer}') for subset in block.subsets),
        _number(scores, f'{whole}/FR', 2),
        _number(scores, f'{whole}/AUC', 3),
    ]


def _number(scores: Mapping[str, float], key: str, digits: int) -> str:
    return f'{scores[key]:.{digits}f}' if key in scores else _MISSING


def _nme(scores: Mapping[str, float], key: str) -> str:
    nme, std = _number(scores, f'{key}/NME', 2), _number(scores, f'{key}/NME_std', 2)
    return nme if std == _MISSING else f'{nme} ({std})'


def _other_tables(runs: Sequence[Run], marks: Mapping[Path, str]) -> list[str]:
    """Return a table per normaliser of runs that are no row."""
    found = {key.split('/')[1]: None for run in runs for key in run.scores}
    parts = []
    for normalizer in found:
        whole = f'full/{normalizer}'
        rows = [
            [
                run.stem,
                _by(run, marks[run.folder]),
                _nme(run.scores, whole),
                _number(run.scores, f'{whole}/FR', 2),
                _number(run.scores, f'{whole}/AUC', 3),
            ]
            for run in runs
            if f'{whole}/NME' in run.scores
        ]
        name = NORMALIZERS.get(normalizer, normalizer)
        header = ['config', 'by', 'Full NME', 'Full FR', 'Full AUC']
        parts += [f'### Errors in percent of the {name}', markdown(header, rows, (0, 1)).rstrip()]
    return parts


def _citation(source: Source) -> str:
    return f'* {source.name}: {source.reference}' + (f' ({source.note}).' if source.note else '.')

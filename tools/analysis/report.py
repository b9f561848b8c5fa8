"""Print the paper's tables with our runs beside the published numbers, as Markdown.

Each WORK_DIR is searched at every depth for metrics.json, which tools/test.py writes. The configs
that MMEngine writes beside it are read, which executes them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import METRICS, read_errors_file, read_json
from analysis.markdown import markdown
from analysis.paper_tables import DATASETS, NORMALIZERS, SOURCES, TABLES, Stem, Table, parse_stem

from mhhn_landmarks.arguments import new_parser
from mhhn_landmarks.errors import InputError, exit_on_input_error

if TYPE_CHECKING:  # it takes seconds, which --help need not
    from mmengine.config import Config

LEGEND = (
    'NME: mean over the images, in percent of the normaliser, with the standard deviation in'
    ' brackets (ours: over the images). FR: percent of the images with an error above the'
    ' threshold. AUC: area under the cumulative error distribution up to it, in [0, 1].'
)
MARK, MISSING = 'NOT COMPARABLE', '-'


class Run(NamedTuple):
    """One test of a model for faces."""

    folder: Path
    config: str  # its name
    checkpoint: Path
    scores: dict[str, float]  # by `FaceAlignmentMetric`'s keys
    reasons: list[str]  # why the scores are not comparable with published ones, if they are not

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The tables' titles and the labels of the rows that it belongs to."""
        stem, source = parse_stem(self.config), parse_stem(self.checkpoint.parent.name)
        if stem is None:
            return []
        row = stem.model, (source or stem).model
        tables = [table for table in TABLES.values() if table.dataset == stem.dataset]
        return [(t.title, label) for t in tables for label, ours in t.ours.items() if ours == row]


def find_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read every test of faces at or below the folders, in the order of their paths."""
    found: dict[Path, Run | None] = {}
    for top in map(Path, folders):
        inside = sorted(path.parent for path in top.rglob(METRICS))
        if not inside:
            raise InputError(f'{top}: no {METRICS} in it, which tools/test.py writes')
        found |= {path.resolve(): read_run(path) for path in inside}
    return [run for run in found.values() if run]


def read_run(folder: Path) -> Run | None:
    """Read one test's folder; None if its metric is another than `FaceAlignmentMetric`."""
    from mhhn_mmpose.apis.model_loading import load_config

    scores = {k: v for k, v in read_json(folder / METRICS).items() if k.count('/') == 2}
    config_file = max(folder.glob('*.py'), key=lambda file: file.stat().st_mtime, default=None)
    if config_file is None:
        raise InputError(f'{folder}: no config beside {METRICS}; test again with tools/test.py')
    if not scores:
        return None
    config, stem = load_config(config_file), parse_stem(config_file.stem)
    checkpoint = Path(config.get('load_from') or 'unknown weights')
    faces = read_errors_file(folder)['images']
    reasons = find_differences(config, checkpoint, faces, stem) if stem else []
    return Run(folder, config_file.stem, checkpoint, scores, reasons)


def find_differences(
    config: Config, checkpoint: Path, faces: Sequence[Mapping], stem: Stem
) -> list[str]:
    """Say how a test differs from those whose scores are published."""
    backbone, size = config.model.backbone, config.model.head.decoder.input_size[0]
    stacks, channels = backbone.get('num_stacks', 4), backbone.get('feat_channels', 256)
    reasons = ['tiny'] * (size < 256 or stacks < 4 or channels < 256)
    if checkpoint.name != f'epoch_{stem.epochs}.pth':  # the best one is chosen on the test set
        reasons.append(f'{checkpoint.name}, not epoch_{stem.epochs}.pth')
    tested = Counter(subset for face in faces for subset in {'full', *face['subsets']})
    for subset, count in DATASETS[stem.dataset]['test'].items():
        if tested[subset] != count:
            reasons.append(f'{tested[subset]} {subset} test faces of the official {count}')
    data = (config.get('train_dataloader') or {}).get('dataset', {})
    file = Path(data.get('data_root') or '', data.get('ann_file') or '')
    if file.is_file():
        trained, count = len(read_json(file)['annotations']), DATASETS[stem.trained_on]['train']
        if trained != count:
            reasons.append(f'{trained} training faces of the official {count}')
    return reasons


def write_report(runs: Sequence[Run], tables: Sequence[str] | None = None) -> str:
    """Return the tables of these names in `TABLES`, by default all, then what the runs are."""
    parts, cited = ['# Report', LEGEND], set()
    for table in [TABLES[name] for name in tables or TABLES]:
        parts.append(f'## {table.title}')
        for normalizer in (table.normalizer, *table.others):
            unit = f'Errors in percent of the {NORMALIZERS[normalizer]}'
            parts.append(f'{unit}; FR and AUC at {DATASETS[table.dataset]["threshold"]}%.')
            parts.append(_table(table, normalizer, runs))
        parts += table.notes
        cited |= {method['source'] for method in table.later} | {'paper'}
    described = [f'* [{number}] {_describe(run)}' for number, run in enumerate(runs, 1)]
    parts += ['## Our runs', '\n'.join(described)] if runs else []
    sources = [f'* {SOURCES[k]["name"]}: {SOURCES[k]["reference"]}.' for k in SOURCES if k in cited]
    return '\n\n'.join([*parts, '## Sources', '\n'.join(sources)]) + '\n'


def _table(table: Table, normalizer: str, runs: Sequence[Run]) -> str:
    """Return one normaliser's table."""
    columns = {**table.columns, **table.extra}
    rows: list[list[str]] = []
    for label in dict.fromkeys([*table.paper, *table.ours]):
        if normalizer == table.normalizer and label in table.paper:
            rows.append([label, SOURCES['paper']['name'], *table.paper[label]])
        found = [(n, r) for n, r in enumerate(runs, 1) if (table.title, label) in r.rows]
        for number, run in found:
            tiny = ', TINY' if 'tiny' in run.reasons else ''
            by = f'ours [{number}]{tiny}' + (f', {MARK}' if run.reasons else '')
            rows.append([label, by, *_cells(run.scores, normalizer, columns)])
        if not found and label in table.ours:
            rows.append([label, 'ours: not run'])
    for method in table.later:
        if normalizer in method:
            scores = {_key(k, normalizer): v for k, v in method[normalizer].items()}
            by = SOURCES[method['source']]['name']
            rows.append([method['label'], by, *_cells(scores, normalizer, columns)])
    header = ['model', 'by', *columns]
    return markdown(header, [row + [MISSING] * (len(header) - len(row)) for row in rows], (0, 1))


def _key(column: str, normalizer: str) -> str:
    """Return the metric's key of a column: `full` stands for its NME."""
    subset, _, score = column.partition('/')
    return f'{subset}/{normalizer}/{score or "NME"}'


def _cells(scores: Mapping[str, float], normalizer: str, columns: Mapping[str, str]) -> list[str]:
    """Return a row's numbers."""
    cells = []
    for key in (_key(column, normalizer) for column in columns.values()):
        digits = 3 if key.endswith('/AUC') else 2
        text = f'{scores[key]:.{digits}f}' if key in scores else MISSING
        std = scores.get(f'{key}_std')
        cells.append(text if std is None else f'{text} ({std:.2f})')
    return cells


def _describe(run: Run) -> str:
    """Say what makes a run's scores incomparable, or that it has no row."""
    remark = ', '.join(run.reasons) if run.rows else f'{run.config} is no row of these tables'
    return f'{run.folder}: {remark or run.checkpoint.name}'


def main() -> None:
    """Find the runs, print the report."""
    parser = new_parser(__doc__)
    parser.add_argument('work_dirs', metavar='WORK_DIR', nargs='*', help='folder of runs')
    parser.add_argument('--table', nargs='+', choices=list(TABLES), help='which; default: all')
    args = parser.parse_args()
    print(write_report(find_runs(args.work_dirs), args.table), end='')


if __name__ == '__main__':
    exit_on_input_error('report', main)

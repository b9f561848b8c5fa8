"""The tables of `paper_tables.yml`, read once, and the names of configs that are their rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

DATA = yaml.safe_load(Path(__file__).with_name('paper_tables.yml').read_text(encoding='utf-8'))
SOURCES, DATASETS, NORMALIZERS = DATA['sources'], DATA['datasets'], DATA['normalizers']
_STEM = re.compile(
    r'td-hm_(?P<model>[^_]+?)(?P<tiny>-tiny)?_(?P<processes>\d+)xb(?P<batch>\d+)-(?P<epochs>\d+)e'
    r'_(?P<dataset>[^_-]+)-(?P<size>\d+)x\d+(?:_(?P<test>[^_]+))?'
)


class Stem(NamedTuple):
    """What a config's name says: ``td-hm_MODEL[-tiny]_8xb4-200e_DATASET-256x256[_TEST].py``."""

    model: str  # such as 'hgs-hsr'
    tiny: bool
    processes: int  # that the batch is for
    batch: int  # images per process
    epochs: int
    trained_on: str  # a dataset, such as '300w'
    dataset: str  # what it is tested on, which may be another


def parse_stem(stem: str) -> Stem | None:
    """Read a config's name without its suffix; None if it is of another form.

    >>> parse_stem('td-hm_mhhn-tiny_2xb8-30e_300w-128x128').model
    'mhhn'
    """
    found = _STEM.fullmatch(stem)
    if found is None:
        return None
    counts = (int(found[name]) for name in ('processes', 'batch', 'epochs'))
    test = found['test'] or found['dataset']
    return Stem(found['model'], found['tiny'] is not None, *counts, found['dataset'], test)


@dataclass(frozen=True)
class Table:
    """One table; its columns are keys of the metric without the normaliser: ``full``, ``full/FR``.

    What its fields are is said in `paper_tables.yml`; rows and columns are in the paper's order.
    """

    title: str
    dataset: str
    normalizer: str
    columns: Mapping[str, str]  # key by the column's name
    paper: Mapping[str, list[str]]  # cells by the row's label
    ours: Mapping[str, tuple[str, str]]  # model of our config, and whose weights, by the label
    others: tuple[str, ...] = ()
    extra: Mapping[str, str] | None = None
    later: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def all_columns(self) -> dict[str, str]:
        """The paper's columns, then FR and AUC of the last set, then what is extra."""
        whole = 'full' if 'full' in self.columns.values() else [*self.columns.values()][-1]
        own = {'FR': f'{whole}/FR', 'AUC': f'{whole}/AUC', **(self.extra or {})}
        return {**self.columns, **{k: v for k, v in own.items() if v not in self.columns.values()}}

    @property
    def threshold(self) -> float:
        """Above which error a face has failed, percent."""
        return float(DATASETS[self.dataset]['threshold'])


def _read_table(entry: Mapping[str, Any]) -> Table:
    """Make a table of what the file says."""
    lines = [line.split('|') for line in entry.get('paper', '').splitlines()]
    paper = {label.strip(): [cell.strip() for cell in cells] for label, *cells in lines}
    ours = {}
    for label, row in entry['ours'].items():
        row = row if isinstance(row, dict) else {'model': row}
        ours[str(label)] = row['model'], row.get('weights', row['model'])
    return Table(**{**entry, 'paper': paper, 'ours': ours})


TABLES: dict[str, Table] = {name: _read_table(entry) for name, entry in DATA['tables'].items()}
"""By the name that the command line takes."""

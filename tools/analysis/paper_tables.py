"""The tables of `paper_tables.yml`, read once, and the names of configs that are their rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

DATA = yaml.safe_load(Path(__file__).with_name('paper_tables.yml').read_text(encoding='utf-8'))
SOURCES, DATASETS, NORMALIZERS = DATA['sources'], DATA['datasets'], DATA['normalizers']
_STEM = re.compile(
    r'td-hm_(?P<model>[^_]+?)(?P<tiny>-tiny)?_(?P<processes>\d+)xb(?P<batch>\d+)-(?P<epochs>\d+)e'
    r'_(?P<dataset>[^_-]+)-(?P<size>\d+)x\d+(?:_(?P<test>[^_]+))?'
)


@dataclass(frozen=True)
class Stem:
    """What a config's name says: ``td-hm_MODEL[-tiny]_8xb4-200e_DATASET-256x256[_TEST].py``.

    Attributes:
        model: Such as ``'hgs-hsr'``.
        tiny: Whether it is the small form.
        processes: How many the batch is for.
        batch: Images per process.
        epochs: Of training.
        trained_on: A dataset, such as ``'300w'``.
        dataset: What it is tested on, which may be another.
    """

    model: str
    tiny: bool
    processes: int
    batch: int
    epochs: int
    trained_on: str
    dataset: str


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

    Attributes:
        title: Its heading.
        dataset: As in the configs' names.
        normalizer: The paper's.
        columns: Key by the column's name, in the paper's order.
        paper: The paper's cells by the row's label, in its order.
        ours: The model of our config, and that whose weights it takes, by the row's label.
        others: Normalisers that our rows are shown under besides.
        extra: Columns that the paper has not.
        later: Methods after the paper: label, source, and keys with values by normaliser.
        notes: Sentences below it.
    """

    title: str
    dataset: str
    normalizer: str
    columns: Mapping[str, str]
    paper: Mapping[str, list[str]]
    ours: Mapping[str, tuple[str, str]]
    others: tuple[str, ...] = ()
    extra: Mapping[str, str] | None = None
    later: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
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

"""The tables of `paper_tables.yml`, read once, and the names of configs that are their rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

DATA = yaml.safe_load(Path(__file__).with_name('paper_tables.yml').read_text(encoding='utf-8'))
SOURCES, DATASETS, NORMALIZERS = DATA['sources'], DATA['datasets'], DATA['normalizers']
_STEM = re.compile(r'td-hm_([^_]+?)(-tiny)?_(\d+)xb(\d+)-(\d+)e_([^_-]+)-\d+x\d+(?:_([^_]+))?')


class Stem(NamedTuple):
    """What a config's name says: `td-hm_MODEL[-tiny]_8xb4-200e_DATASET-256x256[_TEST].py`."""

    model: str  # such as 'hgs-hsr'
    tiny: bool
    processes: int  # that the batch is for
    batch: int  # images per process
    epochs: int
    trained_on: str  # a dataset, such as '300w'
    dataset: str  # what it is tested on, which may be another


def parse_stem(stem: str) -> Stem | None:
    """Read a config's name without its suffix; None if it is of another form or dataset.

    >>> parse_stem('td-hm_mhhn-tiny_2xb8-30e_300w-128x128').model
    'mhhn'
    """
    found = _STEM.fullmatch(stem)
    if found is None:
        return None
    model, tiny, *counts, trained_on, test = found.groups()
    if not {trained_on, test or trained_on} <= set(DATASETS):
        return None
    return Stem(model, tiny is not None, *map(int, counts), trained_on, test or trained_on)


class Table(NamedTuple):
    """One table; its columns are keys of the metric without the normaliser: `full`, `full/FR`.

    What its fields are is said in `paper_tables.yml`; rows and columns are in the paper's order.
    """

    title: str
    dataset: str
    normalizer: str
    columns: Mapping[str, str]  # key by the column's name
    extra: Mapping[str, str]
    paper: Mapping[str, list[str]]  # cells by the row's label
    ours: Mapping[str, tuple[str, str]]  # model of our config, and whose weights, by the label
    others: tuple[str, ...] = ()
    later: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


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

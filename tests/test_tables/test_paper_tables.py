"""The tables' data: every published number is a number, every row of ours has one config."""

import re

import pytest
from analysis.paper_tables import TABLES, parse_stem
from conftest import ROOT

CELL = re.compile(r'\d+(\.\d+)?( \((\d+\.\d+|-)\))?|-')
# Rows of the paper's Tables I to IV: methods compared, then its own four.
NUM_ROWS = {'300w': 14, 'cofw': 15, 'aflw': 13, 'wflw': 10, 'losses': 6, 'sigma': 4, 'lambda': 5}


@pytest.mark.parametrize('name', NUM_ROWS)
def test_the_papers_rows_are_whole(name):
    table = TABLES[name]
    assert len(table.paper) == NUM_ROWS[name]
    for label, cells in table.paper.items():
        assert len(cells) == len(table.columns), label
        assert all(CELL.fullmatch(cell) for cell in cells), label
    ours = [label for label in table.ours if label in table.paper]
    assert len(ours) == {'losses': 6, 'sigma': 4, 'lambda': 5}.get(name, 4)


def test_every_row_of_ours_has_one_config():
    stem = parse_stem('td-hm_hgs-mcg-tiny_2xb8-30e_300w-128x128_cofw68')
    assert (stem.model, stem.dataset, stem.trained_on) == ('hgs-mcg', 'cofw68', '300w')
    stems = [parse_stem(path.stem) for path in (ROOT / 'configs').glob('[!_]*/*.py')]
    found = [(stem.model, stem.dataset) for stem in stems if stem and not stem.tiny]
    for table in TABLES.values():
        for models in table.ours.values():
            for model in models:
                assert found.count((model, table.dataset)) == 1, models

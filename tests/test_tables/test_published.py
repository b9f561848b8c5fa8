"""Every published number belongs to a row and is shown by a table; every row has a config."""

from conftest import ROOT
from paper_tables.published import FIELD, PAPER
from paper_tables.rows import TABLES, parse_stem

BLOCKS = [block for table in TABLES.values() for block in table.blocks]


def shown(dataset, model=None):
    """The score keys that some table shows for this row."""
    return {
        f'{subset}/{block.normalizer}/{score}'
        for block in BLOCKS
        if block.dataset == dataset and (model in block.rows if model else block.field)
        for subset in block.subsets
        for score in ('NME', 'NME_std', 'FR', 'AUC')
        if score.startswith('NME') or subset == block.whole
    }


def test_every_number_is_shown():
    for (model, dataset), scores in PAPER.items():
        assert set(scores) <= shown(dataset, model), (model, dataset)
    for row in FIELD:
        assert set(row.scores) <= shown(row.dataset), row.label


def test_rows_without_the_papers_number_are_these():
    keys = {key for table in TABLES.values() for key in table.keys}
    rest = {key for key in keys if key not in PAPER}
    own = {(m, d) for m, d in rest if m.startswith('hrnetv2-w18-') or d == 'cofw68'}
    cheaper = {('mhhn-pool2', '300w'), ('mhhn-channels64', '300w')}
    assert rest - own - cheaper == {('hgs-hsr-sigma2', '300w')}
    assert set(PAPER) <= keys


def test_numbers_keep_their_units_and_order():
    for scores in [*PAPER.values(), *(row.scores for row in FIELD)]:
        for key, value in scores.items():
            assert 0 < value < (1 if key.endswith('AUC') else 20), key
    for dataset in ('300w', 'cofw', 'aflw', 'wflw'):
        order = [PAPER[m, dataset] for m in ('hgs', 'hgs-hsr', 'hgs-mcg', 'mhhn')]
        for better, worse in zip(order[1:], order[:-1], strict=True):
            assert all(better[key] < worse[key] for key in better if not key.endswith('std'))


def test_every_row_has_one_config():
    stems = [parse_stem(path.stem) for path in (ROOT / 'configs').glob('[!_]*/*.py')]
    found = [stem.key for stem in stems if stem and not stem.tiny]
    for table in TABLES.values():
        for key in table.keys:
            assert found.count(key) == 1, key


def test_parse_stem():
    stem = parse_stem('td-hm_hgs-mcg-tiny_2xb8-30e_300w-128x128_cofw68')
    assert (stem.key, stem.tiny, stem.trained_on) == (('hgs-mcg', 'cofw68'), True, '300w')
    assert (stem.processes, stem.batch, stem.epochs) == (2, 8, 30)
    stem = parse_stem('td-hm_hrnetv2-w18-dark_8xb4-200e_wflw-256x256')
    assert (stem.key, stem.tiny) == (('hrnetv2-w18-dark', 'wflw'), False)
    assert parse_stem('td-hm_hrnetv2-w18_sdt-sdl-8xb64-60e_300w-256x256') is None
    assert parse_stem('my_model') is None

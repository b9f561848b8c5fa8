import pytest
from paper_tables.markdown import comparison_table


def scores(key, nme, std, failures, auc):
    return {f'{key}/NME': nme, f'{key}/NME_std': std, f'{key}/FR': failures, f'{key}/AUC': auc}


COMPLETE = {
    **scores('full/inter_ocular', 3.7412, 0.74, 0.4, 0.6261),
    **scores('full/inter_pupil', 5.0, 1.0, 2.0, 0.5),
    **scores('challenge/inter_ocular', 6.009, 0.876, 12.0, 0.41),
    **scores('common/inter_ocular', 3.18, 0.61, 0.0, 0.68),
}
PARTIAL = {
    **scores('full/inter_ocular', 14.0, 2.5, 100.0, 0.0),
    **scores('common/inter_ocular', 14.0, 2.5, 100.0, 0.0),
}


def cells(table):
    return [[cell.strip() for cell in line.split('|')[1:-1]] for line in table.splitlines()]


def test_rows_and_columns():
    header, rule, complete, partial = cells(
        comparison_table({'MHHN': COMPLETE, 'other': PARTIAL}, 'inter_ocular')
    )
    assert header == ['', *'Common NME,FR,AUC,Challenge NME,FR,AUC,Full NME,FR,AUC'.split(',')]
    assert complete == [
        *('MHHN', '3.18 ± 0.61', '0.00', '0.680'),
        *('6.01 ± 0.88', '12.00', '0.410'),
        *('3.74 ± 0.74', '0.40', '0.626'),
    ]
    assert partial[4:7] == ['-'] * 3
    assert partial[7:] == ['14.00 ± 2.50', '100.00', '0.000']
    assert rule[1:] and all(set(cell) == {'-', ':'} for cell in rule[1:])


def test_lines_are_equally_long():
    lines = comparison_table({'a': COMPLETE, 'much longer': PARTIAL}, 'inter_ocular').splitlines()
    assert len({len(line) for line in lines}) == 1


def test_what_no_run_has_is_no_column():
    assert 'Challenge' not in comparison_table({'a': PARTIAL}, 'inter_ocular')
    header = cells(comparison_table({'a': COMPLETE}, 'inter_pupil'))[0]
    assert header == ['', 'Full NME', 'FR', 'AUC']


def test_other_subsets_stand_before_the_whole():
    runs = {'a': {**COMPLETE, **scores('pose/inter_ocular', 4.0, 1.0, 0.0, 0.6)}}
    header = cells(comparison_table(runs, 'inter_ocular'))[0]
    assert header[1::3] == ['Common NME', 'Challenge NME', 'Pose NME', 'Full NME']


def test_refuses_a_normaliser_nobody_used():
    with pytest.raises(ValueError, match="none of the runs a was scored with 'box'"):
        comparison_table({'a': COMPLETE}, 'box')

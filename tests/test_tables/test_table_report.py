import json
import os

import pytest
from paper_tables.conditions import RunError
from paper_tables.report import MARK, markdown, write_report
from paper_tables.runs import find_runs
from toy_runs import PAPER, TINY, score, write_config, write_test, write_training


def report(folder, *tables):
    return write_report(find_runs([folder]), tables or ['300w'])


def rows(text):
    """Every table's rows as lists of cells."""
    lines = [line for line in text.splitlines() if line.startswith('| ')]
    return [[cell.strip() for cell in line[1:-1].split(' |')] for line in lines]


def own(text, label='MHHN'):
    return [r for r in rows(text) if r[0] == label and r[1].startswith('ours')]


def described(text):
    """What is said of each run, in order."""
    return text.split('## Our runs\n\n')[1].split('\n\n')[0].splitlines()


def test_a_test_on_the_official_faces_stands_beside_the_papers_row(tmp_path):
    scores = write_test(tmp_path)
    text = report(tmp_path)
    inter_pupil, inter_ocular = own(text)
    assert inter_ocular == [
        *('MHHN', 'ours [1]', '4.00 (0.00)', '4.00 (0.00)', '4.00 (0.00)', '0.00', '0.600')
    ]
    assert inter_pupil[4] == f'{scores["full/inter_pupil/NME"]:.2f} (0.00)' != inter_ocular[4]
    published = [r for r in rows(text) if r[:2] == ['MHHN', 'Wan et al. 2021']]
    assert [r[2:] for r in published] == [['3.18 (0.61)', '6.01 (0.87)', '3.74 (0.74)', '-', '-']]
    assert described(text) == [
        f'* [1] {tmp_path}: 4 x 256 channels, 256 px, tested at epoch 200, 689 test faces;'
        ' FR and AUC at 10%'
    ]


def test_normalisers_never_share_a_table(tmp_path):
    write_test(tmp_path)
    first, second = report(tmp_path).split('### ')[1:3]
    assert first.startswith('300W, errors in percent of the inter-pupil distance; threshold 10%')
    assert second.startswith('300W, errors in percent of the inter-ocular distance')
    assert 'D-ViT' in second and 'D-ViT' not in first
    assert 'Wan et al. 2021' in first and 'Wan et al.' not in second.split('## Sources')[0]
    assert '| STAR' in first and '| STAR' in second


def test_what_was_not_run_says_so(tmp_path):
    write_test(tmp_path)
    for label in ('HGs', 'HGs+HSR', 'HGs+MCG'):
        assert [r[1:] for r in own(report(tmp_path), label)] == [['ours: not run'] + ['-'] * 5] * 2


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        (dict(stem=TINY, size=128, load_from='epoch_30.pth'), 'tiny'),
        (dict(size=128), 'tiny'),
        (dict(load_from='a/epoch_199.pth'), 'epoch 199 of 200'),
        (dict(load_from='a/best_full_NME_epoch_150.pth'), 'epoch 150 of 200'),
        (dict(load_from='other.pth'), 'epochs unknown'),
        (dict(common=553), 'not the official 689 full test faces but 688'),
        (dict(common=553, challenge=136), 'not the official 554 common test faces but 553'),
    ],
)
def test_what_is_not_comparable_is_marked(tmp_path, changes, reason):
    write_test(tmp_path / 'run', **changes)
    text = report(tmp_path)
    tiny = 'TINY, ' if reason == 'tiny' else ''
    assert [row[1] for row in own(text)] == [f'ours [1], {tiny}{MARK}'] * 2
    assert f'run: {reason}, ' in described(text)[0]


def test_a_full_training_whose_best_epoch_is_tested_is_comparable(tmp_path):
    write_training(tmp_path, epochs=200)
    write_test(tmp_path, load_from='a/best_full_inter_ocular_NME_epoch_150.pth')
    text = report(tmp_path)
    assert own(text)[0][1] == 'ours [1]' and 'epoch chosen by validation' in described(text)[0]
    os.utime(next(tmp_path.glob('*/vis_data/scalars.json')), (4e9, 4e9))
    assert 'tested before the end of this training' in described(report(tmp_path))[0]


def test_training_faces_are_counted(tmp_path):
    write_test(tmp_path / 'run')
    path = tmp_path / 'run' / f'{PAPER}.py'
    loader = f"dict(dataset=dict(data_root='{tmp_path}', ann_file='train.json'))"
    path.write_text(f'{path.read_text()}train_dataloader = {loader}\n')
    (tmp_path / 'train.json').write_text(json.dumps(dict(annotations=[{}] * 3148)))
    assert own(report(tmp_path))[0][1] == 'ours [1]'
    (tmp_path / 'train.json').write_text(json.dumps(dict(annotations=[{}] * 1207)))
    text = report(tmp_path)
    assert own(text)[0][1] == f'ours [1], {MARK}'
    assert 'not the official 3148 training faces' in described(text)[0]
    assert '1207 training faces' in described(text)[0]


def test_without_a_test_the_last_validation_counts(tmp_path):
    scores = write_training(tmp_path / 'run', epochs=7, validated=(2, 5))
    text = report(tmp_path)
    row = own(text)[0]
    assert row[1] == f'ours [1], {MARK}'
    assert row[4] == f'{scores["full/inter_pupil/NME"]:.2f} (0.00)'
    assert 'a validation, not a test, epoch 5 of 200' in described(text)[0]
    assert 'validated at epoch 5' in described(text)[0]


def test_a_training_without_scores(tmp_path):
    write_training(tmp_path / 'run', epochs=3, validated=())
    text = report(tmp_path)
    assert own(text)[0][1:] == ['ours [1]: no score yet'] + ['-'] * 5
    assert described(text) == [f'* [1] {tmp_path / "run"}: no score yet, epoch 3']
    write_test(tmp_path / 'run' / 'test')  # its test, in a folder of its own
    assert [run.folder.name for run in find_runs([tmp_path])] == ['test']


def test_another_threshold_leaves_failures_out(tmp_path):
    write_test(tmp_path, threshold=7.0)
    text = report(tmp_path)
    assert own(text)[0][5:] == ['-', '-'] and 'FR and AUC at 7%' in described(text)[0]
    folder = tmp_path / 'cofw68'
    write_config(folder, f'{PAPER}_cofw68', 'epoch_200.pth', threshold=7.0)
    scores = score(folder / 'errors.json', dict(test=507), 4.0, failure_threshold=7.0)
    (folder / 'metrics.json').write_text(json.dumps(scores))
    row = own(report(folder, 'cofw68'))[1]
    assert row[1:] == ['ours [1]', '8.00 (0.00)', '100.00', '0.000']
    assert own(report(folder, '300w'))[0][1] == 'ours: not run'  # trained, not tested on it


def test_several_runs_of_a_row_and_of_none(tmp_path):
    write_test(tmp_path / 'a', distance=2.0)
    write_test(tmp_path / 'b', distance=3.0)
    write_test(tmp_path / 'c', stem='td-hm_mine_8xb4-200e_300w-256x256', distance=4.0)
    text = report(tmp_path)
    assert [r[4] for r in own(text)[2:]] == ['4.00 (0.00)', '6.00 (0.00)']
    others = text.split('## Other runs')[1]
    assert [r[1] for r in rows(others) if r[0].startswith('td-hm_mine')][0] == 'ours [3]'
    assert others.count('### Errors in percent of the') == 2
    assert 'Other runs' not in report(tmp_path / 'a', 'wflw')


def test_metrics_of_others_are_no_scores(tmp_path):
    write_test(tmp_path)
    (tmp_path / 'metrics.json').write_text('{"coco/AP": 0.3}')
    (run,) = find_runs([tmp_path])
    assert not run.scores
    assert 'no score yet' in write_report([run])


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('metrics.json', '{"full/', r'metrics.json: cannot be read \(Unterminated'),
        ('errors.json', '[]', "errors.json: no list 'images' in it"),
        (f'{PAPER}.py', 'model = dict(', f'{PAPER}.py: cannot be read as a config'),
        ('1/vis_data/scalars.json', '{}\n}\n', 'scalars.json:2: no JSON'),
    ],
)
def test_refuses_what_it_cannot_read(tmp_path, name, content, message):
    write_test(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(content)
    with pytest.raises(RunError, match=message) as error:
        find_runs([tmp_path])
    assert '\n' not in str(error.value)


def test_a_line_being_written_is_left_out(tmp_path):
    write_training(tmp_path)
    with open(next(tmp_path.glob('*/vis_data/scalars.json')), 'a') as log:
        log.write('{"loss": 0.')
    assert find_runs([tmp_path])[0].trained == 7


def test_markdown_escapes_and_aligns():
    assert markdown(['a', 'b'], [['x|y', '1.00']], (0,)).splitlines() == [
        '| a    |    b |',
        '| ---- | ---: |',
        '| x\\|y | 1.00 |',
    ]

"""report.py: what runs left, beside what is published."""

import json

import pytest
from analysis.report import MARK, find_runs, write_report
from conftest import run_tool

PAPER = 'td-hm_mhhn_8xb4-200e_300w-256x256'
TINY = 'td-hm_mhhn-tiny_2xb8-30e_300w-128x128'
MHHN = 'HGs+MCG+HSR (MHHN)'
CONFIG = """
model = dict(
    backbone=dict(type='MCGHourglass', num_stacks=4, feat_channels=256),
    head=dict(decoder=dict(input_size=({size}, {size}))))
load_from = {load_from!r}
train_dataloader = dict(dataset=dict(data_root={folder!r}, ann_file='train.json'))
"""
OFFICIAL = dict(common=554, challenge=135)


def write_test(
    folder, name=PAPER, nme=4.0, load_from='epoch_200.pth', faces=OFFICIAL, train=0, size=256
):
    """Write what tools/test.py leaves; inter-pupil errors are 1.5 times as large."""
    folder.mkdir(parents=True, exist_ok=True)
    config = CONFIG.format(size=size, load_from=load_from, folder=str(folder))
    (folder / f'{name}.py').write_text(config)
    if train:
        (folder / 'train.json').write_text(json.dumps(dict(annotations=[{}] * train)))
    subsets = [[subset] for subset, count in faces.items() for _ in range(count)]
    images = [dict(id=i, subsets=s, errors=dict(inter_ocular=nme)) for i, s in enumerate(subsets)]
    content = dict(normalizers=['inter_ocular'], images=images)
    (folder / 'errors.json').write_text(json.dumps(content))
    scores = {
        f'{subset}/{normalizer}/{key}': value
        for subset in ('full', *faces)
        for normalizer, error in (('inter_ocular', nme), ('inter_pupil', 1.5 * nme))
        for key, value in dict(NME=error, NME_std=0.0, FR=0.0, AUC=1 - error / 10).items()
    }
    (folder / 'metrics.json').write_text(json.dumps(scores | dict(time=0.1)))


def report(folder, *tables):
    return write_report(find_runs([folder]), tables or ['300w'])


def rows(text, label=MHHN, by='ours'):
    """The cells of a label's rows, without the label."""
    lines = [line[1:-1].split(' |') for line in text.splitlines() if line.startswith('| ')]
    cells = [[cell.strip() for cell in line] for line in lines]
    return [row[1:] for row in cells if row[0] == label and row[1].startswith(by)]


def described(text):
    return text.split('## Our runs\n\n')[1].split('\n\n')[0].splitlines()


def test_a_test_on_the_official_faces_stands_beside_the_papers_row(tmp_path):
    write_test(tmp_path, train=3148)
    text = report(tmp_path)
    assert rows(text) == [
        ['ours [1]', *['6.00 (0.00)'] * 3, '0.00', '0.400'],
        ['ours [1]', *['4.00 (0.00)'] * 3, '0.00', '0.600'],
    ]
    assert rows(text, by='Wan') == [
        ['Wan et al. 2021', '3.18 (0.61)', '6.01 (0.87)', '3.74 (0.74)', '-', '-']
    ]
    assert described(text) == [f'* [1] {tmp_path}: epoch_200.pth']
    assert rows(text, 'HGs') == [['ours: not run', *['-'] * 5]] * 2
    assert len(rows(text, 'D-ViT', 'Dang')) == 1 and len(rows(text, 'STAR', 'Zhou')) == 2


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        (dict(name=TINY, size=128, load_from='epoch_30.pth'), 'tiny'),
        (dict(load_from='a/epoch_199.pth'), 'epoch_199.pth, not epoch_200.pth'),
        (dict(faces=dict(common=553, challenge=136)), '553 common test faces of the official 554'),
        (dict(train=1207), '1207 training faces of the official 3148'),
    ],
)
def test_what_is_not_comparable_is_marked(tmp_path, changes, reason):
    write_test(tmp_path / 'run', **changes)
    text = report(tmp_path)
    tiny = 'TINY, ' if reason == 'tiny' else ''
    assert [row[0] for row in rows(text)] == [f'ours [1], {tiny}{MARK}'] * 2
    assert f'run: {reason}' in described(text)[0]


def test_several_runs_of_a_row_of_anothers_weights_and_of_none(tmp_path):
    name = PAPER.replace('mhhn', 'mhhn-patch15')
    write_test(tmp_path / 'a', name, load_from=f'runs/{PAPER}/epoch_200.pth')
    write_test(tmp_path / 'b', name, nme=5.0, load_from=f'runs/{name}/epoch_200.pth')
    write_test(tmp_path / 'c', name, nme=6.0)
    write_test(tmp_path / 'd', 'my_model')
    text = report(tmp_path, 'cost')
    assert [row[1] for row in rows(text, '15x15 patch')] == ['6.00 (0.00)']
    trained = rows(text, '15x15 patch, in training too')
    assert [row[1] for row in trained] == ['7.50 (0.00)', '9.00 (0.00)']
    assert described(text)[3] == f'* [4] {tmp_path}/d: my_model is no row of these tables'


def test_the_command_and_what_it_refuses(tmp_path, monkeypatch, capsys):
    write_test(tmp_path / 'a')
    assert not run_tool(monkeypatch, 'analysis/report.py', tmp_path, '--table', '300w')
    assert capsys.readouterr().out == report(tmp_path)
    for name, content, message in (
        (f'{PAPER}.py', 'model = dict(', f'a/{PAPER}.py: no valid config'),
        ('metrics.json', '{"full/', 'a/metrics.json: cannot be read (Unterminated'),
    ):
        (tmp_path / 'a' / name).write_text(content)
        end = run_tool(monkeypatch, 'analysis/report.py', tmp_path)
        assert end.startswith(f'report: {tmp_path}/{message}')
    end = run_tool(monkeypatch, 'analysis/report.py', tmp_path / 'nowhere')
    assert end.startswith(f'report: {tmp_path}/nowhere: no metrics.json in it')

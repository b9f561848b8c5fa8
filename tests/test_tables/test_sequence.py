"""What run_table plans, refuses and starts; no training here."""

import json
from pathlib import Path

import pytest
from conftest import ROOT
from paper_tables import sequence
from paper_tables.jobs import Options, TableError, plan
from paper_tables.rows import TABLES
from paper_tables.sequence import check, execute
from quickstart_parts.steps import StepError


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder with annotation files, as far as they are looked at."""
    folder = tmp_path / 'data' / 'annotations'
    folder.mkdir(parents=True)
    for name in ('face_landmarks_300w_train', 'face_landmarks_300w_valid', 'cofw68_test'):
        (folder / f'{name}.json').write_text(json.dumps(dict(annotations=[{}, {}, {}])))
    return folder.parent


def jobs_of(tmp_path, table='300w', rows=(), **options):
    roots = {name: tmp_path / 'data' for name in ('300w', 'cofw')}
    return plan(ROOT, table, rows, Options(tmp_path / 'out', data_roots=roots, **options))


@pytest.mark.parametrize('table', ['300w', 'losses', 'hrnet', 'cofw68'])
def test_every_row_of_a_table_is_planned(tmp_path, table):
    jobs = jobs_of(tmp_path, table)
    assert [tuple(job.title.split()) for job in jobs] == TABLES[table].keys
    assert len({job.folder for job in jobs}) == len(jobs)


def test_commands(tmp_path):
    (job,) = jobs_of(tmp_path, rows=['mhhn'], tiny=True, epochs=2)
    name = 'td-hm_mhhn-tiny_2xb8-30e_300w-128x128'
    folder, file = tmp_path / 'out' / name, tmp_path / 'out' / 'configs' / f'{name}.py'
    assert job.train_command == [
        *('tools/dist_train.sh', str(file), '2', '--work-dir', str(folder), '--resume')
    ]
    assert job.test_command == [
        *('tools/dist_test.sh', str(file), str(folder / 'epoch_2.pth'), '2'),
        *('--work-dir', str(folder), '--out', str(folder / 'metrics.json')),
    ]


def test_data_options_and_batch_reach_the_config(tmp_path):
    changes = {'randomness.seed': 5}
    (job,) = jobs_of(tmp_path, rows=['hgs'], processes=1, cfg_options=changes)
    cfg, root = job.config, tmp_path / 'data'
    assert cfg.train_dataloader.batch_size == 32  # 8 x 4
    assert cfg.randomness.seed == 5
    for kind in ('train', 'val', 'test'):
        assert cfg[f'{kind}_dataloader'].dataset.data_root == f'{root}/'
    valid = str(root / 'annotations' / 'face_landmarks_300w_valid.json')
    assert cfg.val_evaluator.ann_file == cfg.test_evaluator.ann_file == valid
    assert cfg.test_evaluator.errors_file == str(job.folder / 'errors.json')
    assert 'errors_file' not in cfg.val_evaluator
    (job,) = jobs_of(tmp_path, rows=['hgs'], processes=1, tiny=True)
    assert job.config.train_dataloader.batch_size == 16  # 2 x 8


def test_cofw68_is_tested_with_the_checkpoint_of_300w(tmp_path):
    (job,) = jobs_of(tmp_path, 'cofw68', ['mhhn'])
    (trained,) = jobs_of(tmp_path, '300w', ['mhhn'])
    assert job.trains.train_command == trained.train_command
    assert job.checkpoint == trained.folder / 'epoch_200.pth'
    assert job.folder != trained.folder
    expected = str(tmp_path / 'data' / 'annotations' / 'cofw68_test.json')
    assert job.config.test_evaluator.ann_file == expected


def test_refuses_before_anything_starts(tmp_path, data):
    with pytest.raises(TableError, match='table 300w has no row mhn, only hgs, hgs-hsr'):
        jobs_of(tmp_path, rows=['mhn'])
    check(jobs_of(tmp_path, rows=['hgs']))
    (data / 'annotations' / 'face_landmarks_300w_valid.json').unlink()
    with pytest.raises(TableError, match='hgs 300w: no .*300w_valid.json; convert'):
        check(jobs_of(tmp_path, rows=['hgs']))


def test_a_training_is_never_mixed_with_another(tmp_path, data, started):
    execute(jobs_of(tmp_path, rows=['hgs']), tmp_path / 'out')
    check(jobs_of(tmp_path, rows=['hgs']))
    with pytest.raises(TableError, match='hgs 300w: .* was made with other options'):
        check(jobs_of(tmp_path, rows=['hgs'], epochs=3))
    train = data / 'annotations' / 'face_landmarks_300w_train.json'
    train.write_text(json.dumps(dict(annotations=[{}])))
    with pytest.raises(TableError, match='other options, code or annotations'):
        check(jobs_of(tmp_path, rows=['hgs']))
    (tmp_path / 'out' / 'td-hm_mhhn_8xb4-200e_300w-256x256').mkdir()
    with pytest.raises(TableError, match='mhhn 300w: .* is not from here'):
        check(jobs_of(tmp_path, rows=['mhhn']))


@pytest.fixture
def started(monkeypatch):
    """The commands that are started; each writes what it promises, unless its config is `bad`."""
    commands = []

    def take(self, label, action, record, epochs):
        commands.append(Path(action[0]).name + ' ' + Path(action[1]).stem)
        assert Path(action[1]).is_file()
        folder = Path(action[action.index('--work-dir') + 1])
        if 'hgs-hsr_' in commands[-1]:
            raise StepError(f'    a line\n    Error: why\n{label}: exit status 1; see log')
        folder.mkdir(parents=True, exist_ok=True)
        written = ['epoch_200.pth'] if 'train' in action[0] else ['metrics.json', 'errors.json']
        for name in written:
            (folder / name).write_text('{}')

    monkeypatch.setattr(sequence.Steps, '_take', take)
    return commands


def test_each_row_once_and_a_failure_stops_no_other(tmp_path, data, started, capsys):
    jobs = jobs_of(tmp_path, rows=['hgs', 'hgs-hsr', 'mhhn'])
    failures = execute(jobs, tmp_path / 'out')
    assert failures == ['[3/6] train hgs-hsr 300w: exit status 1; see log (Error: why)']
    names = [f'td-hm_{model}_8xb4-200e_300w-256x256' for model in ('hgs', 'hgs-hsr', 'mhhn')]
    train, test = 'dist_train.sh', 'dist_test.sh'
    assert started == [
        *(f'{train} {names[0]}', f'{test} {names[0]}', f'{train} {names[1]}'),
        *(f'{train} {names[2]}', f'{test} {names[2]}'),
    ]
    started.clear()
    execute(jobs, tmp_path / 'out')
    assert started == [f'{train} {names[1]}']
    assert capsys.readouterr().out.count('there already') == 4


def test_cofw68_after_300w_trains_nothing(tmp_path, data, started):
    execute(jobs_of(tmp_path, '300w', ['mhhn']), tmp_path / 'out')
    started.clear()
    jobs = jobs_of(tmp_path, 'cofw68', ['mhhn'])
    check(jobs)
    assert execute(jobs, tmp_path / 'out') == []
    assert started == ['dist_test.sh td-hm_mhhn_8xb4-200e_300w-256x256_cofw68']

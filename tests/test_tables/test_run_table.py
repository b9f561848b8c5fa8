"""What run_table plans, refuses and starts; no training here."""

import json
import sys
from pathlib import Path

import pytest
from analysis import run_table
from conftest import run_tool

from mhhn_landmarks.errors import InputError

NAME = 'td-hm_mhhn_8xb4-200e_300w-256x256'


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder with annotation files, as far as they are looked at."""
    folder = tmp_path / 'data' / 'annotations'
    folder.mkdir(parents=True)
    for name in ('face_landmarks_300w_train', 'face_landmarks_300w_valid', 'cofw68_test'):
        (folder / f'{name}.json').write_text(json.dumps(dict(annotations=[{}, {}, {}])))
    return folder.parent


@pytest.fixture
def jobs_of(tmp_path, monkeypatch):
    def make(table, *arguments):
        roots = [f'{name}={tmp_path}/data' for name in ('300w', 'cofw')]
        words = [table, '--work-dir', str(tmp_path / 'out'), '--data-root', *roots, *arguments]
        monkeypatch.setattr(sys, 'argv', ['run_table.py', *words])
        return run_table.plan(table, run_table.parse_args())

    return make


def names(jobs):
    return [job.folder.name for job in jobs]


@pytest.mark.parametrize('table', ['300w', 'losses', 'cost', 'hrnet-wflw', 'cofw68'])
def test_every_row_is_planned_in_a_folder_of_its_own(jobs_of, table):
    jobs = jobs_of(table)
    assert len(jobs) == len(run_table.TABLES[table].ours) == len(set(names(jobs)))


def test_commands(jobs_of, tmp_path):
    (job,) = jobs_of('300w', '--rows', 'mhhn', '--tiny', '--cfg-options', 'train_cfg.max_epochs=2')
    folder = tmp_path / 'out' / 'td-hm_mhhn-tiny_2xb8-30e_300w-128x128'
    file = tmp_path / 'out' / 'configs' / f'{folder.name}.py'
    assert job.train_command == [
        *('tools/dist_train.sh', str(file), '2', '--work-dir', str(folder), '--resume')
    ]
    assert job.test_command == [
        *('tools/dist_test.sh', str(file), str(folder / 'epoch_2.pth'), '2'),
        *('--work-dir', str(folder)),
    ]


def test_data_options_and_batch_reach_the_config(jobs_of, tmp_path):
    options = ('--processes', '1', '--cfg-options', 'randomness.seed=5')
    (job,) = jobs_of('300w', '--rows', 'hgs', *options)
    cfg, root = job.config, tmp_path / 'data'
    assert cfg.train_dataloader.batch_size == 32  # 8 x 4
    assert cfg.randomness.seed == 5
    for kind in ('train', 'val', 'test'):
        assert cfg[f'{kind}_dataloader'].dataset.data_root == f'{root}/'
    valid = str(root / 'annotations' / 'face_landmarks_300w_valid.json')
    assert cfg.val_evaluator.ann_file == cfg.test_evaluator.ann_file == valid


def test_rows_that_only_decode_take_the_weights_of_another(jobs_of, tmp_path):
    (job,) = jobs_of('losses', '--rows', 'hgs-mse-sdt')
    hgs = 'td-hm_hgs_8xb4-200e_300w-256x256'
    assert job.folder.name == 'td-hm_hgs-mse-sdt_8xb4-200e_300w-256x256-of-hgs'
    assert names(run_table.with_weights([job])) == [hgs, job.folder.name]
    assert job.checkpoint == tmp_path / 'out' / hgs / 'epoch_200.pth'
    (job,) = jobs_of('cofw68', '--rows', 'mhhn')
    assert job.weights.train_command == jobs_of('300w', '--rows', 'mhhn')[0].train_command
    expected = str(tmp_path / 'data' / 'annotations' / 'cofw68_test.json')
    assert job.config.test_evaluator.ann_file == expected


def test_tiny_takes_the_tiny_configs_and_no_other(jobs_of):
    found = names(jobs_of('300w', '--tiny'))
    assert found and all('-tiny_' in name for name in found)
    with pytest.raises(InputError, match='HGs.MCG: no tiny config of hgs-mcg on 300w'):
        jobs_of('300w', '--tiny', '--rows', 'hgs-mcg')


@pytest.fixture
def started(monkeypatch):
    """The commands that are started; each writes what it promises, but that of hgs-hsr fails."""
    commands = []

    def call(command, env):
        commands.append(f'{Path(command[0]).name} {Path(command[1]).stem}')
        assert Path(command[1]).is_file() and env['OMP_NUM_THREADS'] == '1'
        if 'hgs-hsr_' in command[1]:
            return 3
        folder = Path(command[command.index('--work-dir') + 1])
        folder.mkdir(parents=True, exist_ok=True)
        train = 'train' in command[0]
        for name in ['epoch_200.pth'] if train else ['metrics.json', 'errors.json']:
            (folder / name).write_text('{}')
        return 0

    monkeypatch.setattr(run_table.subprocess, 'call', call)
    return commands


def test_each_row_once_and_a_failure_stops_no_other(jobs_of, data, started):
    jobs = jobs_of('300w', '--rows', 'hgs', 'hgs-hsr', 'mhhn')
    run_table.check(jobs)
    (failure,) = run_table.execute(jobs)
    assert 'td-hm_hgs-hsr_8xb4' in failure and failure.endswith('exit status 3')
    hgs, hsr, mhhn = names(jobs)
    assert started == [
        *(f'dist_train.sh {hgs}', f'dist_test.sh {hgs}', f'dist_train.sh {hsr}'),
        *(f'dist_train.sh {mhhn}', f'dist_test.sh {mhhn}'),
    ]
    started.clear()
    run_table.execute(jobs)
    assert started == [f'dist_train.sh {hsr}']
    started.clear()
    assert run_table.execute(jobs_of('cofw68', '--rows', 'mhhn')) == []
    assert started == [f'dist_test.sh {NAME}_cofw68']
    started.clear()
    (failure, lacking) = run_table.execute(jobs_of('cofw68', '--rows', 'hgs-hsr'))
    assert lacking.endswith('its weights are missing') and len(started) == 1


def test_a_training_is_never_mixed_with_another(jobs_of, tmp_path, data, started):
    run_table.execute(jobs_of('300w', '--rows', 'hgs'))
    run_table.check(jobs_of('300w', '--rows', 'hgs'))
    with pytest.raises(InputError, match='hgs.* was made with other options'):
        run_table.check(jobs_of('300w', '--rows', 'hgs', '--cfg-options', 'train_cfg.max_epochs=3'))
    train = data / 'annotations' / 'face_landmarks_300w_train.json'
    train.write_text(json.dumps(dict(annotations=[{}])))
    with pytest.raises(InputError, match='other options, code or annotations'):
        run_table.check(jobs_of('300w', '--rows', 'hgs'))
    (tmp_path / 'out' / NAME).mkdir()
    with pytest.raises(InputError, match='mhhn.* is not from here'):
        run_table.check(jobs_of('300w', '--rows', 'mhhn'))


def test_the_command_shows_and_refuses(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    common = ['--work-dir', tmp_path / 'out', '--data-root', f'300w={tmp_path}/nothing', '--tiny']
    arguments = ['300w', '--rows', 'mhhn', *common]
    assert not run_tool(monkeypatch, 'analysis/run_table.py', *arguments, '--dry-run')
    train, test, missing = capsys.readouterr().out.splitlines()
    assert train.startswith('tools/dist_train.sh') and test.startswith('tools/dist_test.sh')
    assert missing.startswith(f'not ready: td-hm_mhhn-tiny_2xb8-30e_300w-128x128: no {tmp_path}/n')
    for words, message in (
        (arguments, 'run_table: td-hm_mhhn-tiny'),
        (['300w', '--rows', 'mhn'], 'run_table: table 300w has no row mhn, only hgs, hgs-hsr'),
    ):
        assert run_tool(monkeypatch, 'analysis/run_table.py', *words).startswith(message)
    assert run_tool(monkeypatch, 'analysis/run_table.py', '300w', '--data-root', 'lfw=here') == 2
    assert "'lfw=here' is not one of 300w|cofw" in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()

"""What run_table plans, refuses and starts; no training here."""

import sys
from pathlib import Path

import pytest
from analysis import run_table
from conftest import ROOT

from mhhn_landmarks.errors import InputError

NAME = 'td-hm_mhhn_8xb4-200e_300w-256x256'


@pytest.fixture
def runs_of(tmp_path, monkeypatch):
    """Plans rows whose annotation files are there; they are not read here."""
    folder = tmp_path / 'data' / 'annotations'
    folder.mkdir(parents=True)
    for name in ('face_landmarks_300w_train', 'face_landmarks_300w_valid', 'cofw68_test'):
        (folder / f'{name}.json').touch()
    roots = [f'{k}_dataloader.dataset.data_root={tmp_path}/data' for k in ('train', 'val', 'test')]

    def make(table, *arguments, options=()):
        words = [table, '--work-dir', str(tmp_path / 'out'), *arguments]
        monkeypatch.setattr(sys, 'argv', ['_', *words, '--cfg-options', *roots, *options])
        return run_table.plan(table, run_table.parse_args())

    return make


def test_commands(runs_of, tmp_path):
    more = ('--rows', 'mhhn', '--processes', '1')
    (run,) = runs_of('300w', *more, options=['train_cfg.max_epochs=2'])
    folder, file = str(tmp_path / 'out' / NAME), str(ROOT / f'configs/300w/{NAME}.py')
    words, options = run.train_command[:6], run.train_command[7:]
    assert words == ['tools/dist_train.sh', file, '1', '--resume', '--work-dir', folder]
    assert {'train_dataloader.batch_size=32', 'train_cfg.max_epochs=2'} < set(options)
    words = ['tools/dist_test.sh', file, f'{folder}/epoch_2.pth', '1', '--work-dir', folder]
    assert run.test_command[:6] == words
    assert f'test_dataloader.dataset.data_root={tmp_path}/data' in run.test_command


def test_rows_that_only_decode_take_the_weights_of_another(runs_of, tmp_path):
    (run,) = runs_of('losses', '--rows', 'hgs-mse-sdt')
    hgs = 'td-hm_hgs_8xb4-200e_300w-256x256'
    assert run.folder.name == 'td-hm_hgs-mse-sdt_8xb4-200e_300w-256x256-of-hgs'
    assert [r.folder.name for r in run_table.with_weights([run])] == [hgs, run.folder.name]
    assert run.checkpoint == tmp_path / 'out' / hgs / 'epoch_200.pth'
    (run,) = runs_of('cofw68', '--rows', 'mhhn')
    assert run.weights == runs_of('300w', '--rows', 'mhhn')[0]
    with pytest.raises(InputError, match='table 300w has no row mhn, only hgs, hgs-hsr'):
        runs_of('300w', '--rows', 'mhn')


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
        (folder / ('epoch_200.pth' if 'train' in command[0] else 'metrics.json')).write_text('{}')
        return 0

    monkeypatch.setattr(run_table.subprocess, 'call', call)
    return commands


def test_each_row_once_and_a_failure_ends_the_call(runs_of, started):
    runs = runs_of('300w', '--rows', 'hgs', 'hgs-hsr', 'mhhn')
    hgs, hsr, mhhn = (run.folder.name for run in runs)
    with pytest.raises(InputError, match='td-hm_hgs-hsr_8xb4.*: exit status 3'):
        run_table.execute(runs)
    assert started == [f'dist_train.sh {hgs}', f'dist_test.sh {hgs}', f'dist_train.sh {hsr}']
    started.clear()
    run_table.execute(runs_of('cofw68', '--rows', 'hgs', 'mhhn'))
    calls = ('dist_test', f'{hgs}_cofw68'), ('dist_train', mhhn), ('dist_test', f'{mhhn}_cofw68')
    assert started == [f'{script}.sh {name}' for script, name in calls]


def test_a_training_is_never_mixed_with_another(runs_of, tmp_path, started):
    run_table.execute(runs_of('300w', '--rows', 'hgs'))
    run_table.check(runs_of('300w', '--rows', 'hgs'))
    with pytest.raises(InputError, match='hgs.* was made with other options'):
        run_table.check(runs_of('300w', '--rows', 'hgs', options=['train_cfg.max_epochs=3']))
    (tmp_path / 'out' / NAME).mkdir()
    with pytest.raises(InputError, match='mhhn.* was made with other options'):
        run_table.check(runs_of('300w', '--rows', 'mhhn'))
    (tmp_path / 'data' / 'annotations' / 'cofw68_test.json').unlink()
    with pytest.raises(InputError, match='_cofw68: no .*/cofw68_test.json; convert the archive'):
        run_table.check(runs_of('cofw68', '--rows', 'hgs'))

"""Which checkpoint a run goes on from."""

import os

import pytest
import torch

from mhhn_mmpose.engine.resuming import find_last_checkpoint


@pytest.fixture
def run(tmp_path):
    """Checkpoints after epochs 1 to 3, in that order, and the record of the third."""
    for epoch in (1, 2, 3):
        file = tmp_path / f'epoch_{epoch}.pth'
        torch.save(dict(weights=torch.arange(1000.0), epoch=epoch), file)
        os.utime(file, (epoch, epoch))
    (tmp_path / 'last_checkpoint').write_text(str(file))
    return tmp_path


def test_the_recorded_one(run):
    assert find_last_checkpoint(run) == run / 'epoch_3.pth'


def test_recorded_one_before_a_longer_run_of_old(run):
    torch.save({}, run / 'epoch_30.pth')
    assert find_last_checkpoint(run) == run / 'epoch_3.pth'


@pytest.mark.parametrize('length', [0, 1, 2000, 4000, -1])
def test_half_written(run, length, capsys):
    file = run / 'epoch_3.pth'
    file.write_bytes(file.read_bytes()[:length])
    assert find_last_checkpoint(run) == run / 'epoch_2.pth'
    assert f'{file} cannot be resumed from' in capsys.readouterr().out


def test_changed_on_the_disk(run):
    content = bytearray((run / 'epoch_3.pth').read_bytes())
    content[2000] ^= 1
    (run / 'epoch_3.pth').write_bytes(content)
    assert find_last_checkpoint(run) == run / 'epoch_2.pth'


@pytest.mark.parametrize('record', ['', '\n', None, 'epoch_9.pth'])
def test_record_lost_or_cut(run, record):
    (run / 'last_checkpoint').unlink()
    if record is not None:
        (run / 'last_checkpoint').write_text(record)
    assert find_last_checkpoint(run) == run / 'epoch_3.pth'


def test_moved_folder(run, tmp_path_factory):
    moved = run.rename(tmp_path_factory.mktemp('elsewhere') / 'run')
    os.utime(moved / 'epoch_1.pth')
    assert find_last_checkpoint(moved) == moved / 'epoch_3.pth'


def test_nothing_to_resume(tmp_path):
    torch.save({}, tmp_path / 'best_NME_epoch_3.pth')
    assert find_last_checkpoint(tmp_path) is None
    assert find_last_checkpoint(tmp_path / 'none') is None

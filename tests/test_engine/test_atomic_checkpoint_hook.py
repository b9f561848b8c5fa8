"""Checkpoints at the moment of a kill, on a full disk, in a moved folder."""

import itertools
import os
import resource
import shutil
import signal
import time

import pytest
import torch
from mmengine.hooks import Hook
from toy_training import SCORES, train

from mhhn_landmarks.fileio import stale_files, write_bytes
from mhhn_mmpose.engine.resuming import find_last_checkpoint


class FullDisk(Hook):
    """From the second epoch on no file may have more than 20 kB; the checkpoints have 120."""

    def before_train_epoch(self, runner):
        if runner.epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))


def names(folder):
    return {file.name for file in folder.iterdir() if file.is_file() and file.suffix != '.py'}


def score_of(file):
    return torch.load(file)['message_hub']['runtime_info']['best_score']


def test_files_are_those_of_mmengine_without_stale_ones(tmp_path):
    for kind in ('CheckpointHook', 'AtomicCheckpointHook'):
        (tmp_path / kind).mkdir()
        stale = tmp_path / kind / '.epoch_9.pth.abcd_123'
        stale.write_bytes(b'half')
        train(tmp_path / kind, checkpoint=dict(type=kind, max_keep_ckpts=2))
        assert stale.exists() == (kind == 'CheckpointHook')
        stale.unlink(missing_ok=True)
        checkpoints = {'epoch_5.pth', 'epoch_6.pth', 'best_NME_epoch_4.pth'}
        assert names(tmp_path / kind) == {*checkpoints, 'last_checkpoint'}


def test_full_disk_leaves_the_last_good_one(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match='File too large'):
            train(tmp_path, width=2500, checkpoint=dict(max_keep_ckpts=1), hooks=[FullDisk()])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert find_last_checkpoint(tmp_path).name == 'epoch_1.pth'
    assert not stale_files(tmp_path, '.pth')


SIZE = 2_000_000


def _write_again_and_again(file):
    for value in itertools.cycle(range(1, 256)):
        write_bytes(file, bytes([value]) * SIZE)


def test_killed_writer_leaves_the_file_whole(tmp_path):
    file = tmp_path / 'epoch_1.pth'
    write_bytes(file, bytes(SIZE))
    for number in range(12):
        writer = os.fork()
        if writer == 0:
            _write_again_and_again(file)
        before = file.stat()
        while file.stat().st_ino == before.st_ino and file.stat().st_mtime == before.st_mtime:
            time.sleep(0.001)  # until it is at work, however busy the machine is
        time.sleep(0.002 * number)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        content = file.read_bytes()
        assert len(content) == SIZE and len(set(content)) == 1
    assert stale_files(tmp_path, '.pth'), 'no kill met the writer at work'


@pytest.mark.parametrize('epoch', SCORES)
def test_killed_before_validation(tmp_path, epoch):
    whole = train(tmp_path / 'whole', workers=0)
    # What is on the disk when the kill comes between epoch N's checkpoint and its validation.
    cut = tmp_path / 'cut'
    train(cut, epochs=epoch, workers=0, checkpoint=dict(save_best=None, rule=None))
    for best in (tmp_path / 'whole').glob(f'best_NME_epoch_[1-{epoch - 1}].pth'):
        shutil.copy(best, cut)
    resumed = train(cut, workers=0, resume=cut / f'epoch_{epoch}.pth')
    assert resumed.record.validated == [e for e in SCORES if e >= epoch]
    assert whole.record.validated == list(SCORES)
    expected = min((SCORES[e], e) for e in SCORES if e >= epoch)
    assert score_of(cut / 'epoch_6.pth') == expected[0]
    assert (cut / f'best_NME_epoch_{expected[1]}.pth').exists()


def test_moved_run_leaves_its_old_folder_alone(tmp_path):
    train(tmp_path / 'old', epochs=2, workers=0)
    shutil.copytree(tmp_path / 'old', tmp_path / 'new')
    train(tmp_path / 'new', workers=0, resume=tmp_path / 'new/epoch_2.pth')
    assert 'best_NME_epoch_2.pth' in names(tmp_path / 'old')
    best = {name for name in names(tmp_path / 'new') if name.startswith('best')}
    assert best == {'best_NME_epoch_4.pth'}

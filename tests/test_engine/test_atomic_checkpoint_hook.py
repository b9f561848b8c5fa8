"""Checkpoints at the moment of a kill, on a full disk, in a moved folder."""

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


def test_files_are_those_of_mmengine_without_stale_ones(tmp_path):
    for kind in ('CheckpointHook', 'AtomicCheckpointHook'):
        (tmp_path / kind).mkdir()
        stale = tmp_path / kind / '.epoch_9.pth.abcd_123'
        stale.write_bytes(b'half')
        train(tmp_path / kind, checkpoint=dict(type=kind, max_keep_ckpts=2))
        assert stale.exists() == (kind == 'CheckpointHook')
        stale.unlink(missing_ok=True)
        found = {file.name for file in (tmp_path / kind).glob('*.pth')}
        assert found == {'epoch_5.pth', 'epoch_6.pth', 'best_NME_epoch_4.pth'}


def test_full_disk_leaves_the_last_good_one(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match='File too large'):
            train(tmp_path, width=2500, checkpoint=dict(max_keep_ckpts=1), hooks=[FullDisk()])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert find_last_checkpoint(tmp_path).name == 'epoch_1.pth'
    assert not stale_files(tmp_path, '.pth')


def test_killed_writer_leaves_the_file_whole(tmp_path):
    file, size = tmp_path / 'epoch_1.pth', 2_000_000
    write_bytes(file, bytes(size))
    for number in range(12):
        writer = os.fork()
        while writer == 0:
            write_bytes(file, bytes([number + 1]) * size)
        before = file.stat()
        while file.stat().st_ino == before.st_ino and file.stat().st_mtime == before.st_mtime:
            time.sleep(0.001)  # until it is at work, however busy the machine is
        time.sleep(0.002 * number)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        content = file.read_bytes()
        assert len(content) == size and len(set(content)) == 1
    assert stale_files(tmp_path, '.pth'), 'no kill met the writer at work'


class Killed(Hook):
    """The kill comes between an epoch's checkpoint and its validation."""

    priority = 'VERY_HIGH'

    def __init__(self, epoch):
        self.epoch = epoch

    def before_val(self, runner):
        if runner.epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize('epoch', SCORES)
def test_killed_before_validation(tmp_path, epoch):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, hooks=[Killed(epoch)])
    resumed = train(tmp_path, resume=find_last_checkpoint(tmp_path))
    assert resumed.record.validated == [e for e in SCORES if e >= epoch]
    last = torch.load(tmp_path / 'epoch_6.pth')
    assert last['message_hub']['runtime_info']['best_score'] == SCORES[4]
    assert (tmp_path / 'best_NME_epoch_4.pth').exists()


def test_moved_run_leaves_its_old_folder_alone(tmp_path):
    train(tmp_path / 'old', epochs=2)
    shutil.copytree(tmp_path / 'old', tmp_path / 'new')
    train(tmp_path / 'new', resume=tmp_path / 'new/epoch_2.pth')
    assert (tmp_path / 'old/best_NME_epoch_2.pth').exists()
    assert [file.name for file in (tmp_path / 'new').glob('best*')] == ['best_NME_epoch_4.pth']

"""A process ends with its launcher, however that ends; how it computes and says goodbye."""

import contextlib
import inspect
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from mmengine.config import Config

from mhhn_landmarks.errors import InputError
from mhhn_mmpose.engine import launching
from mhhn_mmpose.engine.launching import (
    drop_persistent_workers,
    end_with_launcher,
    make_work_dir,
    stops_in_one_line,
)

linux = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='Linux only')


@linux
@pytest.mark.parametrize(
    ('kind', 'variable'), [('none', 'TORCHELASTIC_RUN_ID'), ('slurm', 'SLURM_PROCID')]
)
def test_killed_launcher_takes_its_worker_along(kind, variable, monkeypatch):
    monkeypatch.setenv(variable, '1')
    monkeypatch.delenv('LAUNCHER_PID', raising=False)
    reading, writing = os.pipe()
    launcher = os.fork()
    if launcher == 0:
        if os.fork() == 0:  # the worker says when it is ready, and then waits for ever
            end_with_launcher(kind)
            os.write(writing, str(os.getpid()).encode())
        time.sleep(1000)
    worker = int(os.read(reading, 100))
    assert launching._is_running(worker)
    os.kill(launcher, signal.SIGKILL)
    os.waitpid(launcher, 0)
    end = time.monotonic() + 20
    try:
        while launching._is_running(worker):
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


@linux
def test_launcher_that_is_gone_or_was_never_there(monkeypatch):
    gone = subprocess.Popen(['true'])
    gone.wait()
    monkeypatch.setenv('LAUNCHER_PID', str(gone.pid))
    monkeypatch.setattr(launching.ctypes, 'CDLL', MagicMock())  # this process shall not be bound
    with pytest.raises(SystemExit, match=rf'the launcher \(process {gone.pid}\) is gone'):
        end_with_launcher('slurm')
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(InputError, match='start it by tools/dist_train.sh'):
        end_with_launcher('pytorch')


def test_denormals_are_flushed_in_every_thread_without_a_warning(uncovered_processes):
    """In a new process, whose other threads are yet to start."""
    code = f"""
import warnings, numpy, torch
np = numpy
{inspect.getsource(launching.flush_denormals)}
warnings.simplefilter('error')
torch.set_num_threads(1)
small = torch.full((1_000_000,), 1e-30)
assert (small * 1e-10).count_nonzero() == len(small), 'nothing to flush'
flush_denormals()
torch.set_num_threads(2)
assert (small * 1e-10).count_nonzero() == 0
numpy.finfo(numpy.float32), numpy.finfo(numpy.float64)
"""
    subprocess.run([sys.executable, '-c', code], check=True, timeout=120)


@linux
def test_what_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match='--resume'), stops_in_one_line(tmp_path):
        raise KeyboardInterrupt
    with pytest.raises(FileNotFoundError), stops_in_one_line(tmp_path):
        open(tmp_path / 'none')
    with pytest.raises(SystemExit, match='No space left on device'), stops_in_one_line(tmp_path):
        Path('/dev/full').write_text('x')


def test_no_worker_persists_where_there_is_none():
    none, one = (dict(num_workers=number, persistent_workers=True) for number in (0, 1))
    cfg = Config(dict(train_dataloader=none, val_dataloader=one, test_dataloader=None))
    drop_persistent_workers(cfg)
    assert not cfg.train_dataloader.persistent_workers and cfg.val_dataloader.persistent_workers


def test_a_work_dir_that_cannot_be(tmp_path):
    make_work_dir(tmp_path / 'a' / 'b')
    (tmp_path / 'file').touch()
    for folder, reason in (('file', 'File exists'), ('file/run', 'Not a directory')):
        with pytest.raises(InputError, match=f'{folder}: {reason}; choose another --work-dir'):
            make_work_dir(tmp_path / folder)

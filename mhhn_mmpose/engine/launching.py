"""The process of a training: how it computes, when it ends, and with which words."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mhhn_landmarks.errors import InputError

from .resuming import find_last_checkpoint

_PR_SET_PDEATHSIG = 1
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def flush_denormals() -> None:
    """Let the CPU treat numbers below 1e-38 as 0, in this thread and in those it starts later.

    A CPU computes with such numbers many times as slowly. The attention's gradients are full of
    them, because its factor starts at 0: the first epochs of a tiny MHHN took 4 times as long.

    >>> flush_denormals()
    >>> torch.tensor(2e-38) / 2
    tensor(0.)
    >>> _ = torch.set_flush_denormal(False)
    """
    for kind in (np.float32, np.float64):
        np.finfo(kind)  # numpy keeps it; made later, it would warn of missing denormals
    torch.set_flush_denormal(True)


def end_with_launcher(kind: str = 'none') -> None:
    """Let the kernel kill this process when its launcher dies (Linux only).

    Otherwise it would train on, and write into the work dir of the run that resumes there. A
    launcher can die before this call: tools/dist_*.sh put its process number into LAUNCHER_PID.

    Args:
        kind: The argument --launcher. With 'slurm' the launcher is slurmstepd; torchrun is known
            by an environment variable. Without either, nothing is done.

    Raises:
        InputError: With 'pytorch' without torchrun.

    >>> end_with_launcher('pytorch')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: --launcher pytorch: start it by tools/dist_train.sh ...
    """
    if kind == 'pytorch' and 'RANK' not in os.environ:
        raise InputError('--launcher pytorch: start it by tools/dist_train.sh or dist_test.sh')
    if kind != 'slurm' and 'TORCHELASTIC_RUN_ID' not in os.environ:
        return
    if not sys.platform.startswith('linux'):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    launcher = os.environ.get('LAUNCHER_PID')
    if launcher and not _is_running(int(launcher)):
        sys.exit(f'the launcher (process {launcher}) is gone')


def _is_running(process: int) -> bool:
    try:
        # 'pid (name) state ...'; a killed process that nobody has waited for is in state Z.
        state = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()[0]
    except OSError:
        return False
    return state not in 'ZX'


def drop_persistent_workers(cfg: Config) -> None:
    """Let `num_workers=0` work in a config that sets `persistent_workers`, which torch refuses.

    >>> cfg = Config(dict(val_dataloader=dict(num_workers=0, persistent_workers=True)))
    >>> drop_persistent_workers(cfg)
    >>> cfg.val_dataloader
    {'num_workers': 0, 'persistent_workers': False}
    """
    for split in ('train', 'val', 'test'):
        loader = cfg.get(f'{split}_dataloader') or {}
        if loader.get('num_workers') == 0:
            loader.persistent_workers = False


def make_work_dir(work_dir: str | Path) -> None:
    """Make the folder of a run.

    Raises:
        InputError: If that fails, or nothing can be written there.

    >>> make_work_dir('README.md')
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: README.md: File exists; choose another --work-dir
    """
    try:
        Path(work_dir).mkdir(parents=True, exist_ok=True)
        reason = None if os.access(work_dir, os.W_OK) else 'no permission to write'
    except OSError as error:
        reason = error.strerror
    if reason:
        raise InputError(f'{work_dir}: {reason}; choose another --work-dir')


@contextmanager
def stops_in_one_line(work_dir: str | Path) -> Iterator[None]:
    """End a training with one line where the disk is full, or at Ctrl-C.

    >>> with stops_in_one_line('work_dirs/own'):
    ...     raise KeyboardInterrupt
    Traceback (most recent call last):
    SystemExit: interrupted; go on with --resume
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.exit('interrupted; go on with --resume')
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        last = find_last_checkpoint(work_dir)
        sys.exit(
            f'{os.strerror(error.errno)}, the training stops. Last good checkpoint: {last}. Make '
            'room and go on with --resume.'
        )

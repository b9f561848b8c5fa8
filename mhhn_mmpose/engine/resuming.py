"""Which checkpoint a run goes on from, and whether it can."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from mmengine.logging import print_log
from torch import nn

from mhhn_landmarks.errors import InputError

from ..apis.model_loading import ADDRESS, load_weights
from .loops.time_budget_loop import SPENT

PARTS = ('optimizer', 'message_hub', 'meta')  # that a checkpoint to resume from has


def checkpoint_to_resume(wanted: str | None, work_dir: str | Path) -> str | None:
    """Return the checkpoint that `--resume` means; None if there is no run in `work_dir` yet.

    Args:
        wanted: A file, or the folder of a run, whose last good checkpoint is taken. None for the
            run in `work_dir`.
        work_dir: Folder of this run.

    Raises:
        InputError: If `wanted` is not there, or a folder without a checkpoint.

    >>> checkpoint_to_resume('epoch_3.pth', 'work_dirs/own')
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: --resume epoch_3.pth: no such checkpoint or folder
    """
    if wanted is None or Path(wanted).is_dir():
        last = find_last_checkpoint(wanted or work_dir)
        if last is None and wanted is not None:
            raise InputError(f'--resume {wanted}: no readable epoch_*.pth or iter_*.pth in it')
        return last and str(last)
    if not Path(wanted).exists() and not ADDRESS.match(wanted):
        raise InputError(f'--resume {wanted}: no such checkpoint or folder')
    return wanted


def check_weights_to_start_from(load_from: str | None) -> None:
    """Refuse a `load_from` that is neither a file nor an address.

    >>> check_weights_to_start_from('own.pth')
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: load_from=own.pth: no such checkpoint
    """
    if load_from and not Path(load_from).is_file() and not ADDRESS.match(load_from):
        raise InputError(f'load_from={load_from}: no such checkpoint')


def check_resumable(
    model: nn.Module, checkpoint: str, config: str, time_budget: bool = False
) -> None:
    """Refuse a checkpoint that MMEngine would resume in part.

    Args:
        model: Of the config; gets the weights.
        checkpoint: Its file.
        config: The config's name, for messages.
        time_budget: Whether the run goes on by `TimeBudgetLoop`.

    Raises:
        InputError: If it is of another model, has no state of a training, or would run code.

    >>> from mhhn_mmpose.apis.model_loading import load_model
    >>> model = load_model('configs/300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py')
    >>> check_resumable(model, 'mhhn_mmpose/weights/tiny.pth', 'own.py')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: ...tiny.pth: weights without the state of a training ...
    """
    content = load_weights(model, checkpoint, config)
    lacking = [part for part in PARTS if part not in content]
    if lacking:
        raise InputError(
            f'{checkpoint}: weights without the state of a training ({", ".join(lacking)}); give'
            ' epoch_*.pth, or start from these weights by --cfg-options load_from=FILE'
        )
    if 'config' in content['meta']:  # MMEngine would run this text as a config
        raise InputError(f'{checkpoint}: refused, its meta.config would be run as code')
    if SPENT in content['message_hub'].get('runtime_info', {}) and not time_budget:
        raise InputError(
            f'{checkpoint}: of a run with --max-minutes; give that option to resume it'
        )


def find_last_checkpoint(work_dir: str | Path) -> Path | None:
    """Return the newest checkpoint of a run that can be read in full, None if there is none.

    First the one that `last_checkpoint` names: by its name in `work_dir`, which may have been
    moved, else at its path. Then the others, newest first. Those that cannot be read are named in
    the log. Files saved by torch hold a checksum for each tensor, which is compared.

    Args:
        work_dir: The folder of the run; best_*.pth, without an optimizer, do not count.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({}, f'{folder}/epoch_3.pth')
    ...     find_last_checkpoint(folder).name
    'epoch_3.pth'
    """
    for file in _candidates(Path(work_dir)):
        problem = _problem(file)
        if problem is None:
            return file
        print_log(f'{file} cannot be resumed from: {problem}')
    return None


def _candidates(work_dir: Path) -> Iterator[Path]:
    named = []
    record = work_dir / 'last_checkpoint'
    if record.is_file() and (text := record.read_text().strip()):
        in_work_dir = work_dir / Path(text).name
        named = [in_work_dir if in_work_dir.exists() or not Path(text).exists() else Path(text)]
    saved = [*work_dir.glob('epoch_*.pth'), *work_dir.glob('iter_*.pth')]
    by_age = sorted(saved, key=lambda file: file.stat().st_mtime_ns, reverse=True)
    yield from dict.fromkeys([*named, *by_age])


def _problem(file: Path) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        return str(error)
    return damaged and f'{damaged} in it is damaged'

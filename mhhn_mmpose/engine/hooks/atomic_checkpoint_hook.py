"""Checkpoints that a kill or a full disk cannot spoil."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmpose.registry import HOOKS

from mhhn_landmarks.fileio import stale_files, write_bytes


class _AtomicBackend(LocalBackend):
    """Local files, each of which appears under its name only when all of it is on the disk."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """See `LocalBackend.put`."""
        write_bytes(filepath, obj)


register_backend('atomic', _AtomicBackend, force=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """`CheckpointHook` for runs that may be killed at any moment; arguments are the same.

    * A checkpoint gets its name when all of it is on the disk, unless `backend_args` say otherwise.
    * An outdated checkpoint is removed after its successor is written, so the disk needs room for
      one more than `max_keep_ckpts`.
    * A checkpoint is saved before the validation of its epoch. A run resumed from it makes up for
      that validation; MMEngine would leave it out.
    * The best checkpoint is looked for in the run's folder, also after the folder was moved.

    >>> HOOKS.build(dict(type='AtomicCheckpointHook', interval=10)).backend_args
    {'backend': 'atomic'}
    """

    def __init__(self, *args, backend_args: dict | None = None, **kwargs) -> None:
        if backend_args is None and kwargs.get('file_client_args') is None:
            backend_args = dict(backend='atomic')
        super().__init__(*args, backend_args=backend_args, **kwargs)

    def before_train(self, runner) -> None:
        """See `CheckpointHook.before_train`; a resumed run makes up for a missed validation.

        Raises:
            RuntimeError: If the processes do not resume after the same number of steps.
        """
        super().before_train(runner)
        if is_main_process():
            for file in stale_files(self.out_dir, '.pth'):
                file.unlink()
        steps = all_gather_object(runner.iter)
        if len(set(steps)) > 1:
            raise RuntimeError(
                f'the processes resume after different numbers of steps ({steps}): the work dir '
                'must be on a file system that all nodes share'
            )
        if runner.iter:
            self._adopt_files(runner)
            self._validate_if_due(runner)

    def _adopt_files(self, runner) -> None:
        """Take over the message hub's paths, all of them in this run's folder."""
        if 'last_ckpt' in runner.message_hub.runtime_info:
            self.last_ckpt = self._in_out_dir(runner.message_hub.get_info('last_ckpt'))
        if getattr(self, 'best_ckpt_path', None):
            self.best_ckpt_path = self._in_out_dir(self.best_ckpt_path)
        for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[key] = path and self._in_out_dir(path)

    def _in_out_dir(self, path: str) -> str:
        return self.file_backend.join_path(self.out_dir, os.path.basename(path))

    def _validate_if_due(self, runner) -> None:
        loop = runner.train_loop
        if runner.val_loop is None or not self.by_epoch or runner.epoch < loop.val_begin:
            return
        loop._decide_current_val_interval()
        if runner.epoch % loop.val_interval == 0 or runner.epoch == loop.max_epochs:
            runner.val_loop.run()

    def _save_checkpoint(self, runner) -> None:
        with self._saving():
            super()._save_checkpoint(runner)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        with self._saving():
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """Remove outdated files after saving. If saving fails, keep them and end every process."""
        backend, outdated, failure = self.file_backend, [], [None]
        self.file_backend = copy(backend)
        self.file_backend.remove = outdated.append
        try:
            yield
        except OSError as error:
            failure = [error]
        finally:
            self.file_backend = backend
        broadcast_object_list(failure)
        if failure[0] is not None:
            # Only the main process knows why; the others end without a word.
            raise failure[0] if is_main_process() else SystemExit(1)
        best = getattr(self, 'best_ckpt_path_dict', {}).values()
        current = {self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best}
        for path in set(outdated) - current:
            backend.remove(path)

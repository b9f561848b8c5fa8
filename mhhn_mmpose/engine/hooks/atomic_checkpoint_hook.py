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


class AtomicBackend(LocalBackend):
    """Local files, each of which appears under its name only when all of it is on the disk."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """See `LocalBackend.put`."""
        write_bytes(filepath, obj)


register_backend('atomic', AtomicBackend, force=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """`CheckpointHook` for runs that may be killed at any moment; arguments are the same.

    * Checkpoints are written by `AtomicBackend`, unless `backend_args` says otherwise.
    * An outdated checkpoint is removed after its successor is written and not before, so the disk
      holds one more than `max_keep_ckpts` for a moment.
    * A run resumed from the end of an epoch first does the validation due there: the checkpoint was
      saved before it, and MMEngine would go on to the next epoch.
    * The best checkpoint is looked for in this run's folder, wherever it was moved.
    """

    def __init__(self, *args, backend_args: dict | None = None, **kwargs) -> None:
        if backend_args is None and kwargs.get('file_client_args') is None:
            backend_args = dict(backend='atomic')
        super().__init__(*args, backend_args=backend_args, **kwargs)

    def before_train(self, runner) -> None:
        """See `CheckpointHook.before_train`; for a resumed run also the validation it missed.

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
        """Take over the paths that the message hub holds, in the folder of this run."""
        if 'last_ckpt' in runner.message_hub.runtime_info:
            self.last_ckpt = self._here(runner.message_hub.get_info('last_ckpt'))
        if getattr(self, 'best_ckpt_path', None):
            self.best_ckpt_path = self._here(self.best_ckpt_path)
        for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[key] = path and self._here(path)

    def _here(self, path: str) -> str:
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
        """Remove files after all is saved; if it cannot be, leave them and end every process."""
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
            # The main process says why; the others would say that it has left them.
            raise failure[0] if is_main_process() else SystemExit(1)
        best = getattr(self, 'best_ckpt_path_dict', {}).values()
        current = {self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best}
        for path in set(outdated) - current:
            backend.remove(path)

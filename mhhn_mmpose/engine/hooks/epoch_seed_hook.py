"""Random numbers that a resumed run repeats."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS
from torch.utils.data import DataLoader


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed every training epoch by (seed, epoch, process, loader worker).

    MMEngine's checkpoints hold no state of a random generator. With this hook, a resumed run draws
    what the uninterrupted one draws. Persistent loader workers keep their generators from epoch to
    epoch, so they are restarted at each one. For `EpochBasedTrainLoop`.

    >>> sorted(HOOKS.build(dict(type='EpochSeedHook')).get_triggered_stages())
    ['after_train', 'before_train_epoch']
    """

    def before_train_epoch(self, runner) -> None:
        """Seed this process, and the loader workers that the epoch will start."""
        key = (runner.seed, runner.epoch, runner.rank)
        _seed_everything(key)
        runner.train_dataloader.worker_init_fn = partial(_seed_worker, key=key)
        _end_workers(runner.train_dataloader)

    def after_train(self, runner) -> None:
        """End all loader workers; the garbage collector would wait 5 s for each."""
        _end_workers(runner.train_dataloader)
        if runner.val_loop is not None:
            _end_workers(runner.val_dataloader)


def _end_workers(loader: DataLoader) -> None:
    if loader.persistent_workers:
        loader._iterator = None


def _seed_everything(key: tuple[int, ...]) -> None:
    """Seed Python, numpy and torch, on all devices, by non-negative integers."""
    # SeedSequence mixes the key: neighbouring keys give unrelated streams, unlike their sums.
    numbers = np.random.SeedSequence(key).generate_state(3)
    for seed, number in zip((random.seed, np.random.seed, torch.manual_seed), numbers, strict=True):
        seed(int(number))


def _seed_worker(worker_id: int, key: tuple[int, ...]) -> None:
    _seed_everything((*key, worker_id))

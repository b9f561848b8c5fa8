"""Ends a training whose loss is NaN or infinite, and says in which batch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from mmengine.dist import all_gather_object, all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Raise `FloatingPointError` in every process when one of them has a loss that is not finite.

    MMEngine takes the optimizer's step before a hook sees the loss, so the weights in memory are
    lost by then. This hook runs before `CheckpointHook`: no checkpoint of them is written, and no
    older one removed. A gradient can overflow where the loss did not, so weights and buffers are
    looked at after every epoch.

    The cost is small: MMEngine's `RuntimeInfoHook` has brought the loss to the CPU already, and
    several processes exchange one number. They must: where one process ends alone, the others
    wait for its gradients.

    >>> sorted(HOOKS.build(dict(type='FiniteLossHook')).get_triggered_stages())
    ['after_train_epoch', 'after_train_iter']
    """

    priority = 'HIGH'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping | None = None,
        outputs: Mapping | None = None,
    ) -> None:
        """Look at the terms whose name has 'loss' in it, as MMEngine does to add them up."""
        terms = {
            name: torch.as_tensor(value).item()
            for name, value in (outputs or {}).items()
            if 'loss' in name
        }
        finite = all(map(math.isfinite, terms.values()))
        if _in_all_processes(finite):
            return
        values = ', '.join(f'{name} {value:g}' for name, value in terms.items())
        report = '' if finite else f'{values} in the batch of {_faces(data_batch or {})}'
        found = '; '.join(text for text in all_gather_object(report) if text)
        place = f'epoch {runner.epoch + 1}, iteration {runner.iter + 1}'
        _stop(runner, f'the loss is not finite at {place}: {found}')

    def after_train_epoch(self, runner: Runner) -> None:
        """Look at weights and buffers."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        broken = [name for name, x in model.state_dict().items() if not bool(x.isfinite().all())]
        if not _in_all_processes(not broken):
            names = sorted(set().union(*all_gather_object(broken)))
            shown = ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
            _stop(runner, f'weights are not finite after epoch {runner.epoch + 1}: {shown}')


def _in_all_processes(good: bool) -> bool:
    flag = torch.tensor(float(good))
    all_reduce(flag, op='min')
    return bool(flag)


def _faces(data_batch: Mapping) -> str:
    """Photo and annotation id of each face of a batch."""
    samples = [sample.metainfo for sample in data_batch.get('data_samples', ())]
    return ', '.join(f'{s.get("img_path", "?")} (id {s.get("id", "?")})' for s in samples)


def _stop(runner: Runner, reason: str) -> None:
    message = (
        f'training stopped, {reason}. Nothing was saved since; look at these faces, '
        'or resume the last checkpoint with a lower learning rate'
    )
    if is_main_process():
        runner.logger.error(message)
    raise FloatingPointError(message)

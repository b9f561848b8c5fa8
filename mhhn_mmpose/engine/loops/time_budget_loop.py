"""A training loop with a time limit."""

from __future__ import annotations

import copy
import time

import torch
from mmengine.dist import broadcast
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from mmengine.runner.runner import Runner
from mmpose.registry import LOOPS
from torch import nn
from torch.utils.data import DataLoader

from mhhn_landmarks.errors import InputError

SPENT = 'spent_seconds'  # in the checkpoint's message hub
SLACK = 0.01  # of the budget, kept for writing the last checkpoint


@LOOPS.register_module()
class TimeBudgetLoop(EpochBasedTrainLoop):
    """`EpochBasedTrainLoop` with a limit of wall-clock time, for example for cluster jobs.

    The learning rate is read from the config's schedule at the larger of two positions in [0, 1]:
    iterations done / all iterations, and time spent / time there is. So a training that is fast
    enough is the config's own, and a slower one goes through the same schedule in the time there
    is. It ends within an epoch where need be, with a checkpoint and a validation. Time for that
    validation is set aside: what the last one took or, before the first, an estimate from the
    speed of training. A validation on the way is left out where it would take a third of the time
    that is left.

    The time spent is part of each checkpoint, so a resumed run has the rest of its budget. What
    was lost since that checkpoint does not count. There is always one step and its validation.

    Args:
        runner: As in `EpochBasedTrainLoop`.
        dataloader: As in `EpochBasedTrainLoop`.
        max_minutes: Of training and validating, for this run and those it resumes.
        kwargs: As in `EpochBasedTrainLoop`; `max_epochs` too is a limit.

    Attributes:
        startup: Seconds of this run before the loop was built; tools/train.py sets it. They leave
            less time for the schedule.

    Raises:
        InputError: If `max_minutes` is not positive.

    >>> TimeBudgetLoop(None, None, max_minutes=-5)
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: max_minutes must be positive, got -5
    """

    def __init__(
        self, runner: Runner, dataloader: DataLoader | dict, max_minutes: float, **kwargs: object
    ) -> None:
        if not max_minutes > 0:
            raise InputError(f'max_minutes must be positive, got {max_minutes:g}')
        self._started, self.startup = time.monotonic(), 0.0
        super().__init__(runner, dataloader, **kwargs)
        self._schedule = copy.deepcopy(runner.param_schedulers) or []  # not built yet
        self.budget = 60.0 * max_minutes  # seconds
        self._spent_before = 0.0
        # Seconds that it took to get the first batch, for a step, and for the last validation.
        self._waited, self._step = 0.0, 0.0
        self._validation: float | None = None

    def spent(self) -> float:
        """Seconds of the budget that training and validating have taken."""
        return self._spent_before + time.monotonic() - self._started

    def run(self) -> nn.Module:
        """Train, validate, end in time."""
        runner = self.runner
        self._rates, self._columns = _tabulate_rates(runner, self._schedule)
        runner.param_schedulers = []  # the table takes their place
        if self._iter:  # a resumed run
            self._spent_before = runner.message_hub.get_info(SPENT, 0.0)
            if self._spent_before >= self.budget:
                self._max_epochs = self._epoch
        runner.call_hook('before_train')
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._decide_current_val_interval()
            if self._validation_is_due():
                start = time.monotonic()
                runner.val_loop.run()
                self._validation = time.monotonic() - start
        runner.call_hook('after_train')
        return runner.model

    def run_epoch(self) -> None:
        """Train one epoch, or the part of it that there is time for."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        position = self._position()
        self.runner.logger.info(
            f'{(self.startup + self.spent()) / 60:.1f} of {self.budget / 60:g} minutes spent, the'
            f' schedule is at {100 * min(position, 1):.0f}%'
        )
        start = time.monotonic()
        for idx, data_batch in enumerate(self.dataloader):
            if not self._step:
                self._waited = time.monotonic() - start
                start = time.monotonic()
            self._set_rates(position)
            self.run_iter(idx, data_batch)
            taken, start = time.monotonic() - start, time.monotonic()
            self._step = 0.9 * self._step + 0.1 * taken if self._step else taken
            position = self._position()
            if position >= 1:
                self._max_epochs = self._epoch + 1
                break
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _position(self) -> float:
        """Where in the schedule the next iteration is; 1 or more ends the training."""
        by_time = self.spent() / max(self.budget - self.startup - self._reserve(), 1e-9)
        by_time = _of_main_process(by_time)
        # A run that used up its time has nothing left, although the reserve is yet to be spent.
        spent = max(self.spent(), self.budget) if by_time >= 1 else self.spent()
        self.runner.message_hub.update_info(SPENT, spent)
        return max(by_time, self._iter / self._max_iters)

    def _reserve(self) -> float:
        """Seconds to set aside for one more step, the last checkpoint and its validation."""
        seconds = self._validation or 0.0
        if self.runner.val_loop is not None and self._validation is None:
            # Two forward passes of a flip test cost less than the three passes of a step.
            faces = len(self.runner.val_dataloader.dataset) / len(self.dataloader.dataset)
            seconds = self._waited + self._step * len(self.dataloader) * faces
        return min(self._step + 1.1 * seconds + SLACK * self.budget, self.budget / 2)

    def _validation_is_due(self) -> bool:
        if self.runner.val_loop is None or self._epoch < self.val_begin:
            return False
        if self._epoch >= self._max_epochs:
            return True
        seconds_left = self.budget - self.startup - self.spent()
        reserves_left = _of_main_process(seconds_left / self._reserve())
        return self._epoch % self.val_interval == 0 and reserves_left >= 3

    def _set_rates(self, position: float) -> None:
        row = int(position * len(self._rates) + 1e-6)  # i / n * n may be a little below i
        rates = self._rates[min(row, len(self._rates) - 1)]
        groups = self.runner.optim_wrapper.param_groups
        for group, column in zip(groups, self._columns, strict=True):
            group['lr'] = rates[column]


def _tabulate_rates(
    runner: Runner, schedule: list[dict] | dict
) -> tuple[list[list[float]], list[int]]:
    """Go through a config's `param_scheduler` once, without training.

    Return the learning rates of each iteration, one for each initial rate that occurs, and which of
    them each parameter group has.
    """
    initial = [group.get('initial_lr', group['lr']) for group in runner.optim_wrapper.param_groups]
    unique = sorted(set(initial))
    optimizer = torch.optim.SGD([dict(params=[torch.zeros(1)], lr=rate) for rate in unique])
    schedulers = runner._build_param_scheduler(schedule, OptimWrapper(optimizer))
    rates = []
    for iteration in range(1, runner.max_iters + 1):
        rates.append([group['lr'] for group in optimizer.param_groups])
        optimizer.step()
        epoch_ends = iteration % len(runner.train_dataloader) == 0
        for scheduler in schedulers:
            if not scheduler.by_epoch or epoch_ends:
                scheduler.step()
    return rates, [unique.index(rate) for rate in initial]


def _of_main_process(value: float) -> float:
    """Return the main process's number in every process: clocks differ, decisions must not."""
    number = torch.tensor(value)
    broadcast(number)
    return float(number)

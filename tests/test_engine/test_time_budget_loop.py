"""A time budget: the schedule ends with it, on the way and after kills."""

import numpy as np
import pytest
import torch
from conftest import on_two_processes
from mmengine.hooks import Hook
from toy_training import train

from mhhn_mmpose.engine.loops import time_budget_loop
from mhhn_mmpose.engine.resuming import find_last_checkpoint

STEPS, EPOCHS = 3, 60  # STEPS an epoch
WARMUP = dict(type='LinearLR', by_epoch=False, start_factor=0.01, begin=0, end=20)
ANNEALING = dict(type='CosineAnnealingLR', T_max=EPOCHS, eta_min=0, begin=0, end=EPOCHS)
COSINE = dict(param_scheduler=[WARMUP, dict(ANNEALING, by_epoch=True)])
PEAK = 0.1  # of the learning rate


class Clock(Hook):
    """A step takes a second, a validation none or some, whatever the real time."""

    def __init__(self, monkeypatch, validation=0.0, killed_after=None, startup=0):
        self.now, self.step = 0.0, 1
        self.validation, self.killed_after, self.startup = validation, killed_after, startup
        monkeypatch.setattr(time_budget_loop.time, 'monotonic', lambda: self.now)

    def before_train(self, runner):
        runner.train_loop.startup = self.startup  # without an effect on MMEngine's own loop

    def after_train_iter(self, runner, **_):
        self.now += self.step
        if self.now == self.killed_after:
            raise KeyboardInterrupt

    def after_val(self, runner):
        self.now += self.validation


def train_for(seconds, folder, clock, epochs=EPOCHS, **options):
    loop = dict(type='TimeBudgetLoop', max_minutes=seconds / 60)
    return train(folder, epochs, loop=loop, hooks=[clock], **{**COSINE, **options})


def test_a_training_that_is_fast_enough_is_the_plain_one(tmp_path, monkeypatch):
    seldom = dict(COSINE, checkpoint=dict(interval=12, save_best=None, rule=None))
    plain = train(tmp_path / 'plain', 12, **seldom)
    timed = train_for(1000, tmp_path / 'timed', Clock(monkeypatch), 12, **seldom)
    np.testing.assert_allclose(timed.record.rates, plain.record.rates, rtol=1e-9)
    assert timed.record.validated == plain.record.validated
    weights = [runner.model.layer.weight for runner in (timed, plain)]
    torch.testing.assert_close(*weights, rtol=1e-6, atol=0)


@pytest.mark.parametrize('startup', [0, 11])
def test_the_schedule_ends_with_the_budget(tmp_path, monkeypatch, startup):
    seconds, clock = 41, Clock(monkeypatch, startup=startup)
    runner = train_for(seconds + startup, tmp_path, clock)
    rates = np.array(runner.record.rates)
    assert 0.9 * seconds < len(rates) == clock.now <= seconds
    assert rates[0] == 0.01 * PEAK and rates.max() > 0.9 * PEAK and rates[-1] < 0.01 * PEAK
    assert (np.diff(rates[rates.argmax() :]) <= 0).all()
    epochs = -(-len(rates) // STEPS)  # the last may be cut short
    assert runner.record.validated[-1] == epochs
    last = find_last_checkpoint(tmp_path)
    assert last.name == f'epoch_{epochs}.pth'
    assert torch.load(last)['meta']['iter'] == len(rates)


def test_time_for_the_validation_is_set_aside(tmp_path, monkeypatch):
    clock = Clock(monkeypatch, validation=10)
    runner = train_for(60, tmp_path, clock)
    assert 55 < clock.now <= 60
    # Every 6 s; the third would come when less is left than 3 of them take.
    assert runner.record.validated == [2, 4, runner.epoch]


def test_a_killed_run_has_the_rest_of_its_budget(tmp_path, monkeypatch):
    def go_on(seconds):
        clock = Clock(monkeypatch)
        runner = train_for(seconds, tmp_path, clock, resume=find_last_checkpoint(tmp_path))
        return clock.now, runner.record.rates

    with pytest.raises(KeyboardInterrupt):
        train_for(60, tmp_path, Clock(monkeypatch, killed_after=31))
    assert find_last_checkpoint(tmp_path).name == 'epoch_10.pth'  # after 30 s
    spent, rates = go_on(60)
    assert 26 < spent <= 30
    assert 0.4 * PEAK < rates[0] < 0.6 * PEAK and rates[-1] < 0.01 * PEAK
    assert go_on(60) == (0, [])
    spent, rates = go_on(80)
    assert 13 < spent <= 20 and rates[-1] < 0.01 * PEAK


def _train_on(rank, folder):
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)
        clock.step = 1 + rank  # the second process believes that twice the time has gone
        rates = train_for(30, folder, clock).record.rates
    torch.save(rates, folder / f'{rank}.pt')


def test_processes_agree(tmp_path):
    on_two_processes(_train_on, tmp_path)
    first, second = (torch.load(tmp_path / f'{rank}.pt') for rank in range(2))
    assert first == second and 25 < len(first) <= 30

"""A training of milliseconds through MMEngine's runner: a linear model on augmented numbers."""

import random

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

import mhhn_mmpose  # noqa: F401

NUM_EPOCHS = 6
# Of the validations after epochs 2, 4 and 6.
SCORES = {2: 5.0, 4: 3.0, 6: 4.0}


class Augmented(Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        drawn = [np.random.rand(), random.random(), float(torch.rand(()))]
        return dict(inputs=torch.tensor([index, *drawn]))


class Linear(BaseModel):
    def __init__(self, width=1):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, width)

    def forward(self, inputs, mode='tensor'):
        noise = torch.rand(()) if self.training else 0.0  # as dropout draws it
        output = self.layer(torch.stack(inputs)) + noise
        return dict(loss=output.square().mean()) if mode == 'loss' else [output]


class ScoreOfEpoch(BaseMetric):
    """What SCORES says for the epoch that the model has been trained for."""

    epoch = 0

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(NME=SCORES.get(self.epoch, 9.0))


class Record(Hook):
    """The batches of every epoch and the epochs that were validated."""

    def __init__(self):
        self.batches, self.validated, self.rates = {}, [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.batches.setdefault(runner.epoch, []).append(torch.stack(data_batch['inputs']))
        self.rates.append(runner.optim_wrapper.get_lr()['lr'][0])

    def before_val(self, runner):
        self.validated.append(runner.epoch)
        runner.val_evaluator.metrics[0].epoch = runner.epoch


def train(work_dir, epochs=NUM_EPOCHS, *, resume=None, workers=0, width=1, hooks=(), **options):
    """Train, from `resume` on if given; the runner, with its hook `record`."""
    loader = dict(batch_size=2, num_workers=workers, persistent_workers=workers > 0)
    loader['dataset'] = Augmented()
    checkpoint = dict(type='AtomicCheckpointHook', interval=1, save_best='NME', rule='less')
    checkpoint |= options.pop('checkpoint', {})
    loop = options.pop('loop', dict(by_epoch=True))
    runner = Runner(
        Linear(width),
        str(work_dir),
        train_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=True)),
        val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(loop, max_epochs=epochs, val_interval=2),
        val_cfg=dict(),
        val_evaluator=[ScoreOfEpoch()],
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
        default_hooks=dict(checkpoint=checkpoint, epoch_seed=dict(type='EpochSeedHook')),
        resume=resume is not None,
        load_from=resume and str(resume),
        randomness=dict(seed=options.pop('seed', 3)),
        experiment_name=f'toy_{random.SystemRandom().random()}',
        log_level='WARNING',
        default_scope='mmpose',
        **options,
    )
    runner.record = Record()
    for hook in (runner.record, *hooks):
        runner.register_hook(hook)
    runner.train()
    return runner

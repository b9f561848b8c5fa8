"""A training that meets a NaN ends, names the batch and keeps its last good checkpoint."""

import re

import numpy as np
import pytest
import torch
from conftest import on_two_processes, run_tool
from mmengine.hooks import Hook
from mmpose.registry import HOOKS, TRANSFORMS
from small_training import NUM_FACES, small_config, train

from mhhn_mmpose.engine import FiniteLossHook

EPOCHS = 3


@TRANSFORMS.register_module()
class DamagePhoto:
    """Make a pixel of a photo NaN, from its `after`-th reading on."""

    def __init__(self, name, after=0):
        self.name, self.left = name, after

    def __call__(self, results):
        if results['img_path'].endswith(self.name):
            self.left -= 1
            if self.left < 0:
                results['img'] = results['img'].astype(np.float32)
                results['img'][40, 50] = np.nan
        return results


def config(*arguments, after=0, **options):
    """Of `small_config`, with one photo spoilt on its way to the network."""
    cfg = small_config(*arguments, EPOCHS, **options)
    step = dict(type='DamagePhoto', name='afw/gen_0001.jpg', after=after)
    cfg.train_dataloader.dataset.pipeline.insert(-2, step)
    return cfg


def test_a_bad_photo_ends_the_training(generated_300w, tmp_path):
    words = (
        r'^training stopped, the loss is not finite at epoch 2, iteration [456]: '
        r'loss nan, loss_kpt nan in the batch of '
    )
    with pytest.raises(FloatingPointError, match=words) as error:
        train(config(generated_300w, tmp_path, after=1))  # good in the first epoch
    message = str(error.value)
    faces = re.findall(r'[^ ,]*/images/([^ ,]+) \(id (\d+)\)', message)
    assert len(set(faces)) == 4 and ('afw/gen_0001.jpg', '1') in faces
    assert message in next(tmp_path.glob('*/*.log')).read_text()
    assert [p.name for p in tmp_path.glob('*.pth')] == ['epoch_1.pth']
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    weights = torch.load(tmp_path / 'epoch_1.pth')['state_dict'].values()
    assert all(weight.isfinite().all() for weight in weights)


def test_a_last_step_that_overflows_leaves_the_older_checkpoint(generated_300w, tmp_path):
    """The loss is finite in the only iteration of the epoch; the weights after it are not."""
    cfg = small_config(generated_300w, tmp_path, 2, NUM_FACES)
    cfg.custom_hooks = [dict(type='SyncBuffersHook'), dict(type='Overflow', priority='LOW')]
    with pytest.raises(FloatingPointError, match='weights are not finite after epoch 2: backbone'):
        train(cfg)
    assert [p.name for p in tmp_path.glob('*.pth')] == ['epoch_1.pth']


@HOOKS.register_module()
class Overflow(Hook):
    """The second step ends in an infinite weight."""

    def after_train_iter(self, runner, **_):
        if runner.iter == 1:
            next(runner.model.parameters()).data.flatten()[0] = float('inf')


def test_the_tool_ends_with_one_line(generated_300w, tmp_path, monkeypatch, capfd):
    cfg = small_config(generated_300w, tmp_path / 'run', 1)
    cfg.param_scheduler = []
    cfg.optim_wrapper.optimizer.lr = 1e30
    cfg.dump(tmp_path / 'config.py')
    assert run_tool(monkeypatch, 'train.py', tmp_path / 'config.py') == 1
    out, err = capfd.readouterr()
    last = (out + err).strip().splitlines()[-1]
    assert 'training stopped, the loss is not finite at epoch 1, iteration 2: loss' in last
    assert 'Traceback' not in out + err
    assert not list((tmp_path / 'run').glob('*.pth'))


def _train_on(rank, folder, root):
    cfg = config(root, folder, batch=2)
    cfg.launcher = 'pytorch'
    cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
    with pytest.raises(FloatingPointError) as error:
        train(cfg)
    (folder / f'{rank}.txt').write_text(str(error.value))


def test_both_of_two_processes_end(generated_300w, tmp_path):
    on_two_processes(_train_on, tmp_path, generated_300w)
    first, second = ((tmp_path / f'{rank}.txt').read_text() for rank in range(2))
    assert first == second
    # Only the process that met the photo names its batch, of two.
    faces = re.findall(r'images/([^ ,]+) \(id \d+\)', first)
    assert len(faces) == 2 and 'afw/gen_0001.jpg' in faces
    assert not list(tmp_path.glob('*.pth'))


def test_what_is_no_loss_may_be_nan():
    FiniteLossHook().after_train_iter(None, 0, None, dict(loss=torch.ones(()), acc=float('nan')))

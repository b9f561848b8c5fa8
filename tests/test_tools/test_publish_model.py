"""tools/misc/publish_model.py on the checkpoint of a short training, and on what is none."""

import contextlib
import hashlib
import io
import re
import runpy
import sys
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.runner import Runner

import mhhn_mmpose  # noqa: F401  before mmpose.apis, which needs it on mmcv-lite

CONFIG = ROOT / 'configs/300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py'


def publish(*args) -> SimpleNamespace:
    """Run the script here, where torch is already loaded."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, 'argv', ['publish_model.py', *map(str, args)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_path(str(ROOT / 'tools/misc/publish_model.py'), run_name='__main__')
        except SystemExit as end:
            code = end.code
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def load(path) -> dict:
    return torch.load(path, map_location='cpu', weights_only=True)


def config_of(data, work_dir) -> Config:
    """The tiny MHHN for one epoch on `data`, in this process, with averaged weights."""
    cfg = Config.fromfile(CONFIG)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[name].update(num_workers=0, persistent_workers=False)
        cfg[name].dataset.data_root = str(data)
    cfg.train_dataloader.batch_size = 4
    cfg.test_evaluator.ann_file = str(data / cfg.test_dataloader.dataset.ann_file)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.train_cfg.max_epochs = 1
    cfg.default_hooks.checkpoint.update(interval=1, save_best=None)
    cfg.custom_hooks = [dict(type='EMAHook', momentum=0.5)]
    cfg.work_dir = str(work_dir)
    return cfg


def metrics_of(checkpoint, data, work_dir) -> dict:
    cfg = config_of(data, work_dir)
    cfg.custom_hooks = []
    cfg.load_from = str(checkpoint)
    return Runner.from_cfg(cfg).test()


@pytest.fixture(scope='module')
def trained(generated_300w, tmp_path_factory):
    folder = tmp_path_factory.mktemp('trained')
    Runner.from_cfg(config_of(generated_300w, folder)).train()
    return folder / 'epoch_1.pth'


@pytest.fixture(scope='module')
def published(trained, tmp_path_factory) -> dict:
    """Paths of the published checkpoints, at full and at half precision."""
    out = tmp_path_factory.mktemp('out')
    for folder, flags in (('full', ()), ('half', ('--half',))):
        run = publish(trained, out / folder / 'mhhn.pth', *flags)
        assert run.returncode == 0, run.stderr
        assert f'{out / folder}' in run.stdout
    return {folder: next((out / folder).iterdir()) for folder in ('full', 'half')}


def test_the_name_holds_the_contents_hash(trained, published, tmp_path):
    for path in published.values():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        assert path.name == f'mhhn-{digest}.pth'
    assert publish(trained, tmp_path / 'other.pth').returncode == 0
    (again,) = tmp_path.iterdir()
    assert again.name == published['full'].name.replace('mhhn', 'other')


def test_only_weights_and_what_init_model_reads_are_left(trained, published):
    before = load(trained)
    assert {'optimizer', 'message_hub', 'ema_state_dict'} < set(before)
    assert 'cfg' in before['meta']
    for path in published.values():
        after = load(path)
        assert set(after) == {'meta', 'state_dict'}
        assert set(after['meta']) == {'dataset_meta', 'epoch', 'iter', 'mmengine_version'}
        assert str(trained.parent).encode() not in path.read_bytes()
    full, half = (published[name].stat().st_size for name in ('full', 'half'))
    assert half < 0.6 * full < 0.3 * trained.stat().st_size


def test_the_averaged_weights_are_published(trained, published):
    before, after = load(trained), load(published['full'])['state_dict']
    assert list(after) == list(before['state_dict'])
    for name, weight in before['state_dict'].items():
        assert torch.equal(after[name], weight), name
    # MMEngine swaps them when it saves; these are the ones last trained.
    last = before['ema_state_dict']['module.head.multi_final_layers.0.weight']
    assert not torch.equal(after['head.multi_final_layers.0.weight'], last)


def test_half_precision_halves_floats_only(published):
    full, half = (load(published[name])['state_dict'] for name in ('full', 'half'))
    for name, weight in full.items():
        expected = torch.float16 if weight.is_floating_point() else weight.dtype
        assert half[name].dtype == expected, name
        torch.testing.assert_close(half[name].to(weight.dtype), weight, rtol=1e-3, atol=1e-6)


def test_metrics_and_outputs_are_those_of_the_training(
    trained, published, generated_300w, tmp_path
):
    from mmpose.apis import inference_topdown, init_model

    expected = metrics_of(trained, generated_300w, tmp_path)
    assert metrics_of(published['full'], generated_300w, tmp_path) == expected
    half = metrics_of(published['half'], generated_300w, tmp_path)
    # After one epoch maps are flat, and a peak may jump: single faces differ, their mean hardly.
    means = [name for name in expected if name.endswith('/NME')]
    assert [half[m] for m in means] == pytest.approx([expected[m] for m in means], rel=0.03)
    photo = next((generated_300w / 'images').rglob('*.*g'))
    box = np.array([[40, 40, 200, 200]], dtype=np.float32)
    points = {}
    for name, path in dict(trained=trained, **published).items():
        model = init_model(str(CONFIG), str(path), device='cpu')
        assert model.dataset_meta['dataset_name'] == '300w'
        (sample,) = inference_topdown(model, str(photo), box)
        points[name] = sample.pred_instances.keypoints
    assert np.array_equal(points['full'], points['trained'])
    assert np.median(np.abs(points['half'] - points['trained'])) < 0.1


class Attack:
    def __reduce__(self):
        return print, ('run by a checkpoint',)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'no checkpoint', 'no file of torch.save'),
        (b'', 'a damaged one'),
        (dict(state_dict={}), "no tensors under 'state_dict'"),
        ({'head.weight': torch.zeros(2, 3)}, "no tensors under 'state_dict'"),
        (dict(state_dict=dict(w=torch.tensor([1.0, torch.nan]))), 'the weight w is not finite'),
        (dict(state_dict=dict(w=Attack())), 'it holds print'),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(content, reason, tmp_path):
    path = tmp_path / 'in.pth'
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    run = publish(path, tmp_path / 'out' / 'mhhn.pth')
    assert run.returncode == 1
    assert re.fullmatch(rf'{path}: .*{re.escape(reason)}.*\n', run.stderr)
    assert 'run by a checkpoint' not in run.stdout
    assert not (tmp_path / 'out').exists()


def test_too_large_for_half_precision(tmp_path):
    path = tmp_path / 'in.pth'
    torch.save(dict(state_dict=dict(w=torch.tensor([7e4]), n=torch.tensor(70000))), path)
    run = publish(path, tmp_path / 'mhhn.pth', '--half')
    assert run.returncode == 1
    assert run.stderr == f'{path}: the weight w is not finite in half precision; leave out --half\n'
    assert publish(path, tmp_path / 'mhhn.pth').returncode == 0


def test_a_missing_file_and_another_suffix(tmp_path):
    run = publish(tmp_path / 'none.pth', tmp_path / 'mhhn.pth')
    assert run.stderr == f'{tmp_path / "none.pth"}: No such file or directory\n'
    run = publish(__file__, tmp_path)
    assert run.stderr.splitlines()[-1].endswith(f'OUT must end in .pth, got {tmp_path}')

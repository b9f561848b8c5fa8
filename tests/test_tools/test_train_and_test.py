"""tools/train.py and tools/test.py: what their arguments do, and what they refuse."""

import json

import pytest
import torch
from conftest import ROOT, SMALL, cfg_options, run_tool
from mmengine.config import Config
from mmengine.logging import MMLogger

import mhhn_mmpose  # noqa: F401

HGS, MHHN = (
    ROOT / f'configs/300w/td-hm_{name}-tiny_2xb8-30e_300w-128x128.py' for name in ('hgs', 'mhhn')
)


@pytest.fixture(scope='module')
def options(generated_300w):
    short = {'train_cfg.max_epochs': 1, 'default_hooks.checkpoint.interval': 1}
    return cfg_options(generated_300w, **SMALL, **short)


@pytest.fixture(scope='module')
def run(options, tmp_path_factory):
    folder = tmp_path_factory.mktemp('work') / 'run'
    with pytest.MonkeyPatch.context() as patch:
        assert not run_tool(patch, 'train.py', HGS, '--work-dir', folder, *options)
    return folder


def test_resume(run, options, tmp_path, monkeypatch):
    """From the work folder; what else --resume takes: test_engine/test_resuming.py."""
    # MMEngine names loggers by the second; one of the same second would keep the first run's file.
    monkeypatch.setattr(MMLogger, '_instance_dict', type(MMLogger._instance_dict)())
    (tmp_path / 'epoch_1.pth').write_bytes((run / 'epoch_1.pth').read_bytes())
    arguments = [HGS, '--work-dir', tmp_path, '--no-validate', '--resume', *options]
    assert not run_tool(monkeypatch, 'train.py', *arguments, 'train_cfg.max_epochs=2')
    assert (tmp_path / 'epoch_2.pth').exists()
    (log,) = tmp_path.glob('*/*.log')
    assert 'resumed epoch: 1' in log.read_text()


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['--resume', 'nothere.pth'], '--resume nothere.pth: no such checkpoint or folder'),
        (['--launcher', 'none', 'load_from=gone.pth'], 'load_from=gone.pth: no such checkpoint'),
        (['--max-minutes', '1', 'train_cfg.by_epoch=False'], 'needs train_cfg.by_epoch=True'),
        (['--launcher', 'none', 'default_hooks.checkpoint.save_best=AP'], "no score 'AP'"),
        (['--launcher', 'none', 'model.head.out_channels=12'], 'set model.head.out_channels=68'),
    ],
)
def test_a_training_that_cannot_work(arguments, reason, options, tmp_path, monkeypatch):
    work_dir = ['--work-dir', tmp_path, *options]
    said = run_tool(monkeypatch, 'train.py', HGS, *arguments[:2], *work_dir, *arguments[2:])
    assert said.startswith('train: ') and reason in said and '\n' not in said
    assert not list(tmp_path.glob('*.pth'))


def test_a_foreign_checkpoint_is_refused(run, options, tmp_path, monkeypatch):
    reason = f'weights of another model than {MHHN} (lacks backbone.attentions.0.gamma)'
    foreign = run / 'epoch_1.pth'
    for tool, *arguments in (('test', foreign), ('train', '--resume', foreign)):
        work_dir = ['--work-dir', tmp_path / tool]
        said = run_tool(monkeypatch, f'{tool}.py', MHHN, *arguments, *work_dir, *options)
        assert said.startswith(f'{tool}: {foreign}: {reason};')
        assert not list((tmp_path / tool).glob('*.json')) + list((tmp_path / tool).glob('*.pth'))


def test_a_time_budget(run, options, tmp_path, monkeypatch):
    epochs = ['train_cfg.max_epochs=2000', 'param_scheduler.1.T_max=2000']
    arguments = [HGS, '--work-dir', tmp_path, '--max-minutes', '0.03', *options, *epochs]
    assert not run_tool(monkeypatch, 'train.py', *arguments)
    (log,) = tmp_path.glob('*/*.log')
    assert 'full/inter_ocular/NME' in log.read_text().splitlines()[-1]
    assert 0 < torch.load((tmp_path / 'last_checkpoint').read_text())['meta']['epoch'] < 2000


def test_a_model_that_ships_is_tested_by_its_name(options, tmp_path, monkeypatch):
    sizes = [option for option in options if not option.startswith('model.')]
    assert not run_tool(monkeypatch, 'test.py', 'tiny', '--work-dir', tmp_path, *sizes)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics['full/inter_ocular/NME'] < 15  # drawn faces; random weights have 40 and more
    (log,) = tmp_path.glob('*/*.log')
    assert 'weights/tiny.pth' in log.read_text()


def test_test_writes_metrics_and_errors(run, options, tmp_path, monkeypatch):
    arguments = ['--work-dir', tmp_path, '--out', tmp_path / 'again.json', *options]
    assert not run_tool(monkeypatch, 'test.py', HGS, run / 'epoch_1.pth', *arguments)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics['full/inter_ocular/NME'] > 0
    assert json.loads((tmp_path / 'again.json').read_text()) == metrics
    assert len(json.loads((tmp_path / 'errors.json').read_text())['images']) == 9
    assert Config.fromfile(tmp_path / HGS.name).load_from == str(run / 'epoch_1.pth')
    other = [HGS, run / 'epoch_1.pth', *arguments, 'model.head.out_channels=12']
    assert 'set model.head.out_channels=68' in run_tool(monkeypatch, 'test.py', *other)

"""`CpuAmpOptimWrapper`: bfloat16 forward, float32 weights; `tools/train.py --amp` takes it."""

import runpy
import sys

import pytest
import torch
from conftest import ROOT, TINY, run_tool
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from small_training import small_config

import mhhn_mmpose  # noqa: F401, registers the wrapper


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.dtypes = torch.nn.Linear(3, 2), []

    def forward(self, inputs, data_samples=None, mode='loss'):
        out = self.layer(inputs)
        self.dtypes.append(out.dtype)
        return dict(loss=out.square().mean())


def train(type_, **kwargs):
    model = Model()
    cfg = dict(type=type_, optimizer=dict(type='SGD', lr=0.1), **kwargs)
    wrapper = build_optim_wrapper(model, cfg)
    for step in range(2):
        inputs = torch.linspace(-1, 2, 12).reshape(4, 3) + step
        model.train_step(dict(inputs=inputs), wrapper)
    return model


def test_a_step_runs_in_bfloat16_and_its_weights_stay_in_float32():
    of_a_gpu = dict(dtype='bfloat16', loss_scale='dynamic')  # may stay
    found = train('CpuAmpOptimWrapper', **of_a_gpu, accumulative_counts=2)
    expected = train('OptimWrapper', accumulative_counts=2)
    assert found.dtypes == [torch.bfloat16] * 2
    assert expected.dtypes == [torch.float32] * 2
    assert found.layer.weight.dtype == torch.float32
    assert not torch.equal(found.layer.weight, expected.layer.weight)
    torch.testing.assert_close(found.layer.weight, expected.layer.weight, rtol=0.02, atol=2e-3)
    with torch.no_grad():
        assert found.layer(torch.ones(1, 3)).dtype == torch.float32  # outside of a step
    with pytest.raises(ValueError, match="trains in bfloat16, got dtype='float16'"):
        train('CpuAmpOptimWrapper', dtype='float16')


@pytest.mark.skipif(torch.cuda.is_available(), reason='takes AmpOptimWrapper where there is a GPU')
def test_the_tool_trains_by_it_on_a_cpu(generated_300w, tmp_path, monkeypatch, capfd):
    cfg = small_config(generated_300w, tmp_path / 'run', epochs=1)
    cfg.model.backbone.attention = 'all'
    cfg.dump(tmp_path / 'config.py')
    assert run_tool(monkeypatch, 'train.py', tmp_path / 'config.py', '--amp') == 0
    assert (tmp_path / 'run' / 'epoch_1.pth').exists()
    out, err = capfd.readouterr()
    assert "type='CpuAmpOptimWrapper'" in out + err  # in the config that the log shows


def test_the_tool_asks_for_the_device(monkeypatch):
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cuda')
    tool = runpy.run_path(str(ROOT / 'tools/train.py'))
    monkeypatch.setattr(sys, 'argv', ['train.py', str(TINY), '--amp'])
    optim_wrapper = tool['build_config'](tool['parse_args']()).optim_wrapper
    assert (optim_wrapper.type, optim_wrapper.loss_scale) == ('AmpOptimWrapper', 'dynamic')

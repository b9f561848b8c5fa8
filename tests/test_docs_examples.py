"""The pages' code runs as it stands there: every Python block of docs/parts.md."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, METRICS, MODELS
from mmpose.structures import PoseDataSample

import mhhn_mmpose  # noqa: F401  (lets mmpose.models import on mmcv-lite)

BLOCK = re.compile(r'^```python\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def python_blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / 'docs' / page).read_text(encoding='utf-8'))


PARTS = python_blocks('parts.md')
CONFIGS = [block for block in PARTS if block.startswith('_base_')]
SCRIPTS = [block for block in PARTS if not block.startswith('_base_')]


@pytest.mark.parametrize('code', SCRIPTS, ids=lambda code: code.splitlines()[-1][:40])
def test_a_part_in_a_script(code):
    torch.manual_seed(0)
    exec(compile(code, 'docs/parts.md', 'exec'), {})


@pytest.mark.parametrize('number', range(len(CONFIGS)))
def test_a_part_in_a_config(number, tmp_path):
    (tmp_path / 'config.py').write_text(CONFIGS[number], encoding='utf-8')
    cfg = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    model = MODELS.build(cfg.model)
    if cfg.val_evaluator.type == 'FaceAlignmentMetric':  # others read their files at once
        METRICS.build(cfg.val_evaluator)
    pipeline = cfg.train_dataloader.dataset.pipeline
    encoder = next(t.encoder for t in pipeline if t.type == 'GenerateTarget')
    codec = KEYPOINT_CODECS.build(encoder)
    count = cfg.model.head.out_channels
    points = np.random.default_rng(0).uniform(50, 200, (1, count, 2))
    encoded = codec.encode(points, np.ones((1, count)))
    sample = PoseDataSample()
    sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
    labels = dict(keypoint_weights=torch.from_numpy(encoded['keypoint_weights']))
    sample.gt_instance_labels = InstanceData(**labels)
    images = torch.rand(1, 3, *cfg.codec.input_size[::-1])
    losses = model.eval().loss(images, [sample])  # eval: one image is no batch to normalise by
    losses['loss_kpt'].backward()
    assert all(p.grad.isfinite().all() for p in model.head.parameters())
    located, _ = model.head.decoder.decode(encoded['heatmaps'])
    # One convention in encoder and decoder: another shifts all by 1.5 pixels. MSRA rounds; with
    # softmax a target is not what a network would put out, and its centre is less exact.
    assert abs((located - points).mean()) < 0.7
    assert np.abs(located - points).max() < (0.5 if encoder.type == 'SDTHeatmap' else 3)


def test_the_mathematics_needs_nothing_of_openmmlab(tmp_path):
    shutil.copytree(ROOT / 'mhhn_mmpose' / 'ops', tmp_path / 'ops')
    code = (
        'import sys, torch; names = {"mmpose", "mmengine", "mmcv", "mhhn_mmpose"};'
        'sys.modules.update(dict.fromkeys(names)); from ops import fit_gaussian;'
        'assert fit_gaussian(torch.rand(5, 7), 1.0).centers.shape == (2,)'
    )
    subprocess.run([sys.executable, '-c', code], cwd=tmp_path, check=True)

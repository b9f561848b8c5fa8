"""The pages' code runs as it stands there: every Python block of docs/parts.md, README's config."""

import re

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, METRICS, MODELS
from mmpose.structures import PoseDataSample

from mhhn_mmpose.datasets.pipelines import with_codec

BLOCK = re.compile(r'^```python\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def python_blocks(page: str, of_configs: bool) -> list[str]:
    blocks = BLOCK.findall((ROOT / page).read_text(encoding='utf-8'))
    return [block for block in blocks if block.startswith('_base_') == of_configs]


(SNIPPET,) = python_blocks('README.md', of_configs=True)
FACE = re.search(r'mmpose::(.*?)\.py', SNIPPET)[1]
# RTMPose's backbone and its two stages of training, with heatmaps in UDP's coordinates.
BODY = 'body_2d_keypoint/topdown_heatmap/coco/cspnext-m_udp_8xb256-210e_coco-256x192'
CONFIGS = {'README': SNIPPET, 'README on RTMPose': SNIPPET.replace(FACE, BODY)} | {
    f'parts {number}': block
    for number, block in enumerate(python_blocks('docs/parts.md', of_configs=True))
}


def test_the_parts_in_scripts():
    for code in python_blocks('docs/parts.md', of_configs=False):
        torch.manual_seed(0)
        exec(compile(code, 'docs/parts.md', 'exec'), {})


def steps(part, kind):
    if isinstance(part, dict):
        if part.get('type') == kind:
            yield part
        part = list(part.values())
    for inner in part if isinstance(part, list | tuple) else ():
        yield from steps(inner, kind)


@pytest.mark.parametrize('name', CONFIGS)
def test_a_part_in_a_config(name, tmp_path):
    (tmp_path / 'config.py').write_text(CONFIGS[name], encoding='utf-8')
    cfg = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    cfg.model.backbone.pop('_scope_', None)  # MMDetection's CSPNeXt, which needs the compiled mmcv
    model = MODELS.build(cfg.model)
    model.backbone.requires_grad_(False)  # backbones take most of the time
    if cfg.val_evaluator.type == 'FaceAlignmentMetric':  # others read their files at once
        METRICS.build(cfg.val_evaluator)

    used = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader, cfg.get('custom_hooks')]
    encoders = [step.encoder for part in used for step in steps(part, 'GenerateTarget')]
    assert len(encoders) == (2 if 'RTMPose' in name else 1)
    if name.startswith('README'):
        assert all(encoder == cfg.model.head.decoder for encoder in encoders)
        for affine in (affine for part in used for affine in steps(part, 'TopdownAffine')):
            assert tuple(affine.input_size) == tuple(encoders[0].input_size)
            assert not affine.get('use_udp')
        assert type(model.head.loss_module).__name__ == 'SubpixelDetectionLoss'

    count = cfg.model.head.out_channels
    points = np.random.default_rng(0).uniform(50, 150, (1, count, 2))
    encoded = KEYPOINT_CODECS.build(encoders[0]).encode(points, np.ones((1, count)))
    maps = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
    labels = InstanceData(keypoint_weights=torch.from_numpy(encoded['keypoint_weights']))
    sample = PoseDataSample(gt_fields=maps, gt_instance_labels=labels)
    images = torch.rand(1, 3, *encoders[0].input_size[::-1])
    losses = model.eval().loss(images, [sample])  # eval: one image is no batch to normalise by
    losses['loss_kpt'].backward()
    assert all(p.grad.isfinite().all() for p in model.head.parameters())

    logits = getattr(model.head.decoder, 'activation', None) == 'softmax'
    maps = np.log(encoded['heatmaps'] + 1e-30) if logits else encoded['heatmaps']
    located, _ = model.head.decoder.decode(maps)
    # One convention in encoder and decoder: another shifts all by 1.5 pixels. MSRA's rounds.
    assert abs((located - points).mean()) < 0.7
    assert np.abs(located - points).max() < (0.01 if encoders[0].type == 'SDTHeatmap' else 3)


def test_steps_are_found_at_any_depth_and_missed_aloud():
    inner = dict(type='CombinedDataset', datasets=[dict(pipeline=[dict(type='TopdownAffine')])])
    loader, codec = dict(dataset=inner), dict(type='UDPHeatmap', input_size=(96, 128))
    (affine,) = steps(with_codec(loader, codec), 'TopdownAffine')
    assert affine == dict(type='TopdownAffine', input_size=(96, 128), use_udp=True)
    assert inner['datasets'][0]['pipeline'] == [dict(type='TopdownAffine')]  # the base's stays
    with pytest.raises(ValueError, match='no TopdownAffine'):
        with_codec(dict(dataset=dict(pipeline=[dict(type='BottomupResize')])), codec)

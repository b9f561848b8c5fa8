"""The config in README.md, pasted into configs of MMPose as it stands."""

import re

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mhhn_mmpose.datasets.pipelines import with_codec, with_step

SNIPPET = next(
    block
    for block in re.findall(
        r'```python\n(.*?)```', (ROOT / 'README.md').read_text(encoding='utf-8'), re.DOTALL
    )
    if block.startswith('_base_')
)
MMPOSE = 'mmpose::{}_2d_keypoint/topdown_heatmap/{}.py'
BASES = {
    'as it stands': re.search(r"'(mmpose::.*?)'", SNIPPET)[1],
    'DARK': MMPOSE.format('face', 'wflw/td-hm_hrnetv2-w18_dark-8xb64-60e_wflw-256x256'),
    # RTMPose's backbone and its two stages of training, with heatmaps in UDP's coordinates.
    'RTMPose': MMPOSE.format('body', 'coco/cspnext-m_udp_8xb256-210e_coco-256x192'),
}


def steps(part, kind):
    if isinstance(part, dict):
        if part.get('type') == kind:
            yield part
        part = list(part.values())
    for inner in part if isinstance(part, list | tuple) else ():
        yield from steps(inner, kind)


@pytest.mark.parametrize('base', BASES.values(), ids=BASES)
def test_the_snippet_trains_what_it_is_pasted_into(base, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(SNIPPET.replace(BASES['as it stands'], base), encoding='utf-8')
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    cfg.model.backbone.pop('_scope_', None)  # MMDetection's CSPNeXt, which needs the compiled mmcv
    model = MODELS.build(cfg.model).eval()  # eval: one image is no batch to normalise by

    decoder = cfg.model.head.decoder
    used = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader, cfg.custom_hooks]
    encoders = [step.encoder for part in used for step in steps(part, 'GenerateTarget')]
    assert len(encoders) == (2 if base == BASES['RTMPose'] else 1)
    assert all(encoder == decoder for encoder in encoders)
    for affine in (affine for part in used for affine in steps(part, 'TopdownAffine')):
        assert tuple(affine.input_size) == tuple(decoder.input_size)
        assert not affine.get('use_udp')

    count = cfg.model.head.out_channels
    points = np.random.default_rng(0).uniform(40, 150, (1, count, 2))
    encoded = KEYPOINT_CODECS.build(encoders[0]).encode(points, np.ones((1, count)))
    sample = PoseDataSample()
    sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
    weights = torch.from_numpy(encoded['keypoint_weights'])
    sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
    losses = model.loss(torch.rand(1, 3, *decoder.input_size[::-1]), [sample])
    assert type(model.head.loss_module).__name__ == 'SubpixelDetectionLoss'
    losses['loss_kpt'].backward()
    assert all(p.grad.isfinite().all() for p in model.head.parameters())
    located, _ = model.head.decoder.decode(np.log(encoded['heatmaps'] + 1e-30))
    assert np.abs(located - points).max() < 0.01
    assert any('final_layer' in name for name, _ in model.head.named_parameters())


def test_steps_are_found_at_any_depth_and_missed_aloud():
    inner = dict(type='CombinedDataset', datasets=[dict(pipeline=[dict(type='TopdownAffine')])])
    loader, codec = dict(dataset=inner), dict(type='UDPHeatmap', input_size=(96, 128))
    (affine,) = steps(with_codec(loader, codec), 'TopdownAffine')
    assert affine == dict(type='TopdownAffine', input_size=(96, 128), use_udp=True)
    assert inner['datasets'][0]['pipeline'] == [dict(type='TopdownAffine')]  # the base's stays
    with pytest.raises(ValueError, match='no TopdownAffine'):
        with_codec(dict(dataset=dict(pipeline=[dict(type='BottomupResize')])), codec)
    with pytest.raises(ValueError, match="'LoadImage'"):
        with_step(loader, 'LoadImage', type='LoadFaceImage')

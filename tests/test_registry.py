"""Configs of the scope `mhhn_mmpose`, as `_base_ = ['mhhn_mmpose::...']` makes them."""

import mmengine.registry
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

import mhhn_mmpose.registry


@pytest.mark.parametrize(
    'kind, part',
    [
        ('MODELS', dict(type='SubpixelDetectionLoss')),
        ('MODELS', dict(type='KeypointMSELoss')),
        ('METRICS', dict(type='FaceAlignmentMetric')),
        ('TRANSFORMS', dict(type='TopdownAffine', input_size=(16, 8))),
    ],
)
def test_the_scope_has_our_parts_and_mmposes(kind, part):
    built = getattr(mmengine.registry, kind).build(dict(part, _scope_=mhhn_mmpose.registry.SCOPE))
    assert type(built).__name__ == part['type']


def test_a_config_of_ones_own_on_one_of_ours_builds(tmp_path):
    path = tmp_path / 'own.py'
    path.write_text("_base_ = ['mhhn_mmpose::300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py']\n")
    cfg = Config.fromfile(path)
    with DefaultScope.overwrite_default_scope(None):
        model = mmengine.registry.MODELS.build(cfg.model)
    assert type(model.backbone).__name__ == 'MCGHourglass'

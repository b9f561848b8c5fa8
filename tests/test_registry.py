"""Configs of the scope `mhhn_mmpose`, as `_base_ = ['mhhn_mmpose::...']` makes them."""

import mmengine.registry
import pytest

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

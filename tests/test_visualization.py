"""`FaceLocalVisualizer`: what it hands to MMPose's drawing."""

import pytest
import torch
from mmengine.structures import PixelData

from mhhn_mmpose.visualization import FaceLocalVisualizer


@pytest.mark.parametrize('activation, peak', [('softmax', 1.0), ('sigmoid', 0.0067)])
def test_nothing_is_drawn_off_the_crop(activation, peak, monkeypatch):
    """MMPose fills 0 there, which is more than this face's largest logit."""
    drawn = []
    monkeypatch.setattr(
        FaceLocalVisualizer.__base__,
        '_draw_instance_heatmap',
        lambda _, fields, image: drawn.append(fields),
    )
    maps = torch.zeros(2, 5, 7)
    maps[0, 1:4, 2:5] = -9.0
    maps[0, 2, 3] = -5.0
    FaceLocalVisualizer(activation=activation)._draw_instance_heatmap(
        PixelData(heatmaps=maps), None
    )
    heat = drawn[0].heatmaps
    assert heat[0, 2, 3] == heat.max() == pytest.approx(peak, abs=1e-4)
    assert not heat[1].any() and not heat[0, 0].any()

"""Backbones, heads and losses, registered in MMPose's `MODELS`."""

from .backbones import MCGHourglass
from .heads import StackedHeatmapHead
from .losses import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss

__all__ = [
    'HeatmapJSDLoss',
    'HeatmapKLDLoss',
    'MCGHourglass',
    'StackedHeatmapHead',
    'SubpixelDetectionLoss',
]

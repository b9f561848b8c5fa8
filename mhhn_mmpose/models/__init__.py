"""Backbones, heads and losses, registered in MMPose's `MODELS`."""

from .backbones.mcg_hourglass import MCGHourglass
from .heads.stacked_heatmap_head import StackedHeatmapHead
from .losses.divergence import HeatmapJSDLoss, HeatmapKLDLoss
from .losses.subpixel_detection import SubpixelDetectionLoss

__all__ = [
    'HeatmapJSDLoss',
    'HeatmapKLDLoss',
    'MCGHourglass',
    'StackedHeatmapHead',
    'SubpixelDetectionLoss',
]

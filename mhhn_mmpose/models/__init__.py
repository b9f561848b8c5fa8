"""Backbones and losses, registered in MMPose's `MODELS`."""

from .backbones import MCGHourglass
from .losses import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss

__all__ = ['HeatmapJSDLoss', 'HeatmapKLDLoss', 'MCGHourglass', 'SubpixelDetectionLoss']

"""Losses between predicted and target heatmaps."""

from .divergence import HeatmapJSDLoss, HeatmapKLDLoss
from .subpixel_detection import SubpixelDetectionLoss

__all__ = ['HeatmapJSDLoss', 'HeatmapKLDLoss', 'SubpixelDetectionLoss']

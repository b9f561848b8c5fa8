"""Codecs, registered in MMPose's `KEYPOINT_CODECS`."""

from .argmax_heatmap import ArgmaxHeatmap
from .sdt_heatmap import SDTHeatmap

__all__ = ['ArgmaxHeatmap', 'SDTHeatmap']

"""The paper's baseline decoding: no subpixel step."""

from __future__ import annotations

from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..ops.gaussian_fit import GaussianFit
from .sdt_heatmap import SDTHeatmap


@KEYPOINT_CODECS.register_module()
class ArgmaxHeatmap(SDTHeatmap):
    """`SDTHeatmap` whose decoding stops at the argmax, to measure what the fit adds.

    Arguments, targets, scores and coordinate conventions are those of the parent.
    """

    def locate(self, heatmaps: Tensor) -> GaussianFit:
        """The parent's fit with the argmax in the place of the centres."""
        fit = super().locate(heatmaps)
        return fit._replace(centers=fit.argmax)

"""The paper's baseline decoding: no subpixel step."""

from __future__ import annotations

from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..ops.gaussian_fit import GaussianFit
from .sdt_heatmap import SDTHeatmap


@KEYPOINT_CODECS.register_module()
class ArgmaxHeatmap(SDTHeatmap):
    """`SDTHeatmap` that decodes to the argmax, to measure what the fit adds; it takes as long.

    Arguments, targets, scores and coordinate conventions are those of the parent.

    >>> import numpy as np
    >>> codec = ArgmaxHeatmap(input_size=(128, 96), heatmap_size=(32, 24))
    >>> codec.decode(codec.encode(np.array([[[40.2, 31.7]]]))['heatmaps'])[0]
    array([[[41.5, 33.5]]], dtype=float32)
    """

    def locate(self, heatmaps: Tensor) -> GaussianFit:
        """Return the parent's fit, with the argmax in the place of the centres."""
        fit = super().locate(heatmaps)
        return fit._replace(centers=fit.argmax)

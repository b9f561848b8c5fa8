"""MMPose's visualizer, for models whose output is logits."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.structures import PixelData
from mmpose.registry import VISUALIZERS
from mmpose.visualization import PoseLocalVisualizer


@VISUALIZERS.register_module()
class FaceLocalVisualizer(PoseLocalVisualizer):
    """`PoseLocalVisualizer` that draws the heatmaps which `SDTHeatmap` decodes.

    MMPose lays the model's output over the photo, 0 off the crop, takes the maximum over the
    landmarks and stretches it to the colours' range. Of logits, which span tens, that shows the
    background; of exp(h - max h), whose peaks are 1, the landmarks. See `docs/mmpose.md`.

    Args:
        name: As of the parent.
        activation: The codec's: None, 'softmax' or 'sigmoid'.
        arguments: Others of the parent.

    Raises:
        ValueError: For another activation.
    """

    def __init__(
        self, name: str = 'visualizer', *, activation: str | None = None, **arguments
    ) -> None:
        super().__init__(name, **arguments)
        if activation not in (None, 'softmax', 'sigmoid'):
            raise ValueError(f"activation must be None, 'softmax' or 'sigmoid', got {activation!r}")
        self.activation = activation

    def _draw_instance_heatmap(
        self, fields: PixelData, overlaid_image: np.ndarray | None = None
    ) -> np.ndarray | None:
        """The parent's drawing of the activated heatmaps (K, h, w)."""
        if 'heatmaps' not in fields or self.activation is None:
            return super()._draw_instance_heatmap(fields, overlaid_image)
        maps = torch.as_tensor(fields.heatmaps)
        maps = maps.where(maps != 0, -torch.inf)  # MMPose's fill off the crop
        if self.activation == 'softmax':
            maps = (maps - maps.amax((-2, -1), keepdim=True)).exp().nan_to_num()
        else:
            maps = maps.sigmoid()
        return super()._draw_instance_heatmap(PixelData(heatmaps=maps), overlaid_image)

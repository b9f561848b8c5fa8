"""MMPose's visualizer, for models whose output is logits."""

from __future__ import annotations

import numpy as np
from mmengine.structures import PixelData
from mmpose.registry import VISUALIZERS
from mmpose.visualization import PoseLocalVisualizer


def displayable(heatmaps: np.ndarray, activation: str | None) -> np.ndarray:
    """Turn a model's output into what the eye can compare; for pictures only.

    Args:
        heatmaps: The model's output (K, H, W).
        activation: The codec's: with 'softmax' the map is exp(h - max h), with 'sigmoid'
            1 / (1 + exp(-h)), with None the output itself.

    Returns:
        Maps (K, H, W) in [0, 1].

    >>> displayable(np.array([[[2.0, 9.0]]]), 'softmax').round(4)
    array([[[9.e-04, 1.e+00]]])
    """
    heatmaps = np.asarray(heatmaps, dtype=np.float64)
    if activation == 'softmax':
        return np.exp(heatmaps - heatmaps.max(axis=(1, 2), keepdims=True))
    if activation == 'sigmoid':
        return 0.5 * (1 + np.tanh(heatmaps / 2))  # no overflow
    return heatmaps.clip(0, 1)


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

    >>> FaceLocalVisualizer(activation='softmax').activation
    'softmax'
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
        """Draw the activated heatmaps (K, h, w) as the parent does."""
        if 'heatmaps' not in fields or self.activation is None:
            return super()._draw_instance_heatmap(fields, overlaid_image)
        maps = np.asarray(fields.cpu().heatmaps)
        on_crop = maps != 0  # MMPose's fill
        maps = displayable(np.where(on_crop, maps, -1e9), self.activation) * on_crop
        return super()._draw_instance_heatmap(PixelData(heatmaps=maps), overlaid_image)

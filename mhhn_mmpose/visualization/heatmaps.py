"""Heatmaps as they are shown; K landmarks, (H, W) heatmap."""

from collections.abc import Sequence

import numpy as np


def displayable(heatmaps: np.ndarray, activation: str | None) -> np.ndarray:
    """Turn a model's output into what the eye can compare; for pictures only.

    Args:
        heatmaps: The model's output (K, H, W).
        activation: The codec's: with ``'softmax'`` the map is exp(h - max h), with ``'sigmoid'``
            1 / (1 + exp(-h)), with None the output itself.

    Returns:
        Maps (K, H, W) in [0, 1].
    """
    heatmaps = np.asarray(heatmaps, dtype=np.float64)
    if activation == 'softmax':
        return np.exp(heatmaps - heatmaps.max(axis=(1, 2), keepdims=True))
    if activation == 'sigmoid':
        return 0.5 * (1 + np.tanh(heatmaps / 2))  # no overflow
    return heatmaps.clip(0, 1)


def heatmap_box(
    center: Sequence[float], scale: Sequence[float], input_size: Sequence[int]
) -> tuple[float, float, float, float]:
    """Return the photo pixels that a crop's heatmaps span, under the half-pixel convention.

    Args:
        center: Of the crop, (x, y) in photo pixels (``input_center``).
        scale: Of the crop, (width, height) in photo pixels (``input_scale``).
        input_size: Of the model's input, (w, h) in pixels.
    """
    size, scale = np.asarray(input_size, float), np.asarray(scale, float)
    left, top = np.asarray(center) - scale / 2 - scale / size / 2  # input x = -1/2
    return float(left), float(top), float(left + scale[0]), float(top + scale[1])

"""Heatmaps drawn into pictures, which are BGR, (h, w, 3) uint8."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mhhn_landmarks.aligner import Face
from mhhn_landmarks.crop import Crop
from mhhn_landmarks.drawing import SIZE, draw_dots

from ..visualization.local_visualizer import displayable

DIM = 0.5  # brightness that is left to a photo below heatmaps
HEAT_COLORS = cv2.COLORMAP_INFERNO  # its brightness alone tells the order


def draw_heatmaps(picture: np.ndarray, faces: Sequence[Face], activation: str | None) -> np.ndarray:
    """Return the picture, dimmed, below each face's brightest heatmaps, with the fitted centres.

    The activation is the codec's, see `displayable`.

    >>> draw_heatmaps(np.full((48, 64, 3), 150, np.uint8), [], None)[0, 0]
    array([75, 75, 75], dtype=uint8)
    """
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32) * DIM
    canvas = np.repeat(grey[..., None], 3, axis=2)
    for face in faces:
        heat = displayable(face.heatmaps.cpu().numpy(), activation).max(axis=0)
        heat = heat.astype(np.float32)
        heat = cv2.warpAffine(heat, heatmap_to_photo(face.crop, heat.shape), (width, height))
        heat = heat.clip(0, 1)[..., None]
        color = cv2.applyColorMap((heat * 255).astype(np.uint8), HEAT_COLORS)
        canvas = canvas * (1 - heat) + color * heat
    picture = canvas.astype(np.uint8)
    for face in faces:
        radius = max(1, face.box[2] * SIZE / 2)
        draw_dots(picture, face.points, [(255, 255, 255)] * len(face.points), radius)
    return picture


def heatmap_to_photo(crop: Crop, shape: tuple[int, int]) -> np.ndarray:
    """Return the affine map (2, 3) from pixel centres of a crop's heatmap (H, W) to the photo's.

    >>> heatmap_to_photo(Crop.about(np.array([10, 20, 74, 84]), (128, 128), 1.0), (32, 32))
    array([[ 2.  ,  0.  , 10.75],
           [ 0.  ,  2.  , 20.75]])
    """
    per_pixel = crop.size / shape[::-1]
    corners = np.array([[0.0, 0], [1, 0], [0, 1]])
    origin, right, down = crop.to_photo((corners + 0.5) * per_pixel - 0.5)
    return np.column_stack((right - origin, down - origin, origin))

"""Landmarks and heatmaps drawn into pictures; all pictures are BGR, (h, w, 3) uint8."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..visualization.heatmaps import displayable, heatmap_box
from .aligner import FaceLandmarks

SHIFT = 4  # OpenCV draws at fractions of 1 / 2^SHIFT pixel
SIZE = 1 / 110  # a dot's radius, as a share of the face's side
DIM = 0.5  # brightness that is left to a photo below heatmaps
# Colour maps whose brightness alone tells the order, in print and to the colour-blind.
SCORE_COLORS, HEAT_COLORS = cv2.COLORMAP_VIRIDIS, cv2.COLORMAP_INFERNO
BOX_COLOR, OUTLINE = (233, 180, 86), (40, 40, 40)


def draw_landmarks(
    picture: np.ndarray, faces: Sequence[FaceLandmarks], names: Sequence[int]
) -> np.ndarray:
    """Return a copy with boxes and landmarks, from violet (score 0) to yellow (score 1)."""
    picture = picture.copy()
    for face, name in zip(faces, names, strict=True):
        side = face.box[2] - face.box[0]
        line = max(1, round(side / 200))
        corners = [tuple(int(v) for v in np.rint(c)) for c in (face.box[:2], face.box[2:4])]
        cv2.rectangle(picture, *corners, BOX_COLOR, line, cv2.LINE_AA)
        _write(picture, f'{name}: {face.scores.mean():.2f}', corners[0], side)
        _dots(picture, face.points, _colors(face.scores), max(1.5, side * SIZE))
    return picture


def draw_heatmaps(
    picture: np.ndarray, faces: Sequence[FaceLandmarks], activation: str | None
) -> np.ndarray:
    """Return the picture, dimmed, below each face's brightest heatmaps, with the fitted centres.

    Args:
        picture: Of `faces`.
        faces: With heatmaps.
        activation: The codec's, see `displayable`.
    """
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32) * DIM
    canvas = np.repeat(grey[..., None], 3, axis=2)
    for face in faces:
        heat = displayable(face.heatmaps.cpu().numpy(), activation).max(axis=0)
        heat = heat.astype(np.float32)
        heat = cv2.warpAffine(heat, heatmap_to_photo(face, heat.shape), (width, height))
        heat = heat.clip(0, 1)[..., None]
        color = cv2.applyColorMap((heat * 255).astype(np.uint8), HEAT_COLORS)
        canvas = canvas * (1 - heat) + color * heat
    picture = canvas.astype(np.uint8)
    for face in faces:
        radius = max(1, (face.box[2] - face.box[0]) * SIZE / 2)
        _dots(picture, face.points, [(255, 255, 255)] * len(face.points), radius)
    return picture


def heatmap_to_photo(face: FaceLandmarks, shape: tuple[int, int]) -> np.ndarray:
    """Return the affine map (2, 3) from the heatmap's pixel centres to the photo's.

    Args:
        face: Its crop tells where the heatmap lies, under the half-pixel convention.
        shape: Of the heatmap, (H, W).
    """
    height, width = shape
    left, top, right, bottom = heatmap_box(*face.crop)
    x, y = (right - left) / width, (bottom - top) / height
    return np.array([[x, 0, left + x / 2], [0, y, top + y / 2]])


def _colors(scores: np.ndarray) -> list[tuple[int, ...]]:
    levels = (np.nan_to_num(scores).clip(0, 1) * 255).astype(np.uint8)
    # OpenCV 4 takes a line of levels for a column, OpenCV 5 for a row.
    colors = cv2.applyColorMap(levels, SCORE_COLORS).reshape(-1, 3)
    return [tuple(int(v) for v in color) for color in colors]


def _dots(picture: np.ndarray, points: np.ndarray, colors: Sequence, radius: float) -> None:
    """Draw dots with a dark rim, at fractions of a pixel."""
    for grow, dot_colors in ((1.0, [OUTLINE] * len(points)), (0.0, colors)):
        for (x, y), color in zip(points, dot_colors, strict=True):
            place = round(float(x) * 2**SHIFT), round(float(y) * 2**SHIFT)
            size = round((radius + grow) * 2**SHIFT)
            cv2.circle(picture, place, size, color, -1, cv2.LINE_AA, SHIFT)


def _write(picture: np.ndarray, text: str, corner: tuple[int, int], side: float) -> None:
    """Write above a corner, or below it at the picture's top."""
    scale = float(np.clip(side / 300, 0.4, 2))
    line = max(1, round(scale * 1.5))
    font = cv2.FONT_HERSHEY_SIMPLEX
    (_, height), _ = cv2.getTextSize(text, font, scale, line)
    x, y = max(corner[0], 2), corner[1] - 4
    if y < height:
        y = max(corner[1], 0) + height + 4
    for color, thickness in ((OUTLINE, line + 2), ((255, 255, 255), line)):
        cv2.putText(picture, text, (x, y), font, scale, color, thickness, cv2.LINE_AA)

"""Boxes and landmarks drawn into pictures, which are BGR, (h, w, 3) uint8."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .aligner import Face
from .crop import Crop

SHIFT = 4  # OpenCV draws at fractions of 1 / 2^SHIFT pixel
SIZE = 1 / 110  # a dot's radius, as a share of the face's side
SCORE_COLORS = cv2.COLORMAP_VIRIDIS  # its brightness alone tells the order
BOX_COLOR, OUTLINE = (233, 180, 86), (40, 40, 40)


def draw_landmarks(picture: np.ndarray, faces: Sequence[Face], names: Sequence[int]) -> np.ndarray:
    """Return a copy with boxes and landmarks, from violet (score 0) to yellow (score 1).

    >>> crop = Crop(np.array([32, 24]), np.array([40, 40]), np.array([64, 64]))
    >>> face = Face(np.array([12, 4, 40, 40]), np.array([[30.5, 20]]), np.ones(1), 1.0, crop)
    >>> draw_landmarks(np.zeros((48, 64, 3), np.uint8), [face], [0])[20, 30]  # yellow
    array([ 37, 231, 253], dtype=uint8)
    """
    picture = picture.copy()
    for face, name in zip(faces, names, strict=True):
        side = float(face.box[2])
        line = max(1, round(side / 200))
        corners = Crop(face.crop.center, face.box[2:], face.box[2:], face.crop.angle).to_photo(
            face.box[2:] * [[0, 0], [1, 0], [1, 1], [0, 1]]
        )
        frame = np.rint(corners * 2**SHIFT).astype(np.int32)
        cv2.polylines(picture, [frame], True, BOX_COLOR, line, cv2.LINE_AA, SHIFT)
        corner = int(corners[:, 0].min()), int(corners[:, 1].min())
        _write(picture, f'{name}: {face.scores.mean():.2f}', corner, side)
        draw_dots(picture, face.points, _colors(face.scores), max(1.5, side * SIZE))
    return picture


def _colors(scores: np.ndarray) -> list[tuple[int, ...]]:
    levels = (np.nan_to_num(scores).clip(0, 1) * 255).astype(np.uint8)
    # OpenCV 4 takes a line of levels for a column, OpenCV 5 for a row.
    colors = cv2.applyColorMap(levels, SCORE_COLORS).reshape(-1, 3)
    return [tuple(int(v) for v in color) for color in colors]


def draw_dots(picture: np.ndarray, points: np.ndarray, colors: Sequence, radius: float) -> None:
    """Draw dots with a dark rim, at fractions of a pixel.

    >>> picture = np.zeros((48, 64, 3), np.uint8)
    >>> draw_dots(picture, np.array([[30.5, 20]]), [(0, 255, 0)], radius=2)
    >>> picture[20, 30]
    array([  0, 255,   0], dtype=uint8)
    """
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

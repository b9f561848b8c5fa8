"""The cut of a face that a network sees: the geometry of MMPose's TopdownAffine, in numpy.

(h, w) input of the network, in crop pixels; everything else is in photo pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np


class Crop(NamedTuple):
    """Where a crop lies in its photo.

    Attributes:
        center: (2,) x, y.
        extent: (2,) width and height, in photo pixels.
        size: (2,) w, h, in crop pixels.
        angle: Degrees, clockwise, by which the face is tilted and the crop with it.

    >>> crop = Crop.about(np.array([10, 20, 50, 60, 1.0]), (64, 64), 1.25)
    >>> crop.cut(np.zeros((90, 120, 3), np.uint8)).shape, crop.to_photo(np.array([32, 32]))
    ((64, 64, 3), array([30., 40.]))
    """

    center: np.ndarray
    extent: np.ndarray
    size: np.ndarray
    angle: float = 0.0

    @classmethod
    def about(cls, square: np.ndarray, size: tuple[int, int], padding: float) -> Crop:
        """Return the crop about a square, as `GetBBoxCenterScale` and `TopdownAffine` cut it.

        Args:
            square: left, top, right, bottom, score and, if known, the angle.
            size: w, h of the crop.
            padding: By which the square grows.

        >>> Crop.about(np.array([10, 20, 50, 60, 1.0]), (64, 128), 1.25).extent
        array([ 50., 100.])
        """
        # In float32, as MMPose: the last bits decide how OpenCV rounds a pixel.
        low, high = square[:4].astype(np.float32).reshape(2, 2)
        extent, sides = (high - low) * np.float32(padding), np.array(size, dtype=float)
        extent = (extent / sides).max() * sides  # grown to the crop's shape
        angle = float(square[5]) if len(square) > 5 else 0.0
        return cls((low + high) / 2, extent, sides, angle)

    def cut(self, photo: np.ndarray, span: np.ndarray | None = None) -> np.ndarray:
        """Return the pixels, (h, w, 3); black beyond the photo.

        Args:
            photo: (H, W, 3) uint8.
            span: Crop pixels that the extent covers: w, h, or for UDP w - 1, h - 1.
        """
        scale = (self.size if span is None else span) / self.extent
        turn = np.diag(scale) @ _turn(self.angle).T
        shift = scale * self.extent / 2 - turn @ self.center
        size = int(self.size[0]), int(self.size[1])
        return cv2.warpAffine(photo, np.column_stack((turn, shift)), size)

    def to_photo(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 2) of the crop in the photo, as MMPose's estimator does."""
        points = points / self.size * self.extent - self.extent / 2
        return points @ _turn(self.angle).T + self.center


def turn_about(points: np.ndarray, center: np.ndarray, angle: float) -> np.ndarray:
    """Return points (..., 2) turned clockwise about a centre (2,) by an angle in degrees.

    >>> turn_about(np.array([[9, 5]]), np.array([5, 5]), 90).round(6)
    array([[5., 9.]])
    """
    return (points - center) @ _turn(angle).T + center


def _turn(angle: float) -> np.ndarray:
    """Return the matrix that turns (x, y), y downwards, clockwise."""
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    return np.array([[cosine, -sine], [sine, cosine]])

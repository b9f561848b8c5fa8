"""What makes a face unusable, the same for converters and datasets.

Landmarks are ``(x, y)`` in photo pixels, 0-based: the centre of the top-left pixel is (0, 0).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

# How far a landmark may lie outside the photo. HELEN's annotators clamped to the border and went
# past it by up to one pixel (64 of 1537 real faces), so that is silent. A face cut by the border
# is worth a notice. Half a face outside is the annotation of another photo.
SILENT_OUTSIDE = 1.0  # px
LARGEST_OUTSIDE = 0.5  # of the landmark box's larger side


def landmark_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """Return the tight box ``(x1, y1, x2, y2)`` round points of shape (K, 2), in pixels."""
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def check_points(points: np.ndarray, width: int, height: int) -> str | None:
    """Return a notice if landmarks (K, 2) are cut by the border of a photo.

    Raises:
        ValueError: If one is not finite, all are in one line, or one is far outside.
    """
    if not np.isfinite(points).all():
        index = int(np.argwhere(~np.isfinite(points).all(axis=1))[0, 0])
        x, y = points[index]
        raise ValueError(f'landmark {index} is not finite: {x:g} {y:g}')
    x1, y1, x2, y2 = landmark_box(points)
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f'the face has no area: box {x1:g},{y1:g} to {x2:g},{y2:g}')
    outside = max(-x1, -y1, x2 - (width - 1), y2 - (height - 1))
    note = f'a landmark lies {outside:.4g} px outside the {width}x{height} photo'
    if outside > LARGEST_OUTSIDE * max(x2 - x1, y2 - y1):
        raise ValueError(f'{note}; it seems to belong to another photo')
    return f'{note}; kept' if outside > SILENT_OUTSIDE else None


def check_framing(framing: Mapping[str, Any]) -> None:
    """Refuse a box without area or with a number that is none.

    Args:
        framing: ``bbox`` and, where there are such, ``center``, ``scale`` and ``box_size``.

    Raises:
        ValueError: Saying what is wrong.
    """
    _, _, width, height = framing['bbox']
    lengths = [width, height, *(framing[k] for k in ('scale', 'box_size') if k in framing)]
    numbers = [*framing['bbox'], *framing.get('center', ()), *lengths]
    if not np.isfinite(numbers).all():
        raise ValueError(f'the face box is not finite: {numbers}')
    if min(lengths) <= 0:
        raise ValueError(f'the face box has no area: {width:g} x {height:g} px')

"""Face boxes: given by the user, or compared with each other.

N faces. A user's box is (x, y, w, h), drawn round the landmarks. Inside it is (left, top, right,
bottom, score) in photo pixels, and a sixth number is the face's angle, see `crop.Crop`. The models
are trained on the square about the landmarks' box, of its larger side: `squares` returns it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from .errors import InputError

HINT = 'a box is x,y,w,h in pixels, round the landmarks: from brows to chin, from ear to ear'


def squares(boxes: np.ndarray) -> np.ndarray:
    """Return the squares (N, 5) about boxes (N, 5), of their larger sides.

    >>> squares(np.array([[0, 0, 4, 2, 0.9]])).tolist()
    [[0.0, -1.0, 4.0, 3.0, 0.9]]
    """
    centers, sides = centers_and_sides(boxes)
    return from_centers(centers, sides, boxes[:, 4:])


def centers_and_sides(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres (N, 2) and the larger sides (N,) of boxes (N, 4 or more).

    >>> centers_and_sides(np.array([[0, 0, 4, 2, 0.9]]))
    (array([[2., 1.]]), array([4.]))
    """
    low, high = boxes[:, :2], boxes[:, 2:4]
    return (low + high) / 2, (high - low).max(axis=1, initial=0)


def from_centers(centers: np.ndarray, sides: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return squares from centres (N, 2), sides (N,), and scores (N,) or, with angles, (N, 2).

    >>> from_centers(np.array([[2, 1]]), np.array([4]), np.array([0.9])).tolist()
    [[0.0, -1.0, 4.0, 3.0, 0.9]]
    """
    half = sides[:, None] / 2
    return np.column_stack((centers - half, centers + half, rest))


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersections over unions (N, M) of boxes (N, 4 or more) and (M, 4 or more).

    >>> overlaps(np.array([[0, 0, 4, 2]]), np.array([[0, 0, 4, 2], [2, 0, 4, 2], [4, 0, 8, 2]]))
    array([[1. , 0.5, 0. ]])
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:4], second[None, :, 2:4])
    overlap = (high - low).clip(0).prod(axis=-1)
    areas = [(boxes[:, 2:4] - boxes[:, :2]).prod(axis=-1) for boxes in (first, second)]
    return overlap / np.maximum(areas[0][:, None] + areas[1] - overlap, 1e-9)


class UserBoxes:
    """Boxes that the user gives, in the place of a detector.

    Args:
        text: `x,y,w,h` for the one face of every picture, or a JSON file: either a list of
            `[x, y, w, h]` for every picture, or a dict of such lists by the picture's file name
            (of a video by the number of the frame, from 0).

    Raises:
        InputError: If that is not what is given.

    >>> UserBoxes('10,20,50,60')('a.jpg', (480, 640)).tolist()
    [[10.0, 20.0, 60.0, 80.0, 1.0]]
    """

    def __init__(self, text: str):
        self._taken: set[str] = set()
        if not text.lower().endswith('.json'):
            self.boxes: dict | np.ndarray = to_boxes([text.split(',')], '--boxes')
            return
        try:
            content = json.loads(Path(text).read_text(encoding='utf-8-sig'))
        except (OSError, ValueError) as error:
            raise InputError(f'{text}: no readable JSON ({error}); see docs/demo.md') from error
        if isinstance(content, dict):
            self.boxes = {key: to_boxes(rows, f'{text}, {key}') for key, rows in content.items()}
        else:
            self.boxes = to_boxes(content, text)

    def __call__(self, name: str, size: tuple[int, int]) -> np.ndarray:
        """Return the boxes (N, 5) of a picture of that size (h, w), none if it is not listed.

        Raises:
            InputError: If a box is wholly outside the picture.
        """
        self._taken.add(name)
        boxes = self.boxes
        if isinstance(boxes, dict):
            boxes = boxes.get(name, np.zeros((0, 5)))
        return refuse_outside(boxes, name, size)

    def unused(self) -> list[str]:
        """Return the names in the file that matched no picture."""
        if not isinstance(self.boxes, dict):
            return []
        return [name for name in self.boxes if name not in self._taken]


def to_boxes(rows: object, where: str) -> np.ndarray:
    """Check a user's `[[x, y, w, h], ...]` and return it as (N, 5), every score 1.

    Raises:
        InputError: If it is something else; the message begins with `where`.

    >>> to_boxes([[10, 20, 50, 60]], 'boxes').tolist()
    [[10.0, 20.0, 60.0, 80.0, 1.0]]
    """
    if isinstance(rows, np.ndarray):
        rows = rows.tolist()
    if not isinstance(rows, list | tuple):
        raise InputError(f'{where}: a list of boxes expected; {HINT}')
    boxes = []
    for row in rows:
        try:
            if isinstance(row, str):  # '1234' has four characters, too
                raise TypeError
            x, y, width, height = (float(number) for number in row)
        except (TypeError, ValueError):
            flat = len(rows) == 4 and all(isinstance(number, int | float) for number in rows)
            hint = f'a list of boxes: {[[*rows]]}' if flat else HINT
            raise InputError(f'{where}: {row!r} is no box; {hint}') from None
        if not (math.isfinite(x + y + width + height) and min(width, height) > 0):
            raise InputError(f'{where}: {row!r} has no area; {HINT}')
        if max(width, height) <= 1:
            raise InputError(f'{where}: {row!r} is smaller than a pixel; boxes are in pixels')
        boxes.append([x, y, x + width, y + height, 1.0])
    return np.array(boxes, dtype=np.float64).reshape(-1, 5)


def refuse_outside(boxes: np.ndarray, name: str, size: tuple[int, int]) -> np.ndarray:
    """Return the boxes (N, 5) of a picture of that size (h, w).

    Raises:
        InputError: If one is wholly outside.

    >>> refuse_outside(np.array([[70, 20, 90, 40, 1.0]]), 'a.jpg', (48, 64))
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: a.jpg: box 70,20,20,20 is outside its 64 x 48 pixels; ...
    """
    height, width = size
    outside = (boxes[:, 2:4] <= 0).any(axis=1) | (boxes[:, :2] >= (width, height)).any(axis=1)
    if outside.any():
        left, top, right, bottom = boxes[outside][0, :4]
        box = ','.join(f'{v:g}' for v in (left, top, right - left, bottom - top))
        raise InputError(f'{name}: box {box} is outside its {width} x {height} pixels; {HINT}')
    return boxes

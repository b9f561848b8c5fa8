"""Boxes of the project's face detector for annotated faces, as `FaceAligner` will have them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import read_bgr

Detect = Callable[[np.ndarray], np.ndarray]
FEWEST_FOUND = 0.5  # of the faces; with fewer the detector's boxes tell little


def detector_boxes(faces: Sequence[tuple[Path, np.ndarray]], detect: Detect) -> list[list[float]]:
    """Return each face's box (x, y, w, h); a face not found gets it from the others' median.

    A face is its photo and its annotated landmarks (n, 2), n >= 1, 0-based pixels. `detect` is what
    `build_detector` returns. Raises `InputError` if fewer than half of the faces are found.
    """
    found = [_find(*face, detect) for face in tqdm(faces, 'detecting', disable=None)]
    places = [_middle(points) for _, points in faces]
    # Where the square's middle lies and how large it is, in the landmarks' own larger side.
    rules = [
        [*((box[:2] + box[2:]) / 2 - middle) / side, (box[2] - box[0]) / side]
        for (middle, side), box in zip(places, found, strict=True)
        if box is not None
    ]
    if len(rules) < max(FEWEST_FOUND * len(faces), 1):
        raise InputError(
            f'the detector finds {len(rules)} of {len(faces)} faces; use --boxes landmarks'
        )
    *shift, scale = np.median(rules, axis=0)
    boxes = []
    for (middle, side), box in zip(places, found, strict=True):
        if box is None:
            middle, half = middle + np.array(shift) * side, scale * side / 2
            box = np.concatenate([middle - half, middle + half])
        boxes.append([*box[:2].tolist(), *(box[2:] - box[:2]).tolist()])
    return boxes


def _find(path: Path, known: np.ndarray, detect: Detect) -> np.ndarray | None:
    """Return the corners (4,) of the square that holds most, and over half, of the landmarks."""
    squares = detect(read_bgr(path))
    inside = (known[:, None] >= squares[:, :2]) & (known[:, None] <= squares[:, 2:4])
    ratios = inside.all(axis=2).mean(axis=0)
    return squares[ratios.argmax(), :4] if (ratios > 0.5).any() else None


def _middle(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the centre and the larger side of the landmarks' box, at least a pixel."""
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, max(float((high - low).max()), 1.0)

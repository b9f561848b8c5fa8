"""Face detectors that bring their weights with their package, and no compiled mmcv.

N faces; a box is (left, top, right, bottom, score) in photo pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mhhn_landmarks.boxes import from_centers, overlaps
from mhhn_landmarks.errors import InputError

LONGEST = 640  # pixels of a picture's longer side that MTCNN sees
SMALLEST = 20  # pixels of a face's side, MTCNN's default
INSTALL = (
    'run: pip install --no-deps facenet-pytorch==2.6.0 && pip install requests'
    ' (or give --boxes; with OpenCV 4 there is --detector haar too)'
)


class Calibration(NamedTuple):
    """From a detector's box to the square about the landmarks' box, in shares of its side.

    Attributes:
        right: How far the square's centre is to the right.
        down: How far it is below.
        scale: Its side.
    """

    right: float
    down: float
    scale: float


# Medians over 60 of HELEN's training faces (of which Haar found 50), see docs/demo.md. Schemes
# without a jaw line, COFW's and AFLW's, have a smaller box: of points 17 to 67 and the chin's, 8.
CALIBRATIONS: dict[str, dict[bool, Calibration]] = {
    'mtcnn': {True: Calibration(0.014, 0.141, 0.933), False: Calibration(0.004, 0.139, 0.864)},
    'haar': {True: Calibration(0.008, 0.140, 0.912), False: Calibration(0.004, 0.143, 0.831)},
}
WITHOUT_JAW = (19, 29)  # numbers of landmarks
DETECTORS = tuple(CALIBRATIONS)
Detect = Callable[[np.ndarray], np.ndarray]


def build_detector(name: str, num_landmarks: int, device: str | None = None) -> Detect:
    """Return a detector: from a picture, BGR (h, w, 3) uint8, to squares (N, 5), best first.

    Args:
        name: One of `DETECTORS`.
        num_landmarks: Of the model, whose scheme tells what a face's box is.
        device: Where MTCNN runs; None for the CPU.

    Raises:
        InputError: If the detector is not installed.
    """
    detect = _mtcnn(device or 'cpu') if name == 'mtcnn' else _haar()
    calibration = CALIBRATIONS[name][num_landmarks not in WITHOUT_JAW]

    def calibrated(picture: np.ndarray) -> np.ndarray:
        boxes = detect(picture)
        boxes = calibrate(boxes[np.argsort(-boxes[:, 4])], calibration)
        return boxes[_first_of_each(boxes)]

    return calibrated


def calibrate(boxes: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return the squares (N, 5) about the landmarks of detected boxes (N, 5).

    A detected box counts by its centre and by the square root of its area.
    """
    low, high = boxes[:, :2], boxes[:, 2:4]
    sides = np.sqrt((high - low).clip(0).prod(axis=1))
    shift = np.array([calibration.right, calibration.down])
    centers = (low + high) / 2 + shift * sides[:, None]
    return from_centers(centers, sides * calibration.scale, boxes[:, 4])


def _first_of_each(boxes: np.ndarray) -> list[int]:
    """Return which of the boxes (N, 5), best first, are no second ones of the same face."""
    kept: list[int] = []
    for index in range(len(boxes)):
        if not kept or overlaps(boxes[index : index + 1], boxes[kept]).max() < 0.4:
            kept.append(index)
    return kept


def _mtcnn(device: str) -> Detect:
    """MTCNN, whose weights are in the package facenet-pytorch."""
    try:
        from facenet_pytorch import MTCNN
    except ImportError as error:
        raise InputError(f'the face detector does not load ({error}); {INSTALL}') from error
    network = MTCNN(keep_all=True, min_face_size=SMALLEST, device=device)

    def detect(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        shrink = min(1.0, LONGEST / max(height, width))
        size = max(round(width * shrink), 1), max(round(height * shrink), 1)
        if min(size) < SMALLEST:
            return np.zeros((0, 5))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        found, scores = network.detect(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        if found is None:
            return np.zeros((0, 5))
        # Pixel edges, so that a shrunk picture's faces are where the whole one's are.
        ratio = np.tile([width / size[0], height / size[1]], 2)
        return np.c_[(found + 0.5) * ratio - 0.5, scores].astype(np.float64)

    return detect


def _haar() -> Detect:
    """OpenCV's own cascade, which its wheels bring up to version 4."""
    folder = Path(cv2.__file__).parent / 'data'
    file = folder / 'haarcascade_frontalface_alt2.xml'
    if not file.is_file() or not hasattr(cv2, 'CascadeClassifier'):
        raise InputError(f'OpenCV {cv2.__version__} has no cascade any more; {INSTALL}')
    cascade = cv2.CascadeClassifier(str(file))

    def detect(picture: np.ndarray) -> np.ndarray:
        grey = cv2.equalizeHist(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
        found, _, weights = cascade.detectMultiScale3(grey, 1.1, 3, outputRejectLevels=True)
        boxes = np.array(found, dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return np.c_[boxes, np.ravel(weights)[: len(boxes)]]

    return detect

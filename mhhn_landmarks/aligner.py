"""From a photo to the landmarks of its faces, by an ONNX file.

N faces, K landmarks, (h, w) crop; points are (x, y) in photo pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .boxes import refuse_outside, squares, to_boxes
from .crop import Crop
from .detector import DETECTORS, Detect, build_detector, detect_turned
from .errors import InputError
from .models import DEFAULT, onnx_file
from .photos import read_bgr
from .sessions import open_session

MIN_SCORE = 0.6  # of a detected face, see docs/demo.md
# Mean scores of landmarks, see docs/demo.md: upright faces have at least UPRIGHT, upside-down ones
# less than SURE.
SURE, UPRIGHT = 0.93, 0.78
NEEDED = ('input_size', 'crop_span', 'padding', 'num_landmarks')  # in an ONNX file's metadata


class Face(NamedTuple):
    """What a model says of one face.

    Attributes:
        box: (4,) x, y, w, h: the square that was taken for the face, before it was padded.
        points: Landmarks (K, 2), photo pixels; pixel centres are whole numbers.
        scores: Confidences (K,), 0 to 1.
        box_score: The detector's; 1 for a box of the user.
        crop: What the network saw.
        heatmaps: The network's output (K, H, W), if asked for; a tensor.

    >>> crop = Crop(np.array([32, 24]), np.array([40, 40]), np.array([64, 64]), angle=10.0)
    >>> Face(np.array([12, 4, 40, 40]), np.array([[30.5, 20]]), np.ones(1), 1.0, crop).angle
    10.0
    """

    box: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    box_score: float
    crop: Crop
    heatmaps: Any = None

    @property
    def angle(self) -> float:
        """Degrees, clockwise, by which the face is tilted and its box turned about its centre."""
        return self.crop.angle


class Aligner:
    """Finds faces in photos and their landmarks; `align`, of a subclass, runs the model.

    Args:
        detector: One of `DETECTORS`.
        min_score: Detected faces of a smaller mean score are left out; 0 keeps all.

    >>> aligner = OnnxAligner('tiny')  # a subclass
    >>> len(aligner(np.zeros((90, 120, 3), np.uint8), boxes=[[10, 20, 50, 60]]))
    1
    """

    num_landmarks: int

    def __init__(self, detector: str = DETECTORS[0], min_score: float = MIN_SCORE):
        self.detector, self.min_score = detector, min_score

    def __call__(self, photo: str | Path | np.ndarray, boxes: Any = None) -> list[Face]:
        """Find the landmarks of a photo's faces.

        Args:
            photo: A path, or pixels: BGR (H, W, 3) uint8.
            boxes: (N, 4) x, y, w, h round the landmarks, in place of the detector.

        Returns:
            The faces, those of which the detector is surest first; with boxes, one for each.

        Raises:
            InputError: If the photo or a box cannot be used.
        """
        pixels = to_pixels(photo)
        if boxes is None:
            return self.upright(pixels, self._at(pixels, self.detect(pixels)))
        user_boxes = to_boxes(boxes, 'boxes')
        refuse_outside(user_boxes, 'boxes', (pixels.shape[0], pixels.shape[1]))
        return self.align([(pixels, place) for place in squares(user_boxes)])

    @cached_property
    def detect(self) -> Detect:
        """From pixels to the places of faces, see `detector`."""
        return build_detector(self.detector, self.num_landmarks)

    def upright(self, photo: np.ndarray, faces: list[Face]) -> list[Face]:
        """Return the faces of the rotation of a photo that has more or higher-scoring ones.

        Upside-down faces are found with wrong points, or not. A photo without any face, or whose
        best score is below `SURE`, is rotated by 90, 180 and 270 degrees, another one by its best
        face's tilt. The detector chooses among them, and must be surer than of the photo as it is.

        Args:
            photo: BGR (H, W, 3) uint8.
            faces: As found in the photo as it is.
        """
        surest = max(faces, key=_mean_score, default=None)
        if surest is None or _mean_score(surest) < SURE:
            turns = [90, 180, 270]
        else:
            turns = [90 * round(surest.crop.angle / 90)]
        rotated = [detect_turned(self.detect, photo, turn) for turn in turns if turn]
        best = max(rotated, key=_box_score, default=np.zeros((0, 6)))
        if _box_score(best) <= max((face.box_score for face in faces), default=0.0):
            return faces
        found = self._at(photo, best)
        return found if _worth(found) > max(_worth(faces), (1, 0.0)) else faces

    def _at(self, photo: np.ndarray, places: np.ndarray) -> list[Face]:
        return self.keep(self.align([(photo, place) for place in places]))

    def keep(self, faces: Sequence[Face]) -> list[Face]:
        """Return the faces whose mean score is at least `min_score`."""
        return [face for face in faces if face.scores.mean() >= self.min_score]

    def align(
        self, places: Sequence[tuple[np.ndarray, np.ndarray]], batch_size: int = 32
    ) -> list[Face]:
        """Find the landmarks of faces whose places are known, of several photos at once.

        Args:
            places: Of each face its photo, BGR (H, W, 3) uint8, and its square (5 or 6,), see
                `boxes`.
            batch_size: Faces that go through the model at once.
        """
        raise NotImplementedError


def _box_score(places: np.ndarray) -> float:
    """Return the detector's best score of places (N, 6)."""
    return float(places[:, 4].max(initial=0.0))


def _mean_score(face: Face) -> float:
    return float(face.scores.mean())


def _worth(faces: Sequence[Face]) -> tuple[int, float]:
    """Return how many faces are the right way up, by their scores, and the best score."""
    scores = [_mean_score(face) for face in faces]
    return sum(score >= UPRIGHT for score in scores), max(scores, default=0.0)


class OnnxAligner(Aligner):
    """An ONNX file of tools/deployment/export_onnx.py, with a face detector.

    Args:
        model: A model that ships, 'tiny' or 'best', or a file.
        detector: As for `Aligner`.
        min_score: As for `Aligner`.
        threads: Of onnxruntime; 0 for its own choice.

    Raises:
        InputError: If there is no such file, or it cannot be used.

    >>> faces = OnnxAligner('tiny')('docs/images/astronaut.jpg')
    >>> len(faces), faces[0].points.shape, round(faces[0].angle)
    (1, (68, 2), 5)
    """

    def __init__(
        self,
        model: str | Path = DEFAULT,
        detector: str = DETECTORS[0],
        min_score: float = MIN_SCORE,
        threads: int = 0,
    ):
        super().__init__(detector, min_score)
        path = onnx_file(model)
        self.session = open_session(path, threads)
        facts = self.session.get_modelmeta().custom_metadata_map
        if missing := [name for name in NEEDED if name not in facts]:
            raise InputError(
                f'{path}: not a file of tools/deployment/export_onnx.py (no {missing[0]} in it)'
            )
        width, height = (int(side) for side in facts['input_size'].split())
        self.size = width, height
        self.span = np.array([float(side) for side in facts['crop_span'].split()])
        self.padding = float(facts['padding'])
        self.num_landmarks = int(facts['num_landmarks'])

    def align(
        self, places: Sequence[tuple[np.ndarray, np.ndarray]], batch_size: int = 32
    ) -> list[Face]:
        """Find the landmarks of faces whose places are known; see `Aligner.align`."""
        found = []
        for start in range(0, len(places), batch_size):
            part = places[start : start + batch_size]
            crops = [Crop.about(square, self.size, self.padding) for _, square in part]
            pairs = zip(crops, part, strict=True)
            pixels = [crop.cut(photo, self.span).transpose(2, 0, 1) for crop, (photo, _) in pairs]
            points, scores = self.session.run(None, {'crops': np.stack(pixels)})
            for crop, (_, square), xy, score in zip(crops, part, points, scores, strict=True):
                found.append(to_face(square, crop.to_photo(xy), score, crop))
        return found


def to_face(
    square: np.ndarray, points: np.ndarray, scores: np.ndarray, crop: Crop, heatmaps: Any = None
) -> Face:
    """Return a face from its square (5 or 6,) and what a model says of it.

    >>> square = np.array([10, 20, 50, 60, 0.9])
    >>> crop = Crop.about(square, (64, 64), 1.25)
    >>> to_face(square, np.array([[30.5, 40]]), np.ones(1), crop).box
    array([10., 20., 40., 40.])
    """
    box = np.r_[square[:2], square[2:4] - square[:2]]
    return Face(box, points, scores, float(square[4]), crop, heatmaps)


def to_pixels(photo: Any) -> np.ndarray:
    """Return BGR pixels (H, W, 3) uint8 of a path or of such pixels.

    Raises:
        InputError: If it is something else; the message says what to give.

    >>> to_pixels(np.zeros((4, 6)))
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: grey pixels of shape (4, 6): give BGR, cv2.cvtColor(pixels, \
cv2.COLOR_GRAY2BGR)
    """
    if isinstance(photo, str | Path):
        if Path(photo).is_dir():
            raise InputError(f'{photo}: a folder; give one photo, or run: mhhn-landmarks {photo}')
        return read_bgr(photo)
    if isinstance(photo, list | tuple):
        raise InputError('a list where one photo is meant: [aligner(photo) for photo in photos]')
    if not isinstance(photo, np.ndarray):
        hint = ''
        if hasattr(photo, 'convert'):  # Pillow's
            hint = ", such as np.array(image.convert('RGB'))[..., ::-1]"
        kind = type(photo).__name__
        raise InputError(f'{kind}: give a path or pixels, a BGR array (H, W, 3) of uint8{hint}')
    shape = photo.shape
    if photo.ndim == 2 or (photo.ndim == 3 and shape[2] == 1):
        to_bgr = 'cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)'
        raise InputError(f'grey pixels of shape {shape}: give BGR, {to_bgr}')
    if photo.ndim == 4:
        raise InputError(f'{len(photo)} pictures, shape {shape}: give one after another')
    if photo.ndim != 3 or shape[2] != 3 or not photo.size:
        remedy = {4: 'pixels[..., :3]'}.get(shape[-1] if photo.ndim == 3 else 0)
        if photo.ndim == 3 and shape[0] == 3:
            remedy = 'pixels.transpose(1, 2, 0)'
        hint = f', {remedy}' if remedy else ''
        raise InputError(f'pixels of shape {shape}: give BGR (H, W, 3){hint}')
    if photo.dtype != np.uint8:
        scaled = 'pixels' if photo.max() > 1 else '(pixels * 255)'
        hint = f', {scaled}.astype(np.uint8)' if photo.dtype.kind == 'f' else ''
        raise InputError(f'pixels of {photo.dtype}: give uint8, 0 to 255{hint}')
    return photo

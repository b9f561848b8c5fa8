"""COCO-style records of faces by the rules of MMPose's published annotations; photos; problems.

Landmarks are ``(x, y)`` in photo pixels, 0-based: the centre of the top-left pixel is (0, 0).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from tqdm import tqdm

from mhhn_landmarks.annotations import landmark_box
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import EXIF_ORIENTATION, LARGEST_SIDE, read_photo

PIXEL_STD = 200.0  # MMPose's face datasets multiply `scale` by it
BOX_MARGIN = 0.1  # of the landmark box's width and height, added on each side of `bbox`

T = TypeVar('T')


class BadSampleError(InputError):
    """One face cannot be converted; the message is one line: file, line or index, what to do."""

    def __init__(self, where: str | Path, reason: str, line: int | None = None):
        super().__init__(f'{where}:{line}: {reason}' if line else f'{where}: {reason}')


@dataclass
class Problems:
    """What went wrong (``errors``: a face was lost) and what looks odd (``warnings``)."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def compare(self, where: str | Path, found: int, official: int, what: str = 'faces') -> None:
        """Note that a set has another size than the official one."""
        if found != official:
            self.warnings.append(
                f'{where}: {found} {what}, the official set has {official};'
                ' scores are not comparable with published ones'
            )


def landmark_framing(points: np.ndarray, width: int, height: int) -> dict[str, Any]:
    """Return ``bbox``, ``area``, ``center`` and ``scale`` by the rule of MMPose's annotations.

    ``bbox`` is the landmark box, grown by 10% a side and clipped to the photo; landmarks in one row
    or column of pixels get a square. ``center`` (px) and ``scale`` (200 px) are those of the
    landmark box grown to whole pixels, the scale by its larger side.

    Args:
        points: Landmarks (K, 2), 0-based photo pixels.
        width: Photo width in pixels.
        height: Photo height in pixels.
    """
    x1, y1, x2, y2 = landmark_box(points)
    low, high = np.array([x1, y1]), np.array([x2, y2])
    first, last = np.floor(low), np.ceil(high)
    center, scale = ((first + last) / 2).tolist(), float((last - first).max()) / PIXEL_STD
    if x1 == x2 or y1 == y2:
        middle, half = (low + high) / 2, (high - low).max() / 2
        low, high = middle - half, middle + half
    margin = BOX_MARGIN * (high - low)
    low, high = np.maximum(low - margin, 0.0), np.minimum(high + margin, (width, height))
    bbox = [*low.tolist(), *(high - low).tolist()]
    return dict(bbox=bbox, area=bbox[2] * bbox[3], center=center, scale=scale)


def box_framing(box: Sequence[float]) -> dict[str, Any]:
    """Return ``bbox``, ``area``, ``center`` and ``scale`` of a given box ``(x, y, w, h)``.

    >>> box_framing((10, 20, 100, 80))['center'], box_framing((10, 20, 100, 80))['scale']
    ([60.0, 60.0], 0.5)
    """
    x, y, width, height = map(float, box)
    center = [x + width / 2, y + height / 2]
    scale = max(width, height) / PIXEL_STD
    return dict(bbox=[x, y, width, height], area=width * height, center=center, scale=scale)


def face_annotation(
    points: np.ndarray,
    framing: Mapping[str, Any],
    sample_id: int,
    image_id: int,
    visible: np.ndarray | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Build one face's annotation in the form of MMPose's published face annotations.

    Args:
        points: Landmarks (K, 2), 0-based photo pixels; those not annotated are written as (0, 0).
        framing: Where the face is: ``bbox``, ``area`` and whatever else the dataset's class reads.
        sample_id: The annotation's id.
        image_id: The photo's id.
        visible: COCO's flags (K,): 0 not annotated, 1 annotated, 2 and not hidden. Default: all 1.
        **extra: Further entries, such as ``subsets``.
    """
    visible = np.ones(len(points), dtype=int) if visible is None else np.asarray(visible)
    points = np.where(visible[:, None] > 0, points, 0.0)
    keypoints = np.column_stack([points, visible]).tolist()
    return dict(
        id=sample_id,
        image_id=image_id,
        category_id=1,
        keypoints=[value for landmark in keypoints for value in landmark],
        num_keypoints=int(np.count_nonzero(visible)),
        iscrowd=0,
        **framing,
        **extra,
    )


def coco_dict(
    images: Sequence[dict], annotations: Sequence[dict], description: str
) -> dict[str, Any]:
    """Put images and annotations together with the one category every face dataset has."""
    face = dict(id=1, name='face', supercategory='person', keypoints=[], skeleton=[])
    return dict(
        info=dict(description=description),
        categories=[face],
        images=list(images),
        annotations=list(annotations),
    )


def photo_size(path: Path) -> tuple[int, int]:
    """Return a photo's ``(width, height)`` in pixels as `read_photo`, and so MMPose, loads it.

    The whole file is read, since a header says nothing of a truncated body. JPEGs are decoded at
    an eighth of their size, which finds the same faults: 17 ms for 6 megapixels instead of 99.

    Raises:
        InputError: If the file is no JPEG or PNG, is truncated, damaged or too large.
    """
    try:
        with Image.open(path, formats=('JPEG', 'PNG')) as photo:
            turned = photo.getexif().get(EXIF_ORIENTATION, 1) != 1
            if photo.format == 'JPEG' and not turned and max(photo.size) <= LARGEST_SIDE:
                width, height = photo.size
                photo.draft('L', (max(width // 8, 1), max(height // 8, 1)))
                photo.load()
                return width, height
    except Image.DecompressionBombError as error:
        raise BadSampleError(path, f'the photo is too large ({error}); scale it') from error
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError and others here
        raise BadSampleError(
            path, f'unreadable photo ({first_line(error)}); unpack it again'
        ) from error
    # Which turns cv2 makes, and what it forgives in a PNG, is its own business.
    height, width = read_photo(path).shape[:2]
    return width, height


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says, or its kind if it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def with_progress(items: Sequence[T], label: str) -> 'tqdm[T]':
    """Yield the items; where stderr is a terminal, show there how many are done."""
    return tqdm(items, label, disable=None)

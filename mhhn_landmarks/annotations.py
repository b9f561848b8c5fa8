"""COCO-style annotation files of faces: one reader, and what makes a file or a face unusable.

Landmarks are `(x, y)` in photo pixels, 0-based: the centre of the top-left pixel is (0, 0).
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from .errors import InputError

MOST_LISTED = 10  # faults that an error lists
# How far a landmark may lie outside the photo. HELEN's annotators clamped to the border and went
# past it by up to one pixel (64 of 1537 real faces), so that is silent. A face cut by the border
# is worth a notice. Half a face outside is the annotation of another photo.
SILENT_OUTSIDE = 1.0  # px
LARGEST_OUTSIDE = 0.5  # of the landmark box's larger side


def read_annotation_file(path: str | Path) -> dict[str, Any]:
    """Read a COCO-style file.

    Returns:
        Its content: at least the lists `images` and `annotations`, the latter not empty.

    Raises:
        InputError: If that is not what the file holds.

    >>> read_annotation_file('a.json')
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: a.json: no annotation file (No such file or directory); ...
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except OSError as error:
        raise InputError(f'{path}: no annotation file ({error.strerror}); convert it') from error
    except ValueError as error:  # UnicodeDecodeError among them
        raise InputError(f'{path}: no JSON ({error}); convert again') from error
    lists = [content.get(k) for k in ('images', 'annotations')] if isinstance(content, dict) else []
    if not lists or not all(
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in lists
    ):
        raise InputError(f"{path}: no lists 'images' and 'annotations' of objects; convert again")
    if not content['annotations']:
        raise InputError(f'{path}: no face in it; an empty split cannot be used')
    return content


def record_faults(content: dict[str, Any]) -> list[str]:
    """Return what is wrong with ids and photo records; each names an annotation or image.

    MMPose would take the last one of equal ids for all of them, and leave out the faces of a photo
    that is not listed.

    >>> image = dict(id=1, file_name='a.jpg', width=64, height=48)
    >>> record_faults(dict(images=[image], annotations=[dict(id=7, image_id=2, keypoints=[])]))
    ['annotation 7: there is no image 2']
    """
    images, annotations = content['images'], content['annotations']
    needed = ['image_id', 'keypoints', *(['category_id'] if 'categories' in content else [])]
    known = {repr(image.get('id')) for image in images}
    faults = [f'image {i.get("id")!r}: {r}' for i in images if (r := _image_fault(i))]
    for annotation in annotations:
        reasons = [f'misses {key!r}' for key in needed if key not in annotation]
        if not isinstance(annotation.get('id'), int):
            reasons.append('the id is no whole number')
        if not reasons and repr(annotation['image_id']) not in known:
            reasons.append(f'there is no image {annotation["image_id"]!r}')
        faults += [f'annotation {annotation.get("id")!r}: {reason}' for reason in reasons]
    for name, records in (('image', images), ('annotation', annotations)):
        counts = Counter(repr(record.get('id')) for record in records)
        faults += [f'{name} {i}: {n} of them have this id' for i, n in counts.items() if n > 1]
    return faults


def _image_fault(image: dict[str, Any]) -> str | None:
    """Return what is wrong with a photo's record."""
    if not isinstance(image.get('id'), int):
        return 'the id is no whole number'
    name, width, height = (image.get(key) for key in ('file_name', 'width', 'height'))
    if not isinstance(name, str) or not name:
        return f'no file_name, but {name!r}'
    if not all(isinstance(side, int | float) and side > 0 for side in (width, height)):
        return f'{name} is {width!r} x {height!r} px'
    if not isinstance(image.get('crc32', 0), int):
        return f'{name} has the crc32 {image["crc32"]!r}, which is no whole number'
    return None


def refuse(path: str | Path, faults: list[str]) -> None:
    """Raise if there are faults.

    Raises:
        InputError: One line of count and remedy, then the first `MOST_LISTED` faults.

    >>> refuse('a.json', ["annotation 7: misses 'image_id'", 'annotation 8: there is no image 2'])
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: a.json: 2 faults; mend them, or convert again with --skip-bad
      annotation 7: misses 'image_id'
      annotation 8: there is no image 2
    """
    if faults:
        listed = ''.join(f'\n  {fault}' for fault in faults[:MOST_LISTED])
        more = len(faults) - MOST_LISTED
        raise InputError(
            f'{path}: {len(faults)} faults; mend them, or convert again with --skip-bad{listed}'
            + (f'\n  and {more} more: tools/misc/check_dataset.py lists them' if more > 0 else '')
        )


def landmark_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """Return the tight box `(x1, y1, x2, y2)` round points of shape (K, 2), in pixels.

    >>> landmark_box(np.array([(3.0, 4.0), (1.0, 9.5)]))
    (1.0, 4.0, 3.0, 9.5)
    """
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def check_points(points: np.ndarray, width: int, height: int, face_side: float = 0.0) -> str | None:
    """Return a notice if landmarks are cut by the border of a photo.

    Args:
        points: Annotated landmarks (K, 2) of a face, K >= 1.
        width: Of the photo, in pixels.
        height: Of the photo.
        face_side: Longer side of the face's box, where it is known from elsewhere.

    Raises:
        ValueError: If a landmark is not finite, several are all in one place, or one lies outside
            the photo by more than half the face.

    >>> check_points(np.array([(-3.0, 5.0), (30.0, 5.0)]), 40, 40)
    'a landmark lies 3 px outside the 40x40 photo; kept'
    """
    if not np.isfinite(points).all():
        index = int(np.argwhere(~np.isfinite(points).all(axis=1))[0, 0])
        x, y = points[index]
        raise ValueError(f'landmark {index} is not finite: {x:g} {y:g}')
    x1, y1, x2, y2 = landmark_box(points)
    if len(points) > 1 and x1 == x2 and y1 == y2:
        raise ValueError(f'all {len(points)} landmarks are in one place: {x1:g} {y1:g}')
    outside = max(-x1, -y1, x2 - (width - 1), y2 - (height - 1))
    note = f'a landmark lies {outside:.4g} px outside the {width}x{height} photo'
    if outside > LARGEST_OUTSIDE * max(x2 - x1, y2 - y1, face_side):
        raise ValueError(f'{note}; it seems to belong to another photo')
    return f'{note}; kept' if outside > SILENT_OUTSIDE else None


def check_framing(framing: Mapping[str, Any]) -> None:
    """Refuse a box without area or with a number that is none.

    Args:
        framing: `bbox` and, where there are such, `center`, `scale` and `box_size`.

    Raises:
        ValueError: Saying what is wrong.

    >>> check_framing(dict(bbox=[10, 20, 50, 0]))
    Traceback (most recent call last):
    ValueError: the face box has no area: 50 x 0 px
    """
    _, _, width, height = framing['bbox']
    lengths = [width, height, *(framing[k] for k in ('scale', 'box_size') if k in framing)]
    numbers = [*framing['bbox'], *framing.get('center', ()), *lengths]
    if not np.isfinite(numbers).all():
        raise ValueError(f'the face box is not finite: {numbers}')
    if min(lengths) <= 0:
        raise ValueError(f'the face box has no area: {width:g} x {height:g} px')


def is_photo(path: str | Path, file_name: str) -> bool:
    """Return whether a path ends in a photo's `file_name`, as an annotation file has it.

    Whole names are compared, and `.` and doubled slashes do not count.

    >>> is_photo('data/images/a/1.jpg', './a//1.jpg'), is_photo('data/11.jpg', '1.jpg')
    (True, False)
    """
    name = PurePosixPath(file_name).parts
    return bool(name) and Path(path).parts[-len(name) :] == name

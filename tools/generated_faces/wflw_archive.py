"""Generated faces on disk, laid out as the original WFLW archives unpack."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from .archive_folder import archive_folder
from .params import Face
from .render import render
from .sampling import random_face
from .schemes import landmarks, occluded

PHOTOS = 'WFLW_images'
LISTS = 'WFLW_annotations/list_98pt_rect_attr_train_test'
SPLITS = ('train', 'test')

# Of every four faces the first two share a photo, the others have their own.
EVENTS = (('12--Group', 2), ('0--Parade', 1), ('37--Soccer', 1))

# From where on an attribute is 1. WFLW's were judged by people and have no threshold; with these
# 19 to 40% of the faces carry each (of 150: pose 19, occlusion 40).
LARGE_YAW = 30.0  # degrees
STRONG_EXPRESSION = 0.9  # of a muscle's full strength
HARSH_LIGHT = 0.6  # contrast between the lit and the dark side
ODD_EXPOSURE = 0.3  # of |ln gamma|
MANY_HIDDEN = 0.1  # of the landmarks; hair covers an end of nearly every jaw line
STRONG_BLUR = 0.8  # px


def wflw_face(split: str, number: int, seed: int = 0) -> Face:
    """Return a face of an archive, as if it had a photo for itself.

    Args:
        split: ``train`` or ``test``.
        number: Its line in the split's list, from 0.
        seed: The archive's.
    """
    # WFLW's faces are harder than 300W's: every third is drawn like those of iBUG.
    return random_face([seed, SPLITS.index(split), number], hard=number % 3 == 2)


def attributes(face: Face) -> dict[str, bool]:
    """Return WFLW's six attributes as far as the generator knows them.

    ``makeup`` is always False: lips of any colour are drawn, but nothing says why.
    """
    expression, camera = face.expression, face.camera
    muscles = ('mouth_open', 'smile', 'pucker', 'brow_raise', 'frown')
    strongest = max(abs(getattr(expression, name)) for name in muscles)
    odd_light = face.look.contrast > HARSH_LIGHT or abs(np.log(camera.gamma)) > ODD_EXPOSURE
    return dict(
        pose=abs(face.pose.yaw) > LARGE_YAW,
        expression=strongest > STRONG_EXPRESSION,
        illumination=bool(odd_light),
        makeup=False,
        occlusion=bool(occluded(face, 'wflw').mean() > MANY_HIDDEN),
        blur=camera.blur > STRONG_BLUR,
    )


def write_wflw_archive(out_dir: str | Path, num_train: int, num_test: int, seed: int = 0) -> bool:
    """Write ``WFLW_images`` and the two lists in ``WFLW_annotations``.

    The lists of single subsets, which WFLW has beside them, are left out: the attributes say the
    same. The box of a line is the landmarks' own, in whole pixels, since no detector runs here.
    A face depends on the seed, its split and its number alone, not on how many there are. All is
    written to a temporary folder beside ``out_dir`` first, so that ``out_dir`` is either whole or
    absent.

    Args:
        out_dir: Folder to make; its parents are made too.
        num_train: Number of training faces.
        num_test: Number of test faces.
        seed: Chooses another set.

    Returns:
        False when ``out_dir`` already held this very set and nothing was done, else True.

    Raises:
        ValueError: A count or the seed is out of range, or ``out_dir`` holds something else.
    """
    counts = dict(num_train=num_train, num_test=num_test)
    with archive_folder(out_dir, 'wflw', counts, seed) as partial:
        if partial is None:
            return False
        (partial / LISTS).mkdir(parents=True)
        for split, count in zip(SPLITS, counts.values(), strict=True):
            _write_split(partial, split, count, seed)
    return True


def _write_split(root: Path, split: str, count: int, seed: int) -> None:
    """Write a split's photos and its list."""
    lines = []
    for name, numbers in _plan(split, count):
        faces = [wflw_face(split, number, seed) for number in numbers]
        path = root / PHOTOS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        done, data = cv2.imencode('.jpg', _side_by_side(faces), [cv2.IMWRITE_JPEG_QUALITY, 92])
        if not done:
            raise OSError(f'OpenCV could not encode {name}')
        path.write_bytes(data.tobytes())
        left = 0
        for face in faces:
            lines.append(_line(face, left, name))
            left += face.width
    (root / LISTS / f'list_98pt_rect_attr_{split}.txt').write_text('\n'.join(lines) + '\n')


def _plan(split: str, count: int) -> Iterator[tuple[str, range]]:
    """Yield each photo's name and its faces' numbers."""
    start = photo = 0
    while start < count:
        event, size = EVENTS[photo % len(EVENTS)]
        numbers = range(start, min(start + size, count))
        yield f'{event}/{event.replace("--", "_")}_gen_{split}_{photo + 1:04d}.jpg', numbers
        start, photo = numbers.stop, photo + 1


def _side_by_side(faces: list[Face]) -> np.ndarray:
    """Return one (H, W, 3) uint8 BGR photo; the backgrounds grow down to the tallest."""
    height = max(face.height for face in faces)
    return np.hstack([render(dataclasses.replace(face, height=height)) for face in faces])


def _line(face: Face, left: int, name: str) -> str:
    """Return the list's line for a face whose picture starts at column ``left``."""
    points = landmarks(face, 'wflw') + (left, 0.0)
    box = [*np.floor(points.min(axis=0)), *np.ceil(points.max(axis=0))]
    return ' '.join([
        *(f'{value:.6f}' for value in points.ravel()),
        *(f'{value:.0f}' for value in box),
        *(str(int(value)) for value in attributes(face).values()),
        name,
    ])  # fmt: skip

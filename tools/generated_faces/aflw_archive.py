"""Generated faces on disk, laid out as AFLW unpacks, with its 19-point annotation file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from .archive_folder import archive_folder
from .params import Face
from .render import render
from .sampling import random_face
from .schemes import landmarks, occluded

FOLDERS = ('0', '2')
HARD_EVERY = 3  # every third face is turned far and often covered
PAIR_EVERY = 4  # every fourth photo shows two faces
TURNED = 30.0  # degrees of yaw from which the far brow's and eye's outer ends count as hidden
FAR_ENDS = {1: (5, 11), -1: (0, 6)}  # looking to the picture's right, left


@dataclass(frozen=True)
class _Row:
    """One face of the annotation file: points (19, 2), visible (19,), box (4,)."""

    name: str
    points: np.ndarray
    visible: np.ndarray
    box: np.ndarray


def _row(face: Face, name: str, left: int) -> _Row:
    """Annotates a face that begins at column ``left`` of its photo."""
    points = landmarks(face, 'aflw')
    hidden = occluded(face, 'aflw')
    if abs(face.pose.yaw) > TURNED:
        hidden[list(FAR_ENDS[int(np.sign(face.pose.yaw))])] = True
    points = points + (left, 0.0)
    # Of AFLW's two published rectangles: whole pixels, square, about 1.3 times the landmarks'
    # height, a little above their middle.
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.rint(0.65 * (high - low).max())
    x, y = np.rint((low + high) / 2 - (0.0, 0.06 * (high - low).max()))
    return _Row(name, points, ~hidden, np.array([x - half, x + half, y - half, y + half]))


def _beside(pictures: list[np.ndarray]) -> np.ndarray:
    """Joins pictures (H, W, 3) of different heights, the lower ones extended downwards."""
    height = max(len(picture) for picture in pictures)
    extend = cv2.BORDER_REPLICATE
    return np.hstack([
        cv2.copyMakeBorder(picture, 0, height - len(picture), 0, 0, extend) for picture in pictures
    ])  # fmt: skip


def _write_photos(photos: Path, count: int, seed: int) -> list[_Row]:
    """Writes photos until they show ``count`` faces, and returns those."""
    rows: list[_Row] = []
    number = 0
    while len(rows) < count:
        number += 1
        wanted = min(2 if number % PAIR_EVERY == 0 else 1, count - len(rows))
        indices = range(len(rows) + 1, len(rows) + wanted + 1)
        faces = [random_face([seed, 19, i], hard=i % HARD_EVERY == 0) for i in indices]
        name = f'{FOLDERS[number % len(FOLDERS)]}/image{number:05d}.jpg'
        lefts = np.cumsum([0, *(face.width for face in faces)]).tolist()
        rows += [_row(face, name, left) for face, left in zip(faces, lefts, strict=False)]
        done, data = cv2.imencode('.jpg', _beside([render(face) for face in faces]))
        if not done:
            raise OSError(f'OpenCV could not encode {name}')
        (photos / name).write_bytes(data.tobytes())
    return rows


def _write_mat(path: Path, rows: list[_Row], seed: int) -> None:
    """Writes the annotation file; ``ra`` is a permutation chosen by the seed."""
    names = np.empty((len(rows), 1), dtype=object)
    names[:, 0] = [row.name for row in rows]
    content = dict(
        bbox=np.stack([row.box for row in rows]),
        data=np.stack([row.points.T.ravel() for row in rows]),
        mask_new=np.stack([row.visible for row in rows]).astype(float),
        nameList=names,
        ra=1.0 + np.random.default_rng([seed, 19]).permutation(len(rows))[None],
    )
    savemat(path, content, do_compression=True)


def write_aflw_archive(
    out_dir: str | Path, *, num_train: int = 48, num_test: int = 16, seed: int = 0
) -> bool:
    """Writes ``data/flickr/{0,2}`` with photos, and ``AFLWinfo_release.mat``.

    The file has AFLW's own form, so where training ends in ``ra`` is not in it: give
    `convert_aflw` the same ``num_train``. Every fourth photo shows two faces, every third face is
    a hard one, and covered landmarks, as well as those a far turned head hides, are masked. All is
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
    with archive_folder(out_dir, 'aflw', counts, seed) as partial:
        if partial is None:
            return False
        photos = partial / 'data' / 'flickr'
        for folder in FOLDERS:
            (photos / folder).mkdir(parents=True)
        rows = _write_photos(photos, num_train + num_test, seed)
        _write_mat(partial / 'AFLWinfo_release.mat', rows, seed)
    return True

"""Drawn faces on disk, as the original archives of 300W and WFLW unpack.

A face depends on the seed, its folder or split and its number alone, not on how many there are.
A set is written to a temporary folder beside its place, which is thus either whole or absent; one
that is there already, made with the same arguments, stays, and the writers return False.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from dataset_converters.face_300w import FOLDERS
from dataset_converters.wflw2coco import LISTS, PHOTOS, SPLITS

from .params import Face
from .render import render
from .sampling import random_face
from .schemes import landmarks, occluded

STAMP = 'generated.json'
VERSION = 1  # of the drawing: raise it when the same seed gives other pictures
PARTS_300W = {None: 'num_train', 'common': 'num_common', 'challenge': 'num_challenge'}
# Of every four faces of WFLW the first two share a photo, the others have their own.
WFLW_EVENTS = (('12--Group', 2), ('0--Parade', 1), ('37--Soccer', 1))


def write_archive(
    out_dir: str | Path,
    layout: str,
    counts: dict[str, int],
    seed: int,
    fill: Callable[[Path], None],
) -> bool:
    """Let ``fill`` write a folder that takes ``out_dir``'s place, unless that is complete already.

    Returns:
        Whether it was written.

    Raises:
        ValueError: A count or the seed is out of range, or ``out_dir`` holds something else.
    """
    for name, value, least in [*((n, c, 1) for n, c in counts.items()), ('seed', seed, 0)]:
        if not isinstance(value, int) or value < least:
            raise ValueError(f'{name} must be a whole number of at least {least}, got {value!r}')
    out, stamp = Path(out_dir), dict(layout=layout, version=VERSION, seed=seed, **counts)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found = json.loads((out / STAMP).read_text()) if (out / STAMP).is_file() else None
        if found != stamp:
            content = f'a set made with {found}' if found else 'something else'
            raise ValueError(
                f'{out} holds {content}, not {stamp}; remove it or choose another output folder'
            )
        return False
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f'.{out.name}.', dir=out.parent))
    try:
        fill(partial)
        (partial / STAMP).write_text(json.dumps(stamp, indent=2) + '\n')
        partial.chmod(0o755)  # mkdtemp's folder is its owner's alone
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def write_photo(path: Path, picture: np.ndarray, quality: int | None = None) -> None:
    """Write a picture, as a JPEG of that quality where its name says so; folders are made."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if quality and path.suffix == '.jpg' else []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture, options)[1].tobytes())


def write_pts(path: Path, points: np.ndarray) -> None:
    """Write (K, 2) 0-based pixels as the 1-based coordinates of the 300W annotation format."""
    rows = '\n'.join(f'{x:.6f} {y:.6f}' for x, y in points + 1.0)
    path.write_text(f'version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n')


def write_300w_archive(
    out_dir: str | Path,
    *,
    num_train: int = 480,
    num_common: int = 96,
    num_challenge: int = 48,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> bool:
    """Write ``afw``, ``helen``, ``lfpw`` and ``ibug`` with pictures and ``.pts`` beside them.

    Args:
        out_dir: Folder to make; its parents are made too.
        num_train: Number of training faces, in ``afw`` and the two ``trainset`` folders, which
            share them as the real 300W does.
        num_common: Number of common test faces, in the ``testset`` folders.
        num_challenge: Number of challenging test faces, in ``ibug``.
        seed: Chooses another set.
        progress: Called with (faces done, faces in all) after each face.

    Raises:
        ValueError: A count or the seed is out of range, or ``out_dir`` holds something else.
    """
    counts = dict(num_train=num_train, num_common=num_common, num_challenge=num_challenge)

    def fill(partial: Path) -> None:
        number = done = 0
        for subset, part in PARTS_300W.items():
            folders = [folder for folder in FOLDERS if folder.subset == subset]
            weights = np.cumsum([folder.count for folder in folders])
            edges = np.rint(counts[part] * weights / weights[-1]).astype(int)
            shares = np.diff(edges, prepend=0).tolist()
            for folder, share in zip(folders, shares, strict=True):
                (partial / folder.path).mkdir(parents=True)
                suffix = '.png' if folder.path.startswith('lfpw') else '.jpg'
                for i in range(1, share + 1):
                    face = random_face([seed, number, i], hard=subset == 'challenge')
                    path = partial / folder.path / f'gen_{i:04d}{suffix}'
                    # Real collections were compressed by many hands.
                    write_photo(path, render(face), 72 + face.texture_seed % 27)
                    write_pts(path.with_suffix('.pts'), landmarks(face, '300w'))
                    progress(done := done + 1, sum(counts.values()))
                number += 1

    return write_archive(out_dir, '300w', counts, seed, fill)


def wflw_face(split: str, number: int, seed: int = 0) -> Face:
    """Return the face of a line, from 0, of a split's list, as if it had a photo for itself."""
    # WFLW's faces are harder than 300W's: every third is drawn as those of iBUG are.
    return random_face([seed, list(SPLITS).index(split), number], hard=number % 3 == 2)


def wflw_attributes(face: Face) -> dict[str, bool]:
    """Return WFLW's six attributes as far as the generator knows them.

    WFLW's were judged by people and have no threshold; with these 19 to 40% of the faces carry
    each. ``makeup`` is always False: lips of any colour are drawn, but nothing says why.
    """
    muscles = ('mouth_open', 'smile', 'pucker', 'brow_raise', 'frown')
    return dict(
        pose=abs(face.pose.yaw) > 30,
        expression=max(abs(getattr(face.expression, name)) for name in muscles) > 0.9,
        illumination=face.look.contrast > 0.6 or bool(abs(np.log(face.camera.gamma)) > 0.3),
        makeup=False,
        # Hair covers an end of nearly every jaw line.
        occlusion=bool(occluded(face, 'wflw').mean() > 0.1),
        blur=face.camera.blur > 0.8,
    )


def write_wflw_archive(out_dir: str | Path, num_train: int, num_test: int, seed: int = 0) -> bool:
    """Write ``WFLW_images`` and the two lists in ``WFLW_annotations``.

    The lists of single subsets are left out: the attributes say the same. The box of a line is the
    landmarks' own, in whole pixels, since no detector runs here. Arguments, return value and errors
    are those of `write_300w_archive`.
    """
    counts = dict(train=num_train, test=num_test)

    def fill(partial: Path) -> None:
        (partial / LISTS).mkdir(parents=True)
        for split, count in counts.items():
            lines: list[str] = []
            photo = 0
            while len(lines) < count:
                event, size = WFLW_EVENTS[photo % len(WFLW_EVENTS)]
                photo += 1
                name = f'{event}/{event.replace("--", "_")}_gen_{split}_{photo:04d}.jpg'
                numbers = range(len(lines), min(len(lines) + size, count))
                faces = [wflw_face(split, number, seed) for number in numbers]
                # The backgrounds grow down to the tallest.
                height = max(face.height for face in faces)
                pictures = [render(replace(face, height=height)) for face in faces]
                write_photo(partial / PHOTOS / name, np.hstack(pictures), 92)
                lefts = np.cumsum([0, *(face.width for face in faces)])
                lines += map(_wflw_line, faces, lefts, [name] * len(faces))
            path = partial / LISTS / f'list_98pt_rect_attr_{split}.txt'
            path.write_text('\n'.join(lines) + '\n')

    counts_by_name = {f'num_{split}': count for split, count in counts.items()}
    return write_archive(out_dir, 'wflw', counts_by_name, seed, fill)


def _wflw_line(face: Face, left: int, name: str) -> str:
    """Return the list's line for a face whose picture starts at column ``left``."""
    points = landmarks(face, 'wflw') + (left, 0.0)
    box = [*np.floor(points.min(axis=0)), *np.ceil(points.max(axis=0))]
    return ' '.join([
        *(f'{value:.6f}' for value in points.ravel()), *(f'{value:.0f}' for value in box),
        *(str(int(value)) for value in wflw_attributes(face).values()), name,
    ])  # fmt: skip

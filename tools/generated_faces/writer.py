"""Generated faces on disk, laid out as the original 300W archives unpack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from .archive_folder import archive_folder
from .params import Face
from .render import render
from .sampling import random_face
from .schemes import landmarks

# Folder, its weight in its part, file type, hard faces; weights are the sizes of the real 300W.
FOLDERS = {
    'num_train': [
        ('afw', 337, '.jpg', False),
        ('helen/trainset', 2000, '.jpg', False),
        ('lfpw/trainset', 811, '.png', False),
    ],
    'num_common': [
        ('helen/testset', 330, '.jpg', False),
        ('lfpw/testset', 224, '.png', False),
    ],
    'num_challenge': [('ibug', 135, '.jpg', True)],
}


def _share(total: int, weights: list[int]) -> list[int]:
    """Whole numbers in about the weights' ratio whose sum is ``total``."""
    edges = np.rint(total * np.cumsum(weights) / sum(weights)).astype(int)
    return np.diff(edges, prepend=0).tolist()


def write_pts(path: Path, points: np.ndarray) -> None:
    """Writes (K, 2) 0-based pixels as the 1-based coordinates of the 300W annotation format."""
    rows = '\n'.join(f'{x:.6f} {y:.6f}' for x, y in points + 1.0)
    path.write_text(f'version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n')


def _write_face(face: Face, path: Path) -> None:
    # Real collections were compressed by many hands.
    options = [cv2.IMWRITE_JPEG_QUALITY, 72 + face.texture_seed % 27]
    done, data = cv2.imencode(path.suffix, render(face), options if path.suffix == '.jpg' else [])
    if not done:
        raise OSError(f'OpenCV could not encode {path.name}')
    path.write_bytes(data.tobytes())
    write_pts(path.with_suffix('.pts'), landmarks(face, '300w'))


def _plan(counts: dict[str, int], seed: int) -> Iterator[tuple[str, list[int], bool]]:
    """Each picture's path, its seed and whether it is a hard one."""
    number = 0
    for part, folders in FOLDERS.items():
        shares = _share(counts[part], [weight for _, weight, _, _ in folders])
        for (folder, _, suffix, hard), share in zip(folders, shares, strict=True):
            for i in range(1, share + 1):
                yield f'{folder}/gen_{i:04d}{suffix}', [seed, number, i], hard
            number += 1


def write_300w_archive(
    out_dir: str | Path,
    *,
    num_train: int = 480,
    num_common: int = 96,
    num_challenge: int = 48,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> bool:
    """Writes ``afw``, ``helen``, ``lfpw`` and ``ibug`` with pictures and ``.pts`` beside them.

    Training faces go to ``afw`` and the two ``trainset`` folders, the common test faces to the
    ``testset`` folders, hard faces to ``ibug``. A face depends on the seed, its folder and its
    number alone, not on how many there are. All is written to a temporary folder beside
    ``out_dir`` first, so that ``out_dir`` is either whole or absent.

    Args:
        out_dir: Folder to make; its parents are made too.
        num_train: Number of training faces.
        num_common: Number of common test faces.
        num_challenge: Number of challenging test faces.
        seed: Chooses another set.
        progress: Called with (faces done, faces in all) after each face.

    Returns:
        False when ``out_dir`` already held this very set and nothing was done, else True.

    Raises:
        ValueError: A count or the seed is out of range, or ``out_dir`` holds something else.
    """
    counts = dict(num_train=num_train, num_common=num_common, num_challenge=num_challenge)
    with archive_folder(out_dir, '300w', counts, seed) as partial:
        if partial is None:
            return False
        for folders in FOLDERS.values():
            for folder, *_ in folders:
                (partial / folder).mkdir(parents=True)
        plan = list(_plan(counts, seed))
        for done, (name, face_seed, hard) in enumerate(plan, 1):
            _write_face(random_face(face_seed, hard=hard), partial / name)
            if progress:
                progress(done, len(plan))
    return True

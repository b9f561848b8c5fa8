"""Generated faces on disk, as COFW's two MATLAB 7.3 files and the COFW-68 benchmark's folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from .archive_folder import archive_folder
from .params import Face
from .render import render
from .sampling import random_face
from .schemes import landmarks, occluded

COFW68_FOLDER = 'cofw68-benchmark/COFW68_Data'
USERBLOCK = 512  # bytes before the HDF5 part, which MATLAB begins with its own header
BOX_MARGIN = 0.1  # of the landmark box; MMPose's two sample faces have .08 to .13 a side
GRAY_EVERY = 5


def write_cofw_archive(
    out_dir: str | Path,
    num_train: int,
    num_test: int,
    seed: int = 0,
    cofw68: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> bool:
    """Writes ``COFW_train_color.mat``, ``COFW_test_color.mat`` and the COFW-68 benchmark.

    Test faces are hard ones, most of them occluded. Every fifth face from the second on, and a few
    others, are grey and stored with one channel. A face depends on the seed, its file and its
    number alone. All is written to a temporary folder beside ``out_dir`` first, so that
    ``out_dir`` is either whole or absent.

    Args:
        out_dir: Folder to make; its parents are made too.
        num_train: Number of training faces.
        num_test: Number of test faces.
        seed: Chooses another set.
        cofw68: Whether to write the test faces' 68 points too.
        progress: Called with (faces done, faces in all) after each face.

    Returns:
        False when ``out_dir`` already held this very set and nothing was done, else True.

    Raises:
        ValueError: A count or the seed is out of range, or ``out_dir`` holds something else.
    """
    counts = dict(num_train=num_train, num_test=num_test)

    def tell(done: int) -> None:
        if progress:
            progress(done, num_train + num_test)

    with archive_folder(out_dir, 'cofw, cofw68' if cofw68 else 'cofw', counts, seed) as partial:
        if partial is None:
            return False
        train = cofw_faces('train', num_train, seed)
        test = cofw_faces('test', num_test, seed)
        write_cofw_mat(partial / 'COFW_train_color.mat', train, 'Tr', tell)
        write_cofw_mat(
            partial / 'COFW_test_color.mat', test, 'T', lambda done: tell(num_train + done)
        )
        if cofw68:
            _write_cofw68(partial / COFW68_FOLDER, test)
    return True


def cofw_faces(split: str, count: int, seed: int = 0) -> list[Face]:
    """The faces of an archive's ``train`` or ``test`` file, in order."""
    hard = split == 'test'
    faces = [random_face([seed, 100 + hard, i], hard=hard) for i in range(1, count + 1)]
    for face_index in range(1, count, GRAY_EVERY):
        face = faces[face_index]
        faces[face_index] = replace(face, camera=replace(face.camera, gray=True))
    return faces


def write_cofw_mat(
    path: Path, faces: Sequence[Face], suffix: str, tell: Callable[[int], None] = lambda done: None
) -> None:
    """Writes one COFW file as MATLAB 7.3 lays it out, in HDF5 with every array's axes reversed.

    Args:
        path: The file to make.
        faces: Its faces.
        suffix: Of the variables' names, ``Tr`` or ``T``.
        tell: Called with the number of faces done.
    """
    with h5py.File(path, 'w', userblock_size=USERBLOCK) as file:
        cells = file.create_group('#refs#')
        references = np.empty((1, len(faces)), h5py.ref_dtype)
        for index, face in enumerate(faces):
            photo = render(face)[:, :, ::-1]  # -> RGB
            photo = photo[:, :, 0] if face.camera.gray else photo
            cell = cells.create_dataset(f'photo{index + 1}', data=photo.T, compression='gzip')
            cell.attrs['MATLAB_class'] = np.bytes_('uint8')
            references[0, index] = cell.ref
            tell(index + 1)
        _variable(file, f'Is{suffix}', references, 'cell', dtype=h5py.ref_dtype)
        _variable(file, f'phis{suffix}', np.column_stack([_shape(f) for f in faces]), 'double')
        _variable(file, f'bboxes{suffix}', np.column_stack([_box(f, 'cofw') for f in faces]))
    with path.open('r+b') as file:
        text = b'MATLAB 7.3 MAT-file, Platform: generated, HDF5 schema 1.00 .'
        file.write(text.ljust(116) + bytes(8) + b'\x00\x02IM')  # version 2.0, little-endian


def _variable(
    file: h5py.File, name: str, values: np.ndarray, kind: str = 'double', **options
) -> None:
    variable = file.create_dataset(name, data=values, **options)
    variable.attrs['MATLAB_class'] = np.bytes_(kind)


def _shape(face: Face) -> np.ndarray:
    """(87,) 29 x, 29 y, both counted from 1, and 29 flags."""
    points = landmarks(face, 'cofw') + 1.0
    return np.concatenate([points[:, 0], points[:, 1], occluded(face, 'cofw')])


def _box(face: Face, scheme: str) -> np.ndarray:
    """(4,) x, y, width and height in whole pixels, counted from 1, round the landmarks."""
    points = landmarks(face, scheme) + 1.0
    low, high = points.min(axis=0), points.max(axis=0)
    margin = BOX_MARGIN * (high - low)
    low, high = np.floor(low - margin), np.ceil(high + margin)
    return np.concatenate([low, high - low])


def _write_cofw68(folder: Path, faces: Sequence[Face]) -> None:
    """Writes ``test_annotations/N_points.mat`` and the face boxes as MATLAB 5 files."""
    (folder / 'test_annotations').mkdir(parents=True)
    for number, face in enumerate(faces, start=1):
        content = dict(
            Points=landmarks(face, '300w') + 1.0,
            Occ=occluded(face, '300w').astype(float)[None],
        )
        path = folder / 'test_annotations' / f'{number}_points.mat'
        scipy.io.savemat(path, content, do_compression=True)
    boxes = np.vstack([_box(face, '300w') for face in faces])
    scipy.io.savemat(folder / 'cofw68_test_bboxes.mat', dict(bboxes=boxes), do_compression=True)

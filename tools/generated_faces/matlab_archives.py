"""Drawn faces on disk, as AFLW and COFW come: MATLAB files, and AFLW's photos.

Arguments, return values and errors are those of `archives.write_300w_archive`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from dataset_converters.aflw2coco import MAT
from dataset_converters.cofw2coco import PARTS
from scipy.io import savemat

from .archives import write_archive, write_photo
from .params import Face
from .render import render
from .sampling import random_face
from .schemes import landmarks, occluded

AFLW_FOLDERS = ('0', '2')
HARD_EVERY = 3  # every third face of AFLW is turned far and often covered
TURNED = 30.0  # degrees of yaw from which the far brow's and eye's outer ends count as hidden
FAR_ENDS = {1: [5, 11], -1: [0, 6]}  # looking to the picture's right, left
USERBLOCK = 512  # bytes before the HDF5 part, which MATLAB begins with its own header
BOX_MARGIN = 0.1  # of the landmark box; MMPose's two sample faces have .08 to .13 a side
GRAY_EVERY = 5


def write_aflw_archive(
    out_dir: str | Path, *, num_train: int = 48, num_test: int = 16, seed: int = 0
) -> bool:
    """Write ``data/flickr/{0,2}`` with photos, and ``AFLWinfo_release.mat``.

    The file has AFLW's own form, so where training ends in ``ra`` is not in it: give
    `convert_aflw` the same ``num_train``. Covered landmarks, as well as those a far turned head
    hides, are masked.
    """
    count = num_train + num_test

    def fill(partial: Path) -> None:
        rows = []
        for number in range(1, count + 1):
            face = random_face([seed, 19, number], hard=number % HARD_EVERY == 0)
            name = f'{AFLW_FOLDERS[number % len(AFLW_FOLDERS)]}/image{number:05d}.jpg'
            write_photo(partial / 'data' / 'flickr' / name, render(face))
            rows.append(_aflw_row(face, name))
        names = np.empty((count, 1), dtype=object)
        names[:, 0], *columns = zip(*rows, strict=True)
        points, visible, boxes = map(np.stack, columns)
        order = np.random.default_rng([seed, 19]).permutation(count)
        content = dict(bbox=boxes, data=points, mask_new=visible.astype(float), nameList=names)
        savemat(partial / MAT, content | dict(ra=1.0 + order[None]), do_compression=True)

    counts = dict(num_train=num_train, num_test=num_test)
    return write_archive(out_dir, 'aflw', counts, seed, fill)


def _aflw_row(face: Face, name: str) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    """Return name, 19 x and 19 y, visibility (19,) and box (4,) of a face."""
    points, hidden = landmarks(face, 'aflw'), occluded(face, 'aflw')
    if abs(face.pose.yaw) > TURNED:
        hidden[FAR_ENDS[int(np.sign(face.pose.yaw))]] = True
    # Of AFLW's two published rectangles: whole pixels, square, about 1.3 times the landmarks'
    # height, a little above their middle.
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.rint(0.65 * (high - low).max())
    x, y = np.rint((low + high) / 2 - (0.0, 0.06 * (high - low).max()))
    return name, points.T.ravel(), ~hidden, np.array([x - half, x + half, y - half, y + half])


def write_cofw_archive(out_dir: str | Path, num_train: int, num_test: int, seed: int = 0) -> bool:
    """Write ``COFW_train_color.mat``, ``COFW_test_color.mat`` and the COFW-68 benchmark.

    Test faces are hard ones, most of them occluded. Every fifth face from the second on, and a few
    others, are grey and stored with one channel.
    """

    def fill(partial: Path) -> None:
        for part, count in zip(PARTS, (num_train, num_test), strict=True):
            faces = cofw_faces(part.split, count, seed)
            _write_cofw_mat(partial / part.file_name, faces, part.suffix)
        _write_cofw68(partial / 'cofw68-benchmark' / 'COFW68_Data', faces)

    counts = dict(num_train=num_train, num_test=num_test)
    return write_archive(out_dir, 'cofw, cofw68', counts, seed, fill)


def cofw_faces(split: str, count: int, seed: int = 0) -> list[Face]:
    """Return the faces of an archive's ``train`` or ``test`` file, in order."""
    hard = split == 'test'
    faces = [random_face([seed, 100 + hard, i], hard=hard) for i in range(1, count + 1)]
    for index in range(1, count, GRAY_EVERY):
        faces[index] = replace(faces[index], camera=replace(faces[index].camera, gray=True))
    return faces


def _write_cofw_mat(path: Path, faces: Sequence[Face], suffix: str) -> None:
    """Write a COFW file as MATLAB 7.3 does, in HDF5 with every array's axes reversed.

    Names of variables end in ``suffix``, ``Tr`` or ``T``.
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
        # 29 x, 29 y, both counted from 1, and 29 flags.
        shapes = [
            np.r_[(landmarks(face, 'cofw') + 1.0).T.ravel(), occluded(face, 'cofw')]
            for face in faces
        ]
        boxes = [_box(face, 'cofw') for face in faces]
        for name, values in (('Is', references), ('phis', shapes), ('bboxes', boxes)):
            kind = np.bytes_('cell' if name == 'Is' else 'double')
            values = values if name == 'Is' else np.column_stack(values)
            variable = file.create_dataset(f'{name}{suffix}', data=values, dtype=values.dtype)
            variable.attrs['MATLAB_class'] = kind
    with path.open('r+b') as file:
        text = b'MATLAB 7.3 MAT-file, Platform: generated, HDF5 schema 1.00 .'
        file.write(text.ljust(116) + bytes(8) + b'\x00\x02IM')  # version 2.0, little-endian


def _box(face: Face, scheme: str) -> np.ndarray:
    """Return x, y, width and height in whole pixels, counted from 1, round the landmarks."""
    points = landmarks(face, scheme) + 1.0
    low, high = points.min(axis=0), points.max(axis=0)
    margin = BOX_MARGIN * (high - low)
    low, high = np.floor(low - margin), np.ceil(high + margin)
    return np.concatenate([low, high - low])


def _write_cofw68(folder: Path, faces: Sequence[Face]) -> None:
    """Write ``test_annotations/N_points.mat`` and the face boxes as MATLAB 5 files."""
    (folder / 'test_annotations').mkdir(parents=True)
    for number, face in enumerate(faces, start=1):
        hidden = occluded(face, '300w').astype(float)[None]
        content = dict(Points=landmarks(face, '300w') + 1.0, Occ=hidden)
        path = folder / 'test_annotations' / f'{number}_points.mat'
        savemat(path, content, do_compression=True)
    boxes = np.vstack([_box(face, '300w') for face in faces])
    savemat(folder / 'cofw68_test_bboxes.mat', dict(bboxes=boxes), do_compression=True)

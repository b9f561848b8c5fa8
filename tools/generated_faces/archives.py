"""Drawn faces on disk, as the originals of 300W, WFLW, AFLW and COFW unpack."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import numpy as np
from dataset_converters.aflw2coco import MAT
from dataset_converters.cofw2coco import PARTS
from dataset_converters.face_300w import FOLDERS
from dataset_converters.wflw2coco import LISTS, PHOTOS
from scipy.io import savemat
from tqdm import tqdm

from mhhn_landmarks.errors import InputError

from .params import DrawnFace
from .render import render
from .sampling import random_face
from .schemes import landmarks, occluded

WFLW_EVENTS = ('12--Group', '0--Parade', '37--Soccer')


def write_archive(dataset: str, out: str | Path, *, seed: int = 0, **counts: int) -> None:
    """Write a dataset of drawn faces; it is whole or absent.

    Args:
        dataset: `300w`, `wflw`, `aflw` or `cofw`, whose folder has COFW-68, too. AFLW's
            own files do not tell where training ends: give `convert_aflw` the same number.
        out: Folder to make, or an empty one; else `InputError`.
        seed: Chooses another set.
        counts: Numbers of faces: `train` and `test`; of 300W `train`, `common` and
            `challenge`, shared among its folders as the real faces are.
    """
    out = Path(out)
    if seed < 0 or min(counts.values()) < 1:
        raise InputError(f'numbers of faces start at 1, the seed at 0; got {counts} and {seed}')
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f'{out} is there already; remove it or choose another folder')
    partial = out.with_name(f'.{out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)  # of a call that was stopped
    partial.mkdir(parents=True)
    WRITERS[dataset](partial, seed, **counts)
    os.replace(partial, out)


def archive_face(dataset: str, part: str, number: int, seed: int = 0) -> DrawnFace:
    """Return the face of a number, from 1, in a split or, of 300W, a folder.

    It does not depend on how many faces the archive has.
    """
    if dataset == '300w':
        folders = [folder.path for folder in FOLDERS]
        return random_face([seed, folders.index(part), number], hard=part == 'ibug')
    if dataset == 'wflw':
        return random_face([seed, int(part == 'test'), number - 1], hard=number % 3 == 0)
    if dataset == 'aflw':
        return random_face([seed, 19, number], hard=number % 3 == 0)
    hard = part == 'test'  # of COFW, most of them occluded
    face = random_face([seed, 100 + hard, number], hard=hard)
    return replace(face, camera=replace(face.camera, gray=face.camera.gray or number % 5 == 2))


def _write_photo(path: Path, picture: np.ndarray, quality: int = 95) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]  # of a JPEG
    path.write_bytes(cv2.imencode(path.suffix, picture, options)[1].tobytes())


def write_pts(path: Path, points: np.ndarray) -> None:
    """Write (K, 2) 0-based pixels as the 1-based coordinates of the 300W annotation format."""
    rows = '\n'.join(f'{x:.6f} {y:.6f}' for x, y in points + 1.0)
    path.write_text(f'version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n')


def _write_300w(root: Path, seed: int, train: int, common: int, challenge: int) -> None:
    """Write `afw`, `helen`, `lfpw` and `ibug` with pictures and `.pts` beside them."""
    plan = []
    for subset, count in {None: train, 'common': common, 'challenge': challenge}.items():
        folders = [folder for folder in FOLDERS if folder.subset == subset]
        weights = np.cumsum([folder.count for folder in folders])
        totals = np.diff(np.rint(count * weights / weights[-1]).astype(int), prepend=0)
        for folder, total in zip(folders, totals, strict=True):
            plan += [(folder.path, number) for number in range(1, total + 1)]
    for folder, number in tqdm(plan, 'drawing', disable=None):
        face = archive_face('300w', folder, number, seed)
        suffix = '.png' if folder.startswith('lfpw') else '.jpg'
        path = root / folder / f'gen_{number:04d}{suffix}'
        # Real collections were compressed by many hands.
        _write_photo(path, render(face), 72 + face.texture_seed % 27)
        write_pts(path.with_suffix('.pts'), landmarks(face, '300w'))


def wflw_attributes(face: DrawnFace) -> dict[str, bool]:
    """WFLW's six attributes, which people judged; here 19 to 40% of the faces carry each."""
    e = face.expression
    muscles = [e.mouth_open, e.smile, e.pucker, e.brow_raise, e.frown]
    return dict(
        pose=abs(face.pose.yaw) > 30,
        expression=max(map(abs, muscles)) > 0.9,
        illumination=face.look.contrast > 0.6 or abs(np.log(face.camera.gamma)) > 0.3,
        makeup=False,  # lips of any colour are drawn
        occlusion=occluded(face, 'wflw').mean() > 0.1,  # hair covers an end of nearly every jaw
        blur=face.camera.blur > 0.8,
    )


def _write_wflw(root: Path, seed: int, train: int, test: int) -> None:
    """Write `WFLW_images` and the two lists in `WFLW_annotations`.

    Of every four faces the first two share a photo. The box of a line is the landmarks' own, in
    whole pixels, since no detector runs here.
    """
    (root / LISTS).mkdir(parents=True)
    for split, count in dict(train=train, test=test).items():
        lines = []
        starts = [number for number in range(1, count + 1) if number % 4 != 2]
        for photo, start in enumerate(tqdm(starts, split, disable=None)):
            numbers = [start, start + 1] if start % 4 == 1 and start < count else [start]
            faces = [archive_face('wflw', split, number, seed) for number in numbers]
            event = WFLW_EVENTS[photo % 3]
            name = f'{event}/{event.replace("--", "_")}_gen_{split}_{photo + 1:04d}.jpg'
            height = max(face.height for face in faces)  # the backgrounds grow down to the tallest
            pictures = [render(replace(face, height=height)) for face in faces]
            _write_photo(root / PHOTOS / name, np.hstack(pictures), 92)
            for face, left in zip(faces, (0, faces[0].width), strict=False):
                points = landmarks(face, 'wflw') + (left, 0.0)
                box = np.r_[np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))]
                numbers = [f'{v:.6f}' for v in points.ravel()] + [f'{v:.0f}' for v in box]
                attributes = [str(int(v)) for v in wflw_attributes(face).values()]
                lines.append(' '.join([*numbers, *attributes, name]) + '\n')
        (root / LISTS / f'list_98pt_rect_attr_{split}.txt').write_text(''.join(lines))


def _write_aflw(root: Path, seed: int, train: int, test: int) -> None:
    """Write `data/flickr` with photos, and `AFLWinfo_release.mat`, which masks the hidden."""
    count = train + test
    names, rows = np.empty((count, 1), dtype=object), []
    for index in tqdm(range(count), 'drawing', disable=None):
        face = archive_face('aflw', '', index + 1, seed)
        names[index, 0] = f'{(2, 0)[index % 2]}/image{index + 1:05d}.jpg'
        _write_photo(root / 'data/flickr' / names[index, 0], render(face))
        points, hidden = landmarks(face, 'aflw'), occluded(face, 'aflw')
        if abs(face.pose.yaw) > 30:  # the far brow's and eye's outer ends
            hidden[[5, 11] if face.pose.yaw > 0 else [0, 6]] = True
        # Of AFLW's two published rectangles: whole pixels, square, about 1.3 times the landmarks'
        # height, a little above their middle.
        low, high = points.min(axis=0), points.max(axis=0)
        half = np.rint(0.65 * (high - low).max())
        x, y = np.rint((low + high) / 2 - (0.0, 0.06 * (high - low).max()))
        rows.append((points.T.ravel(), 1.0 - hidden, [x - half, x + half, y - half, y + half]))
    points, visible, boxes = map(np.stack, zip(*rows, strict=True))
    order = np.random.default_rng([seed, 19]).permutation(count)
    content = dict(bbox=boxes, data=points, mask_new=visible, nameList=names, ra=1.0 + order[None])
    savemat(root / MAT, content)


def _write_cofw(root: Path, seed: int, train: int, test: int) -> None:
    """Write `COFW_train_color.mat`, `COFW_test_color.mat` and the COFW-68 benchmark."""
    for part, count in zip(PARTS, (train, test), strict=True):
        faces = [archive_face('cofw', part.split, i + 1, seed) for i in range(count)]
        photos = [render(face)[:, :, ::-1] for face in tqdm(faces, part.split, disable=None)]  # RGB
        photos = [p[:, :, 0] if f.camera.gray else p for p, f in zip(photos, faces, strict=True)]
        places = [(landmarks(face, 'cofw') + 1.0).T.ravel() for face in faces]
        hidden = [occluded(face, 'cofw') for face in faces]
        boxes = [_box(face) for face in faces]
        write_cofw_mat(
            root / part.file_name, part.suffix, photos, np.hstack([places, hidden]), boxes
        )
    folder = root / 'cofw68-benchmark/COFW68_Data'
    (folder / 'test_annotations').mkdir(parents=True)
    for number, face in enumerate(faces, start=1):
        content = dict(Points=landmarks(face, '300w') + 1.0, Occ=1.0 * occluded(face, '300w')[None])
        savemat(folder / f'test_annotations/{number}_points.mat', content)


def write_cofw_mat(path: Path, suffix: str, photos: list, shapes: list, boxes: list) -> None:
    """Write a COFW file: HDF5, where MATLAB's arrays have their axes reversed.

    Names of variables end in `suffix`, `Tr` or `T`. Of each face: a photo (H, W, 3) RGB or
    (H, W), a shape of 29 x, 29 y and 29 flags, and a box x, y, width, height; pixels from 1.
    """
    with h5py.File(path, 'w') as file:
        cells = [
            file.create_dataset(f'#refs#/photo{number}', data=photo.T, compression='gzip').ref
            for number, photo in enumerate(photos, start=1)
        ]
        file[f'Is{suffix}'] = np.array([cells], h5py.ref_dtype)
        file[f'phis{suffix}'] = np.transpose(shapes).astype(float)
        file[f'bboxes{suffix}'] = np.transpose(boxes).astype(float)


def _box(face: DrawnFace) -> np.ndarray:
    """Return x, y, width and height in whole pixels, counted from 1, round the landmarks."""
    points = landmarks(face, 'cofw') + 1.0
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.1 * (high - low)  # MMPose's two sample faces have .08 to .13 a side
    low, high = np.floor(low - margin), np.ceil(high + margin)
    return np.concatenate([low, high - low])


WRITERS = {'300w': _write_300w, 'wflw': _write_wflw, 'aflw': _write_aflw, 'cofw': _write_cofw}

"""The original 300W archives -> MMPose's ``face_landmarks_300w_*.json``.

Photos stay where they are: ``file_name`` is relative to the source folder, to which the dataset's
``data_prefix=dict(img=...)`` points, by way of the link ``images`` or directly.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...fileio import write_json_files
from .coco_json import (
    BadSampleError,
    Problems,
    coco_dict,
    face_annotation,
    landmark_box,
    photo_size,
    with_progress,
)
from .pts import read_pts

NUM_POINTS = 68
PHOTO_SUFFIXES = ('.jpg', '.jpeg', '.png')

# How far a landmark may lie outside the photo. HELEN's annotators clamped to the border and went
# past it by up to one pixel (64 of 1537 real faces), so that is silent. A face cut by the border
# is worth a notice. Half a face outside is the annotation of another photo.
SILENT_OUTSIDE = 1.0  # px
LARGEST_OUTSIDE = 0.5  # of the landmark box's larger side


@dataclass(frozen=True)
class Folder:
    """One folder of the archives: the split and subset it belongs to, its official count."""

    path: str
    split: str
    subset: str | None
    count: int


FOLDERS = (
    Folder('afw', 'train', None, 337),
    Folder('helen/trainset', 'train', None, 2000),
    Folder('lfpw/trainset', 'train', None, 811),
    Folder('helen/testset', 'valid', 'common', 330),
    Folder('lfpw/testset', 'valid', 'common', 224),
    Folder('ibug', 'valid', 'challenge', 135),
    Folder('300W/01_Indoor', 'test', 'indoor', 300),
    Folder('300W/02_Outdoor', 'test', 'outdoor', 300),
)


def convert_300w(
    source: str | Path, out: str | Path, skip_bad: bool = False
) -> tuple[dict[Path, int], Problems]:
    """Write ``annotations/`` and the link ``images`` under ``out``.

    Nothing is written if a face is bad, unless ``skip_bad``; then only the bad faces are missing.

    Args:
        source: Where the archives were unpacked.
        out: MMPose's data root for 300W, such as ``data/300w``.
        skip_bad: Leave bad faces out instead of giving up.

    Returns:
        The number of faces per file written (empty if there was nothing to write or, without
        ``skip_bad``, an error), and what was found wrong.
    """
    source, out = Path(source), Path(out)
    splits, problems = collect_300w(source)
    if problems.errors and not skip_bad:
        return {}, problems
    contents = {}
    for split, content in splits.items():
        target = out / 'annotations' / f'face_landmarks_300w_{split}.json'
        if content['annotations']:
            contents[target] = content
        elif target.exists():
            problems.warnings.append(f'{target}: from an earlier run, no face for it here; kept')
    if not contents:
        problems.errors.append(f'{source}: no usable face is left; nothing written')
        return {}, problems
    write_json_files(contents)
    _link_images(source, out / 'images', problems)
    return {path: len(content['annotations']) for path, content in contents.items()}, problems


def collect_300w(source: Path) -> tuple[dict[str, dict[str, Any]], Problems]:
    """Read every face under ``source``, writing nothing.

    Returns:
        The COCO-style content per split (``train``, ``valid``, ``test``), and the problems.
    """
    problems = Problems()
    samples = [(folder, pts) for folder in FOLDERS for pts in _pair_up(source, folder, problems)]
    splits: dict[str, tuple[list, list]] = {folder.split: ([], []) for folder in FOLDERS}
    if not samples and not problems.errors:
        expected = ', '.join(folder.path for folder in FOLDERS)
        problems.errors.append(f'{source}: no 300W face found; one or more of {expected} expected')
        problems.warnings.clear()  # that every count is 0 adds nothing
    for folder, (pts, photo) in with_progress(samples, '300W faces'):
        images, annotations = splits[folder.split]
        try:
            image, annotation = _convert_face(source, folder, pts, photo, len(images) + 1, problems)
        except BadSampleError as error:
            problems.errors.append(str(error))
            continue
        images.append(image)
        annotations.append(annotation)
    contents = {
        split: coco_dict(images, annotations, f'300W {split}, 68 points, 0-based')
        for split, (images, annotations) in splits.items()
    }
    return contents, problems


def _pair_up(source: Path, folder: Folder, problems: Problems) -> list[tuple[Path, Path]]:
    """Return the folder's (annotation, photo) pairs by name, noting what has no partner."""
    root = source / folder.path
    files = sorted(p for p in root.glob('*') if not p.name.startswith('.')) if root.is_dir() else []
    annotations = {p.stem: p for p in files if p.suffix.lower() == '.pts'}
    photos: dict[str, list[Path]] = {}
    for path in files:
        if path.suffix.lower() in PHOTO_SUFFIXES:
            photos.setdefault(path.stem, []).append(path)

    pairs = []
    for name in sorted(annotations.keys() | photos.keys()):
        found = photos.get(name, [])
        if name not in annotations:
            problems.errors.append(f'{found[0]}: no annotation {name}.pts beside it; unpack it')
        elif not found:
            problems.errors.append(f'{annotations[name]}: no photo {name}.jpg or .png beside it')
        elif len(found) > 1:
            names = ', '.join(p.name for p in found)
            problems.errors.append(f'{annotations[name]}: several photos ({names}); keep one')
        else:
            pairs.append((annotations[name], found[0]))
    # The private test set came later and many do without it: its absence is no news.
    if len(pairs) != folder.count and (pairs or folder.split != 'test'):
        problems.warnings.append(
            f'{root}: {len(pairs)} faces, the official set has {folder.count};'
            ' scores are not comparable with published ones'
        )
    return pairs


def _convert_face(
    source: Path, folder: Folder, pts: Path, photo: Path, number: int, problems: Problems
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the image and annotation records of one face; ``number`` becomes both ids."""
    points = read_pts(pts, NUM_POINTS)
    width, height = photo_size(photo)
    _check_points(pts, points, width, height, problems)
    file_name = photo.relative_to(source).as_posix()
    image = dict(id=number, file_name=file_name, width=width, height=height)
    subsets = [folder.subset] if folder.subset else []
    return image, face_annotation(points, width, height, number, number, subsets=subsets)


def _check_points(pts: Path, points: np.ndarray, width: int, height: int, found: Problems) -> None:
    """Refuse a face without area or far outside the photo; note one that is cut by it."""
    x1, y1, x2, y2 = landmark_box(points)
    if x2 <= x1 or y2 <= y1:
        raise BadSampleError(pts, f'the face has no area: box {x1:g},{y1:g} to {x2:g},{y2:g}')
    outside = max(-x1, -y1, x2 - (width - 1), y2 - (height - 1))
    note = f'a landmark lies {outside:.1f} px outside the {width}x{height} photo'
    if outside > LARGEST_OUTSIDE * max(x2 - x1, y2 - y1):
        raise BadSampleError(pts, f'{note}; it seems to belong to another photo')
    if outside > SILENT_OUTSIDE:
        found.warnings.append(f'{pts}: {note}; kept')


def _link_images(source: Path, link: Path, problems: Problems) -> None:
    """Make ``link`` a relative symbolic link to ``source``, or say how to do without."""
    if link.exists() and link.samefile(source):
        return
    remedy = f"point data_prefix=dict(img=...) at '{source}' in the config"
    if os.path.lexists(link):
        problems.warnings.append(f'{link}: exists and is not {source}; remove it, or {remedy}')
        return
    try:
        link.symlink_to(os.path.relpath(source.resolve(), link.parent.resolve()), True)
    except (OSError, NotImplementedError, ValueError) as error:
        problems.warnings.append(f'{link}: cannot be linked to the photos ({error}); {remedy}')

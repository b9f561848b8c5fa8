"""The original 300W archives -> MMPose's ``face_landmarks_300w_*.json``.

Photos stay where they are: ``file_name`` is relative to the source folder, to which the dataset's
``data_prefix=dict(img=...)`` points, by way of the link ``images`` or directly.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .coco_json import BadSampleError, Problems, box_framing
from .conversion import Face, build_splits, link_images, write_splits
from .matlab import load_matlab5
from .pts import read_pts

NUM_POINTS = 68
PHOTO_SUFFIXES = ('.jpg', '.jpeg', '.png')


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
    source: str | Path, out: str | Path, skip_bad: bool = False, boxes: str = 'landmarks'
) -> tuple[dict[Path, int], Problems]:
    """Write ``annotations/`` and the link ``images`` under ``out``.

    Nothing is written if a face is bad, unless ``skip_bad``; then only the bad faces are missing.

    Args:
        source: Where the archives were unpacked.
        out: MMPose's data root for 300W, such as ``data/300w``.
        skip_bad: Leave bad faces out instead of giving up.
        boxes: Frame faces by their ``'landmarks'``, or by 300W's own boxes of a ``'detector'``.

    Returns:
        The number of faces per file written (empty if there was nothing to write or, without
        ``skip_bad``, an error), and what was found wrong.
    """
    source, out = Path(source), Path(out)
    splits, problems = collect_300w(source, boxes)
    folder = out / 'annotations'
    contents = {folder / f'face_landmarks_300w_{name}.json': c for name, c in splits.items()}
    written = write_splits(contents, problems, skip_bad, source)
    if written:
        link_images(source, out / 'images', problems)
    return written, problems


def collect_300w(
    source: Path, boxes: str = 'landmarks'
) -> tuple[dict[str, dict[str, Any]], Problems]:
    """Read every face under ``source``, writing nothing.

    Returns:
        The COCO-style content per split (``train``, ``valid``, ``test``), and the problems.
    """
    problems = Problems()
    samples = [(folder, *pair) for folder in FOLDERS for pair in _pair_up(source, folder, problems)]
    if not samples and not problems.errors:
        expected = ', '.join(folder.path for folder in FOLDERS)
        problems.errors.append(f'{source}: no 300W face found; one or more of {expected} expected')
        problems.warnings.clear()  # that every count is 0 adds nothing

    given = _read_boxes(source, problems) if boxes == 'detector' else {}

    def read(sample: tuple[Folder, Path, Path]) -> Face:
        folder, pts, photo = sample
        framing = {}
        if boxes == 'detector':
            if (folder.path, photo.stem) not in given:
                raise BadSampleError(photo, 'no box of it in bounding_boxes_*.mat')
            framing = box_framing(given[folder.path, photo.stem])
        subsets = [folder.subset] if folder.subset else []
        return Face(
            folder.split,
            photo.relative_to(source).as_posix(),
            read_pts(pts, NUM_POINTS),
            str(pts),
            framing=framing,
            extra=dict(subsets=subsets),
        )

    names = dict.fromkeys(folder.split for folder in FOLDERS)
    descriptions = {split: f'300W {split}, 68 points, 0-based' for split in names}
    return build_splits(samples, read, source, descriptions, problems, '300W faces'), problems


def _read_boxes(source: Path, problems: Problems) -> dict[tuple[str, str], list[float]]:
    """Return the detector's boxes (x, y, w, h), 0-based, by folder and photo without suffix.

    They are i·bug's `bounding_boxes_FOLDER.mat`: cells of structs with ``imgName`` and
    ``bb_detector``, left, top, right, bottom, counted from 1.
    """
    folders = {folder.path.replace('/', '_').lower(): folder.path for folder in FOLDERS}
    boxes = {}
    for path in sorted(source.rglob('bounding_boxes_*.mat')):
        name = path.stem.removeprefix('bounding_boxes_').lower()
        try:
            cells = load_matlab5(path, ['bounding_boxes'])['bounding_boxes'].ravel()
            for cell in cells:
                entry = cell[0, 0]
                left, top, right, bottom = np.ravel(entry['bb_detector']).astype(float).tolist()
                photo = Path(str(np.ravel(entry['imgName'])[0])).stem
                box = [left - 1, top - 1, right - left, bottom - top]
                boxes[folders.get(name, name), photo] = box
        except (IndexError, KeyError, TypeError, ValueError) as error:
            problems.errors.append(f'{path}: not as i·bug has it ({error!r}); download it again')
        except BadSampleError as error:
            problems.errors.append(str(error))
    return boxes


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

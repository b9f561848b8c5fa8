"""Convert the original 300W archives to the annotation files MMPose reads.

Get the archives (AFW, HELEN, LFPW, IBUG, and the 300W test set if you want it) from
https://ibug.doc.ic.ac.uk/resources/300-W/ ; they are free for research only, which you
accept there. Unpack them side by side:

  SOURCE/afw/                     337 faces   train
  SOURCE/helen/trainset/         2000         train
  SOURCE/lfpw/trainset/           811         train
  SOURCE/helen/testset/           330         valid, subset common
  SOURCE/lfpw/testset/            224         valid, subset common
  SOURCE/ibug/                    135         valid, subset challenge
  SOURCE/300W/01_Indoor/          300         test, subset indoor      (optional)
  SOURCE/300W/02_Outdoor/         300         test, subset outdoor     (optional)
  SOURCE/**/bounding_boxes_*.mat              the detector's boxes, for --boxes detector

each face as NAME.pts beside NAME.jpg or NAME.png. A part of it works too, with a warning.

Written: OUT/annotations/face_landmarks_300w_{train,valid,test}.json. Photos are not copied:
OUT/images becomes a link to SOURCE, so MMPose's configs work with data_root='OUT/'.
Without the link, set data_prefix=dict(img='SOURCE/').
"""

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mhhn_landmarks.errors import InputError

from .coco_json import AnnotatedFace, Content, Problems, box_framing, build_splits
from .conversion import BOXES, convert, run_converter
from .matlab import load_matlab5
from .pts import read_pts

NUM_POINTS = 68
PHOTO_SUFFIXES = ('.jpg', '.jpeg', '.png')


class Folder(NamedTuple):
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


def _collect(
    source: Path, out: Path, problems: Problems, boxes: str = 'landmarks'
) -> tuple[dict[str, Content], Path]:
    """Read every face under `source`; `boxes` is `'landmarks'` or `'detector'`."""
    samples = [(folder, *pair) for folder in FOLDERS for pair in _pair_up(source, folder, problems)]
    if not samples and not problems.errors:
        problems.warnings.clear()  # that every count is 0 adds nothing
        expected = ', '.join(folder.path for folder in FOLDERS)
        raise InputError(f'{source}: no 300W face found; one or more of {expected} expected')
    detector_boxes = _read_boxes(source, problems) if boxes == 'detector' else {}

    def read(sample: tuple[Folder, Path, Path]) -> AnnotatedFace:
        folder, pts, photo = sample
        framing = {}
        if boxes == 'detector':
            if (folder.path, photo.stem) not in detector_boxes:
                raise InputError(f'{photo}: no box of it in bounding_boxes_*.mat')
            framing = box_framing(detector_boxes[folder.path, photo.stem])
        name, points = photo.relative_to(source).as_posix(), read_pts(pts, NUM_POINTS)
        extra = dict(subsets=[folder.subset] if folder.subset else [])
        return AnnotatedFace(folder.split, name, points, str(pts), framing=framing, extra=extra)

    about = {f.split: f'300W {f.split}, {NUM_POINTS} points, 0-based' for f in FOLDERS}
    splits = build_splits(samples, read, source, about, problems, '300W faces')
    return {f'face_landmarks_300w_{name}': content for name, content in splits.items()}, source


convert_300w = partial(convert, _collect)


def _read_boxes(source: Path, problems: Problems) -> dict[tuple[str, str], list[float]]:
    """Return the detector's boxes (x, y, w, h), 0-based, by folder and photo without suffix.

    They are i·bug's `bounding_boxes_FOLDER.mat`: cells of structs with `imgName` and
    `bb_detector`, left, top, right, bottom, counted from 1.
    """
    folders = {folder.path.replace('/', '_').lower(): folder.path for folder in FOLDERS}
    boxes = {}
    for path in sorted(source.rglob('bounding_boxes_*.mat')):
        name = path.stem.removeprefix('bounding_boxes_').lower()
        try:
            for cell in load_matlab5(path, cells=['bounding_boxes'])['bounding_boxes'].ravel():
                entry = cell[0, 0]
                left, top, right, bottom = np.ravel(entry['bb_detector']).astype(float).tolist()
                photo = Path(str(np.ravel(entry['imgName'])[0])).stem
                box = [left - 1, top - 1, right - left, bottom - top]
                boxes[folders.get(name, name), photo] = box
        except InputError as error:
            problems.errors.append(str(error))
        except (IndexError, KeyError, TypeError, ValueError) as error:
            problems.errors.append(f'{path}: not as i·bug has it ({error!r}); download it again')
    return boxes


def _pair_up(source: Path, folder: Folder, problems: Problems) -> list[tuple[Path, Path]]:
    """Return the folder's (annotation, photo) pairs by name, noting what has no partner."""
    root, pairs = source / folder.path, []
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(root.glob('[!.]*')):
        if path.suffix.lower() in ('.pts', *PHOTO_SUFFIXES):
            files[path.stem].append(path)
    for name, found in sorted(files.items()):
        photos = [path for path in found if path.suffix.lower() != '.pts']
        if len(found) == 2 and len(photos) == 1:
            pairs.append((*(path for path in found if path not in photos), *photos))
        else:
            names = ', '.join(path.name for path in found)
            reason = f'a photo and {name}.pts expected, found {names}; unpack it again'
            problems.errors.append(f'{root}: {reason}')
    # The private test set came later and many do without it: its absence is no news.
    if pairs or folder.split != 'test':
        problems.compare(root, len(pairs), folder.count)
    return pairs


def main() -> int:
    """Convert by the command line."""
    return run_converter(convert_300w, str(__doc__), BOXES)

"""The original WFLW archives -> MMPose's ``face_landmarks_wflw_{train,test}.json``.

A line of a list holds 207 fields between spaces: 196 coordinates (98 landmarks, x y), the box of a
face detector (x_min y_min x_max y_max), six attributes (0 or 1) and the photo's name. Coordinates
are taken as they are, 0-based, as MMPose's own ``wflw2coco.py`` does.
"""

import codecs
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .coco_json import BadSampleError, Problems, box_framing
from .conversion import Face, build_splits, link_images, photo_path, write_splits

NUM_POINTS = 98
NUM_COORDINATES = 2 * NUM_POINTS
BOX = ('x_min', 'y_min', 'x_max', 'y_max')
NUM_NUMBERS = NUM_COORDINATES + len(BOX)

# Each with its official number of test faces; "make-up" in WFLW's README.
ATTRIBUTES = dict(pose=326, expression=314, illumination=698, makeup=206, occlusion=736, blur=773)
NUM_FIELDS = NUM_NUMBERS + len(ATTRIBUTES) + 1
SPLITS = dict(train=7500, test=2500)  # official numbers of faces

PHOTOS = 'WFLW_images'
LISTS = 'WFLW_annotations/list_98pt_rect_attr_train_test'


def list_name(split: str) -> str:
    """Return a list's path in the unpacked archives, with ``/``."""
    return f'{LISTS}/list_98pt_rect_attr_{split}.txt'


def convert_wflw(
    source: str | Path, out: str | Path, skip_bad: bool = False, boxes: str = 'landmarks'
) -> tuple[dict[Path, int], Problems]:
    """Write ``annotations/`` and the link ``images`` under ``out``.

    Nothing is written if a face is bad, unless ``skip_bad``; then only the bad faces are missing.

    Args:
        source: Where the archives were unpacked.
        out: MMPose's data root for WFLW, such as ``data/wflw``.
        skip_bad: Leave bad faces out instead of giving up.
        boxes: Frame faces by their ``'landmarks'``, or by the line's box of a ``'detector'``.

    Returns:
        The number of faces per file written (empty if there was nothing to write or, without
        ``skip_bad``, an error), and what was found wrong.
    """
    source, out = Path(source), Path(out)
    splits, problems = collect_wflw(source, boxes)
    folder = out / 'annotations'
    contents = {folder / f'face_landmarks_wflw_{name}.json': c for name, c in splits.items()}
    written = write_splits(contents, problems, skip_bad, source) if contents else {}
    if written:
        link_images(source / PHOTOS, out / 'images', problems)
    return written, problems


def collect_wflw(
    source: Path, boxes: str = 'landmarks'
) -> tuple[dict[str, dict[str, Any]], Problems]:
    """Read every face under ``source``, writing nothing.

    Returns:
        The COCO-style content per split (``train``, ``test``; none if a part of the layout is
        missing), whose annotations name the face's attributes in ``subsets``, and the problems.
    """
    problems, photos = Problems(), source / PHOTOS
    found = [split for split in SPLITS if (source / list_name(split)).is_file()]
    missing = [list_name(split) for split in SPLITS if split not in found]
    if not found:
        problems.errors.append(
            f'{source}: neither {" nor ".join(missing)}; unpack WFLW_annotations and {PHOTOS} there'
        )
        return {}, problems
    if not photos.is_dir():
        problems.errors.append(f'{photos}: no such folder; unpack the photos of WFLW there')
        return {}, problems
    for name in missing:
        problems.warnings.append(f'{source / name}: missing, so no file is written for it')

    lines = [line for split in found for line in _lines(source, split, problems)]
    descriptions = {split: f'WFLW {split}, 98 points, 0-based' for split in SPLITS}
    splits = build_splits(
        lines, lambda line: _face(line, photos, boxes), photos, descriptions, problems, 'WFLW faces'
    )
    _compare_subsets(splits['test']['annotations'], source / list_name('test'), problems)
    return splits, problems


@dataclass(frozen=True)
class _Line:
    """One face's line and where it stands."""

    split: str
    where: str
    text: str


def _lines(source: Path, split: str, problems: Problems) -> Iterator[_Line]:
    """Yield a list's lines that are not empty; note where their number is not the official one."""
    path = source / list_name(split)
    try:
        # Not splitlines(): a name may hold one of Unicode's other line ends.
        rows = path.read_bytes().removeprefix(codecs.BOM_UTF8).split(b'\n')
    except OSError as error:
        problems.errors.append(f'{path}: unreadable list ({error}); unpack it again')
        return
    # What is no UTF-8 becomes a replacement character, which is refused with its line.
    rows = [(n, row.decode('utf-8', 'replace').strip()) for n, row in enumerate(rows, start=1)]
    rows = [(number, row) for number, row in rows if row]
    if len(rows) != SPLITS[split]:
        problems.warnings.append(
            f'{path}: {len(rows)} faces, the official set has {SPLITS[split]};'
            ' scores are not comparable with published ones'
        )
    for number, row in rows:
        yield _Line(split, f'{path}:{number}', row)


def _face(line: _Line, photos: Path, boxes: str) -> Face:
    """Read one line.

    Raises:
        BadSampleError: If it departs from the form, or its photo is not there.
    """
    if '\ufffd' in line.text:
        raise BadSampleError(line.where, 'the line is no UTF-8 text; unpack the list again')
    fields = line.text.split(maxsplit=NUM_FIELDS - 1)
    total = len(line.text.split())
    if total < NUM_FIELDS:
        raise BadSampleError(line.where, f'{total} fields, {NUM_FIELDS} expected; the line is cut')
    try:
        numbers = [_number(fields, index) for index in range(NUM_NUMBERS)]
        _check_box(numbers[NUM_COORDINATES:])
        subsets = _subsets(fields[NUM_NUMBERS:-1])
        if total > NUM_FIELDS:  # no fault if the name has spaces
            photo_path(photos, fields[-1], 'name')
    except ValueError as error:
        count = f'{total} fields, {NUM_FIELDS} expected: ' if total > NUM_FIELDS else ''
        raise BadSampleError(line.where, f'{count}{error}') from None
    points = np.reshape(numbers[:NUM_COORDINATES], (NUM_POINTS, 2))
    x_min, y_min, x_max, y_max = numbers[NUM_COORDINATES:]
    given = boxes == 'detector'
    framing = box_framing((x_min, y_min, x_max - x_min, y_max - y_min)) if given else {}
    extra = dict(subsets=subsets)
    return Face(line.split, fields[-1], points, line.where, framing=framing, extra=extra)


def _number(fields: list[str], index: int) -> float:
    """Return a coordinate in pixels.

    Raises:
        ValueError: If it is no finite number.
    """
    try:
        value = float(fields[index]) if '_' not in fields[index] else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        landmark, axis = divmod(index, 2)
        name = f'{"xy"[axis]} of landmark {landmark}'
        if index >= NUM_COORDINATES:
            name = f'{BOX[index - NUM_COORDINATES]} of the box'
        raise ValueError(f'{name} (field {index + 1}) is no finite number: {fields[index]!r}')
    return value


def _check_box(box: list[float]) -> None:
    """Refuse a box without area: used or not, it is a sign of a damaged line."""
    x_min, y_min, x_max, y_max = box
    if x_max <= x_min or y_max <= y_min:
        raise ValueError(f'the box has no area: {x_min:g},{y_min:g} to {x_max:g},{y_max:g}')


def _subsets(flags: list[str]) -> list[str]:
    """Return the names of the attributes that are 1."""
    for name, flag in zip(ATTRIBUTES, flags, strict=True):
        if flag not in ('0', '1'):
            raise ValueError(f'attribute {name} must be 0 or 1, got {flag!r}')
    return [name for name, flag in zip(ATTRIBUTES, flags, strict=True) if flag == '1']


def _compare_subsets(annotations: list[dict[str, Any]], path: Path, problems: Problems) -> None:
    """Note where a test set of the official size has subsets of other sizes."""
    if len(annotations) != SPLITS['test']:
        return
    for name, official in ATTRIBUTES.items():
        count = sum(name in annotation['subsets'] for annotation in annotations)
        if count != official:
            problems.warnings.append(
                f'{path}: {count} faces with attribute {name}, the official set has {official};'
                ' scores are not comparable with published ones'
            )

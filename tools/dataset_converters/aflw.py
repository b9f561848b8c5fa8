"""AFLW with the 19 landmarks of ``AFLWinfo_release.mat`` -> ``face_landmarks_aflw_*.json``.

That file's facts, as the loaders of SAN, SBR, FaRL and PIPNet read it:

* ``bbox`` is x_min, x_max, y_min, y_max of AFLW's own face rectangle; ``data`` is 19 x, then 19 y;
  ``mask_new`` is 1 where a landmark is visible. Hidden landmarks have coordinates too, and count.
* Only ``ra`` is 1-based. Pixels are 0-based: SBR's loader finds a face in AFLW's database by its
  rectangle's corner being that of ``bbox``, and none of them shifts landmarks.
* Some names in ``nameList`` have the wrong suffix; the photo of that name with another is taken.

``center``, ``scale`` and ``box_size`` come from the face rectangle, ``bbox`` and ``area`` from the
landmarks, as in MMPose's published annotations. ``box_size`` is the longer side: both faces at hand
have square rectangles, where the root of the area, as SAN and FaRL have it, is the same.

Frontal faces: ``frontal`` is the subset whose 19 landmarks are all visible, FaRL's rule; HRNet
counts 1314. CCL, and MHHN after it, describe theirs in the same words but count 1165, and publish
no list, so it cannot be reconstructed here. A stricter rule is in the code of SAN and SBR: every
landmark strictly inside the face rectangle as well. That is the subset ``frontal_in_box``; whether
it is the one of 1165 is unknown, and converting the official file tells.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .coco_json import PIXEL_STD, BadSampleError, Problems
from .conversion import Face, build_splits, link_images, photo_path, write_splits
from .matlab import load_matlab5

MAT = 'AFLWinfo_release.mat'
PHOTOS = 'flickr'
FOLDERS = ('.', 'data', 'aflw/data')  # where in the source the two are found
MAX_NAME = 200  # characters; longer than any of AFLW's, shorter than what a file system refuses
PHOTO_SUFFIXES = ('.jpg', '.png', '.jpeg', '.JPG', '.PNG')
NUM_POINTS = 19
NUM_TRAIN, NUM_TEST, NUM_FRONTAL = 20000, 4386, 1314  # official counts
NUM_FRONTAL_CCL = 1165
COLUMNS = dict(bbox=4, data=2 * NUM_POINTS, mask_new=NUM_POINTS, nameList=1)
KINDS = dict(nameList='O')  # numpy's kinds of array; the others hold numbers


@dataclass(frozen=True)
class Table:
    """What the ``.mat`` says, N rows, one per face.

    Attributes:
        path: The file.
        names: Cells (N,), each an array that should hold one photo's name.
        points: Landmarks (N, 19, 2), 0-based photo pixels.
        visible: ``mask_new`` (N, 19).
        boxes: x_min, x_max, y_min, y_max (N, 4), pixels.
        order: Rows (N,), 0-based: training faces first, then test faces.
    """

    path: Path
    names: np.ndarray
    points: np.ndarray
    visible: np.ndarray
    boxes: np.ndarray
    order: np.ndarray


def convert_aflw(
    source: str | Path, out: str | Path, skip_bad: bool = False, num_train: int = NUM_TRAIN
) -> tuple[dict[Path, int], Problems]:
    """Write ``annotations/`` and the link ``images`` under ``out``.

    Nothing is written if a face is bad, unless ``skip_bad``; then only the bad faces are missing.
    Faces come in the order of ``ra``. A face's id is its row in the ``.mat``, from 1, whichever
    faces are left out.

    Args:
        source: Where the photos were unpacked, with the ``.mat`` beside them.
        out: MMPose's data root for AFLW, such as ``data/aflw``.
        skip_bad: Leave bad faces out instead of giving up.
        num_train: How many of ``ra`` are training faces; only other sets than AFLW-19 need it.

    Returns:
        The number of faces per file written (empty if there was nothing to write or, without
        ``skip_bad``, an error), and what was found wrong.
    """
    source, out, problems = Path(source), Path(out), Problems()
    try:
        table = read_mat(_find(source, MAT, 'download it to there'))
        photos = _find(source, PHOTOS, 'unpack the photos there').parent
        _check_split(table, num_train)
    except BadSampleError as error:
        problems.errors.append(str(error))
        return {}, problems
    entries = [('train', row) for row in table.order[:num_train]]
    entries += [('test', row) for row in table.order[num_train:]]
    names = {name: f'AFLW {name}, 19 points, 0-based' for name in ('train', 'test')}
    splits = build_splits(
        entries, lambda entry: _face(table, photos, *entry), photos, names, problems, 'AFLW faces'
    )
    folder = out / 'annotations'
    contents = {folder / f'face_landmarks_aflw_{name}.json': c for name, c in splits.items()}
    written = write_splits(contents, problems, skip_bad, source)
    if written:
        found = {name: content['annotations'] for name, content in splits.items()}
        problems.warnings += _compare(table, found)
        link_images(photos, out / 'images', problems)
    return written, problems


def read_mat(path: Path) -> Table:
    """Read the ``.mat``.

    Raises:
        BadSampleError: If it is damaged, of MATLAB 7.3, or not of the form expected.
    """
    again = 'download it again'
    content = load_matlab5(path, [*COLUMNS, 'ra'])
    for name, value in content.items():
        kinds = KINDS.get(name, 'biuf')
        if value.dtype.kind not in kinds:
            content_type = 'cells' if kinds == 'O' else 'numbers'
            raise BadSampleError(path, f"'{name}' is no array of {content_type}; {again}")
    rows = len(content['nameList'])
    for name, columns in COLUMNS.items():
        if content[name].shape != (rows, columns):
            found, wanted = content[name].shape, (rows, columns)
            raise BadSampleError(path, f"'{name}' has shape {found}, {wanted} expected; {again}")
    # Whole numbers come in the compact integer types MATLAB saves them in, too small for sums.
    numbers = {k: v.astype(np.float64) for k, v in content.items() if k in ('bbox', 'data', 'ra')}
    order = numbers['ra'].ravel()
    if not np.array_equal(np.sort(order), np.arange(1, rows + 1)):
        raise BadSampleError(path, f"'ra' does not hold each of 1 to {rows} once; {again}")
    points = numbers['data'].reshape(rows, 2, NUM_POINTS).transpose(0, 2, 1)
    names = content['nameList'][:, 0]
    order = order.astype(int) - 1
    return Table(path, names, points, content['mask_new'], numbers['bbox'], order)


def _find(source: Path, name: str, remedy: str) -> Path:
    """Return the first place in the source that has ``name``."""
    for folder in FOLDERS:
        if (source / folder / name).exists():
            return source / folder / name
    raise BadSampleError(source, f'no {name} in it, data/ or aflw/data/; {remedy}')


def _check_split(table: Table, num_train: int) -> None:
    """Refuse a set that ends before its test faces begin."""
    if not 0 < num_train < len(table.order):
        raise BadSampleError(
            table.path,
            f'{len(table.order)} faces, {num_train} of them for training: none is left for'
            f' testing; download the whole file ({NUM_TRAIN + NUM_TEST} faces), or say'
            ' --num-train',
        )


def _face(table: Table, photos: Path, split: str, row: int) -> Face:
    """Read one face; ``row`` is 0-based."""
    where = f'{table.path}: face {row + 1}'
    file_name = _photo_name(table.names[row], photos, where)
    points, mask = np.ascontiguousarray(table.points[row]), table.visible[row]
    if not np.isin(mask, (0, 1)).all():
        raise BadSampleError(where, f"'mask_new' must be 0 or 1, got {mask.tolist()}")
    x1, x2, y1, y2 = table.boxes[row].tolist()
    if not (x2 > x1 and y2 > y1):
        raise BadSampleError(where, f"'bbox' has no area: x {x1:g} to {x2:g}, y {y1:g} to {y2:g}")
    size = max(x2 - x1, y2 - y1)
    framing = dict(center=[(x1 + x2) / 2, (y1 + y2) / 2], scale=size / PIXEL_STD, box_size=size)
    inside = (points > (x1, y1)).all() and (points < (x2, y2)).all()
    subsets = ['frontal', 'frontal_in_box'][: 1 + inside] if mask.all() and split == 'test' else []
    extra = dict(subsets=subsets, occluded=[int(not visible) for visible in mask])
    return Face(split, file_name, points, where, None, framing, extra, int(row) + 1)


def _photo_name(cell: np.ndarray, photos: Path, where: str) -> str:
    """Return the photo's name relative to ``photos``."""
    if not isinstance(cell, np.ndarray) or cell.dtype.kind != 'U' or cell.size != 1:
        raise BadSampleError(where, "'nameList' has no name for it")
    listed, folder = str(cell.item()), photos / PHOTOS
    stem = listed.rpartition('.')[0]
    names = [stem + suffix for suffix in PHOTO_SUFFIXES]
    photo = folder / listed
    if len(listed) < MAX_NAME and not photo.is_file():
        listed = next((name for name in names if (folder / name).is_file()), listed)
    photo_path(folder, listed, where)
    return f'{PHOTOS}/{listed}'


def _compare(table: Table, found: dict[str, list[dict]]) -> list[str]:
    """Return what differs from the official set, and what cannot be known in advance."""
    subsets = [subset for face in found['test'] for subset in face['subsets']]
    counts = dict(train=len(found['train']), test=len(found['test']))
    counts['frontal'] = subsets.count('frontal')
    official = dict(train=NUM_TRAIN, test=NUM_TEST, frontal=NUM_FRONTAL)
    notes = [
        f'{table.path}: {counts[name]} {name} faces, the official set has {official[name]};'
        ' scores are not comparable with published ones'
        for name in official
        if counts[name] != official[name]
    ]
    in_box = subsets.count('frontal_in_box')
    if counts['test'] == NUM_TEST and in_box != NUM_FRONTAL_CCL:
        notes.append(
            f'{table.path}: {in_box} frontal_in_box faces, so this is not the subset of'
            f' {NUM_FRONTAL_CCL} that MHHN reports on'
        )
    oblong = np.count_nonzero(~np.isclose(*np.diff(table.boxes)[:, ::2].T))
    if oblong:
        notes.append(f'{table.path}: {oblong} face boxes are no squares; box_size: longer side')
    return notes

"""Convert AFLW with its 19-point annotations to the annotation files MMPose reads.

Get the photos (aflw-images-0, -2 and -3) from
https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/ ; they are
for non-commercial research only, on request, which you accept there. Get the 19-point
annotations, AFLWinfo_release.mat, from
http://mmlab.ie.cuhk.edu.hk/projects/compositional.html (Zhu et al., CVPR 2016).

  SOURCE/AFLWinfo_release.mat     24386 faces: 20000 train, 4386 test
  SOURCE/data/flickr/0/           the photos, image00002.jpg and so on
  SOURCE/data/flickr/2/
  SOURCE/data/flickr/3/

Both may as well lie in SOURCE, SOURCE/data or SOURCE/aflw/data. Later editions of AFLW lack
a few of the photos: --skip-bad leaves their faces out.

Written: OUT/annotations/face_landmarks_aflw_{train,test}.json. A face's id is its row in the
.mat, from 1. Photos are not copied: OUT/images becomes a link to the folder that has flickr/,
so MMPose's configs work with data_root='OUT/'. Without the link, set
data_prefix=dict(img='SOURCE/data/').

Subsets of the test set: 'frontal', all 19 landmarks visible (FaRL's rule), 1314 faces. The
paper (MHHN) counts 1165 frontal faces and gives no rule, and no list of them is published.
'frontal_in_box' also wants every landmark inside the face box, as the code of SAN and SBR does;
whether these are the 1165 is not known: a warning says if they are not.
"""

# What the loaders of SAN, SBR, FaRL and PIPNet say of the .mat: `bbox` is x_min, x_max, y_min,
# y_max of AFLW's own face rectangle; `data` is 19 x, then 19 y; `mask_new` is 1 where a landmark is
# visible, and hidden ones have coordinates too, and count. Only `ra` is 1-based: none of them
# shifts landmarks, and SBR's loader finds a face by its rectangle's corner being that of `bbox`.
# As in MMPose's annotations `center`, `scale` and `box_size` (the longer side) come from the face
# rectangle, `bbox` and `area` from the landmarks.

import sys
from functools import partial
from pathlib import Path

import numpy as np

from mhhn_landmarks.errors import InputError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.coco_json import (
    PIXEL_STD,
    AnnotatedFace,
    Content,
    Problems,
    build_splits,
    photo_path,
)
from dataset_converters.conversion import convert, run_converter
from dataset_converters.matlab import load_matlab5

MAT = 'AFLWinfo_release.mat'
PHOTOS = 'flickr'
FOLDERS = ('.', 'data', 'aflw/data')  # where in the source the two are found
# Some names in `nameList` have the wrong suffix; the photo of that name with another is taken.
PHOTO_SUFFIXES = ('.jpg', '.png', '.jpeg', '.JPG', '.PNG')
NUM_POINTS = 19
NUM_TRAIN, NUM_TEST, NUM_FRONTAL = 20000, 4386, 1314  # official counts
NUM_FRONTAL_CCL = 1165
COLUMNS = dict(bbox=4, data=2 * NUM_POINTS, mask_new=NUM_POINTS)
OPTIONS = {
    '--num-train': dict(
        type=int,
        default=NUM_TRAIN,
        help='how many faces in the order of `ra` are for training; less for generated faces',
    )
}


def _collect(
    source: Path, out: Path, problems: Problems, num_train: int = NUM_TRAIN
) -> tuple[dict[str, Content], Path]:
    """Read every face, in the order of `ra`; `num_train` of them are for training."""
    path = _find(source, MAT, 'download it to there')
    table = read_mat(path)
    photos = _find(source, PHOTOS, 'unpack the photos there').parent
    rows = (table['ra'].ravel().astype(int) - 1).tolist()
    if not 0 < num_train < len(rows):
        raise InputError(
            f'{path}: {len(rows)} faces, {num_train} of them for training: none is left for'
            f' testing; download the whole file ({NUM_TRAIN + NUM_TEST} faces), or say --num-train'
        )
    entries = [('train' if k < num_train else 'test', row) for k, row in enumerate(rows)]
    splits = build_splits(
        entries,
        lambda entry: _face(table, f'{path}: face {entry[1] + 1}', photos, *entry),
        photos,
        {name: f'AFLW {name}, {NUM_POINTS} points, 0-based' for name in ('train', 'test')},
        problems,
        'AFLW faces',
    )
    train, test = (splits[name]['annotations'] for name in ('train', 'test'))
    subsets = [subset for face in test for subset in face['subsets']]
    problems.compare(path, len(train), NUM_TRAIN, 'train faces')
    problems.compare(path, len(test), NUM_TEST, 'test faces')
    problems.compare(path, subsets.count('frontal'), NUM_FRONTAL, 'frontal faces')
    in_box = subsets.count('frontal_in_box')
    if len(test) == NUM_TEST and in_box != NUM_FRONTAL_CCL:
        problems.warnings.append(
            f'{path}: {in_box} frontal_in_box faces, so this is not the subset of'
            f' {NUM_FRONTAL_CCL} that MHHN reports on'
        )
    return {f'face_landmarks_aflw_{name}': content for name, content in splits.items()}, photos


convert_aflw = partial(convert, _collect)


def _find(source: Path, name: str, remedy: str) -> Path:
    """Return the first place in the source that has `name`."""
    for folder in FOLDERS:
        if (source / folder / name).exists():
            return source / folder / name
    raise InputError(f'{source}: no {name} in it, data/ or aflw/data/; {remedy}')


def read_mat(path: Path) -> dict[str, np.ndarray]:
    """Read the `.mat`: `COLUMNS`, a row a face; `nameList`; `ra`, each row's number once."""
    table = load_matlab5(path, [*COLUMNS, 'ra'], ['nameList'])
    rows, remedy = len(table['nameList']), 'download it again'
    for name, columns in COLUMNS.items():
        shape = table[name].shape
        if shape != (rows, columns):
            reason = f"'{name}' has shape {shape}, {(rows, columns)} expected; {remedy}"
            raise InputError(f'{path}: {reason}')
    if not np.array_equal(np.sort(table['ra'].ravel()), np.arange(1, rows + 1)):
        raise InputError(f"{path}: 'ra' does not hold each of 1 to {rows} once; {remedy}")
    return table


def _face(
    table: dict[str, np.ndarray], where: str, photos: Path, split: str, row: int
) -> AnnotatedFace:
    """Read one face; `row` is 0-based."""
    file_name = _photo_name(table['nameList'][row, 0], photos, where)
    points = np.column_stack(table['data'][row].reshape(2, NUM_POINTS))
    mask = table['mask_new'][row]
    if not np.isin(mask, (0, 1)).all():
        raise InputError(f"{where}: 'mask_new' must be 0 or 1, got {mask.tolist()}")
    x1, x2, y1, y2 = table['bbox'][row].tolist()
    if not (x2 > x1 and y2 > y1):
        raise InputError(f"{where}: 'bbox' has no area: x {x1:g} to {x2:g}, y {y1:g} to {y2:g}")
    size = max(x2 - x1, y2 - y1)
    framing = dict(center=[(x1 + x2) / 2, (y1 + y2) / 2], scale=size / PIXEL_STD, box_size=size)
    inside = (points > (x1, y1)).all() and (points < (x2, y2)).all()
    subsets = ['frontal', 'frontal_in_box'][: 1 + inside] if mask.all() and split == 'test' else []
    extra = dict(subsets=subsets, occluded=(1 - mask).astype(int).tolist())
    return AnnotatedFace(split, file_name, points, where, None, framing, extra, row + 1)


def _photo_name(cell: np.ndarray, photos: Path, where: str) -> str:
    """Return the photo's name relative to `photos`."""
    if not isinstance(cell, np.ndarray) or cell.dtype.kind != 'U' or cell.size != 1:
        raise InputError(f"{where}: 'nameList' has no name for it")
    listed, folder = str(cell.item()), photos / PHOTOS
    names = [listed, *(listed.rpartition('.')[0] + suffix for suffix in PHOTO_SUFFIXES)]
    listed = next((name for name in names if (folder / name).is_file()), listed)
    photo_path(folder, listed, where)
    return f'{PHOTOS}/{listed}'


if __name__ == '__main__':
    sys.exit(run_converter(convert_aflw, str(__doc__), OPTIONS))

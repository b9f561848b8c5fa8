"""Convert the original COFW files, and COFW-68, to the annotation files MMPose reads.

Get COFW_color.zip from https://data.caltech.edu/records/bc0bf-nc666 , whose page names the
licence, and unpack it in SOURCE. For COFW-68 put a clone, or the unpacked ZIP, of
https://github.com/golnazghiasi/cofw68-benchmark there too; it states no licence, so ask its
authors before any use but research:

  SOURCE/COFW_train_color.mat                     1345 faces   train, 29 points
  SOURCE/COFW_test_color.mat                       507         test, 29 points
  SOURCE/cofw68-benchmark/COFW68_Data/
    test_annotations/{1..507}_points.mat           507         COFW-68 (optional), 68 points

Each may also lie in another folder below SOURCE. A part of it works too, with a warning.

Written: OUT/images/000001.jpg ..., photos of test faces from 001346.jpg on, and
OUT/annotations/cofw_{train,test}.json and cofw68_test.json, which Face300WDataset reads.
MMPose's configs work with data_root='OUT/'. With an error no annotation file is written, but
photos may be.
"""

# The rules are those behind MMPose's published annotations: landmarks lose MATLAB's 1, the face box
# does not, and a negative number becomes 0 in both.

import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np

from mhhn_landmarks.annotations import LARGEST_OUTSIDE, SILENT_OUTSIDE
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.fileio import stale_files, write_bytes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.coco_json import AnnotatedFace, Content, Problems, build_splits
from dataset_converters.cofw68 import FIRST_TEST_ID, collect_cofw68, photo_name
from dataset_converters.conversion import convert, refuse_link, run_converter
from dataset_converters.matlab import hdf5_errors, size_text

NUM_POINTS = 29
COFW68_FOLDER = 'test_annotations'
# Colour at full resolution: MMPose's own script takes OpenCV's default, 4:2:0, at the same quality.
JPEG = [
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]

LARGEST_SIDE = 65500  # px; libjpeg's limit


class Part(NamedTuple):
    """One of the two files: its variables end in `suffix`, its faces are numbered on."""

    split: str
    file_name: str
    suffix: str
    first_id: int
    count: int


PARTS = (
    Part('train', 'COFW_train_color.mat', 'Tr', 1, 1345),
    Part('test', 'COFW_test_color.mat', 'T', FIRST_TEST_ID, 507),
)


def _collect(source: Path, out: Path, problems: Problems) -> tuple[dict[str, Content], None]:
    """Read all that is found anywhere below `source`.

    Photos are written one by one, so some may be there without annotations.
    """
    found = {}
    for name in (*(part.file_name for part in PARTS), COFW68_FOLDER):
        found[name], *more = sorted(source.rglob(name)) or [None]
        if more:
            raise InputError(f'{found[name]}: there is {more[0]} too; keep one')
    missing = [part.file_name for part in PARTS if not found[part.file_name]]
    if not any(found.values()):
        raise InputError(f'{source}: no {" or ".join(missing)} in it; unpack COFW there')
    if len(missing) == 1:
        problems.warnings.append(f'{source}: no {missing[0]} in it; left out')
    images, contents = out / 'images', {}
    refuse_link(images)
    for stale in stale_files(images, '.jpg'):  # what a killed run left
        stale.unlink()
    readers = {part.file_name: partial(collect_cofw, part) for part in PARTS}
    names = [*(f'cofw_{part.split}' for part in PARTS), 'cofw68_test']
    for name, (file, path) in zip(names, found.items(), strict=True):
        try:
            if path:
                contents[name] = readers.get(file, collect_cofw68)(path, images, problems)
        except InputError as error:
            problems.errors.append(str(error))
    return contents, None


convert_cofw = partial(convert, _collect)


def collect_cofw(part: Part, path: Path, images: Path, problems: Problems) -> Content:
    """Read every face of one file, one photo at a time, and write the photos to `images`."""
    with hdf5_errors(path):
        file = h5py.File(path)
    with file:
        references, shapes, boxes = _read_tables(file, part)
        count = len(references)
        if part.first_id < FIRST_TEST_ID < part.first_id + count:
            reason = f'{count} faces; the official {part.count} at most, for test ids follow them'
            raise InputError(f'{path}: {reason}')
        problems.compare(path, count, part.count)

        def read(index: int) -> AnnotatedFace:
            where, number = f'{path}, face {index + 1}', part.first_id + index
            # Before the landmarks, since COFW-68 needs the photo even if these are bad.
            photo = cv2.imencode('.jpg', load_photo(file, references[index], where), JPEG)[1]
            write_bytes(images / photo_name(number), photo.tobytes())
            points, occluded = _landmarks(shapes[:, index], where, problems)
            box = np.maximum(boxes[:, index], 0.0).tolist()
            framing = dict(bbox=box, area=box[2] * box[3], center=None, scale=None)
            extra = dict(subsets=[], occluded=occluded.tolist())
            name, visible = photo_name(number), 2 - occluded
            return AnnotatedFace(part.split, name, points, where, visible, framing, extra, number)

        about = {part.split: f'COFW {part.split}, {NUM_POINTS} points, 0-based'}
        label = f'COFW {part.split} faces'
        return build_splits(range(count), read, images, about, problems, label)[part.split]


def _read_tables(file: h5py.File, part: Part) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the references to the N photos, the landmarks (87, N) and the boxes (4, N)."""
    path, tables = file.filename, []
    wanted = {'Is': ('O', 1), 'phis': ('fiu', 3 * NUM_POINTS), 'bboxes': ('fiu', 4)}
    for stem, (kinds, rows) in wanted.items():
        name = f'{stem}{part.suffix}'
        with hdf5_errors(path):
            found = file.get(name)
            if not isinstance(found, h5py.Dataset):
                raise InputError(f'{path}: no variable {name}')
            if found.ndim != 2 or len(found) != rows or found.dtype.kind not in kinds:
                # HDF5 keeps MATLAB's column-major arrays as they lie, so their axes are reversed.
                size = f'{size_text((found.shape or ())[::-1])} {found.dtype}'
                what = 'photos' if kinds == 'O' else 'numbers'
                raise InputError(f'{path}: {name} is {size}, faces x {rows} {what} expected')
            tables.append(found[()] if kinds == 'O' else found[()].astype(float))
    if len({table.shape[1] for table in tables}) > 1:
        counts = ', '.join(f'{table.shape[1]}' for table in tables)
        raise InputError(f'{path}: {", ".join(wanted)} have {counts} faces')
    return tables[0][0], tables[1], tables[2]


def _landmarks(values: np.ndarray, where: str, problems: Problems) -> tuple[np.ndarray, np.ndarray]:
    """Return points (29, 2), 0-based pixels, and flags (29,), 1 occluded.

    The values are 29 x, 29 y, both counted from 1, and 29 flags. Landmarks a little outside are
    moved to the border, which is noted.
    """
    *xy, flags = values.reshape(3, NUM_POINTS)
    points = np.column_stack(xy) - 1.0
    for index in np.flatnonzero(~np.isin(flags, (0, 1))):
        reason = f'occlusion flag {index} is {flags[index]:g}, 0 or 1 expected'
        raise InputError(f'{where}: {reason}')
    outside = -points.min()
    if outside > LARGEST_OUTSIDE * np.ptp(points, axis=0).max():
        reason = f'a landmark lies {outside:.1f} px outside; it seems to belong to another photo'
        raise InputError(f'{where}: {reason}')
    if outside > SILENT_OUTSIDE:
        problems.warnings.append(f'{where}: a landmark at {-outside:.1f} px was moved to 0')
    return np.maximum(points, 0.0), flags.astype(int)


def load_photo(file: h5py.File, reference: h5py.Reference, where: str) -> np.ndarray:
    """Read a photo, stored as (3, W, H) RGB or (W, H) grey; return BGR (H, W, 3) or grey (H, W)."""
    with hdf5_errors(where):
        stored = file[reference]
        shape = getattr(stored, 'shape', None) or ()
        fits = len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))
        # MATLAB stores an empty array as its size, so a 2-vector of uint64 stands for no photo.
        fits = fits and 0 < min(shape[-2:]) <= max(shape) <= LARGEST_SIDE
        if not fits or stored.dtype != np.uint8:
            kind = f'{size_text(shape[::-1])} {getattr(stored, "dtype", "no array")}'.strip()
            reason = f'the photo is {kind}, H x W x 3 or H x W uint8 to {LARGEST_SIDE} px expected'
            raise InputError(f'{where}: {reason}')
        photo = stored[()].T  # -> (H, W, 3) RGB or (H, W)
    return np.ascontiguousarray(photo[..., ::-1] if photo.ndim == 3 else photo)


if __name__ == '__main__':
    sys.exit(run_converter(convert_cofw, str(__doc__)))

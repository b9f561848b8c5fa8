"""The original COFW files, and COFW-68's annotations -> ``cofw_*.json`` and photos.

The rules are those behind MMPose's published annotations: landmarks lose MATLAB's 1, the face box
does not, and a negative number becomes 0 in both.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mhhn_landmarks.annotations import LARGEST_OUTSIDE, SILENT_OUTSIDE

from .coco_json import BadSampleError, Problems
from .cofw68 import collect_cofw68
from .cofw_photos import FIRST_TEST_ID, load_photo, photo_name, write_photo
from .conversion import Face, build_splits, refuse_link, write_splits
from .matlab import hdf5_columns, hdf5_errors, hdf5_variable, open_matlab73

NUM_POINTS = 29
COFW68_FOLDER = 'test_annotations'


@dataclass(frozen=True)
class Part:
    """One of the two files: its variables end in ``suffix``, its faces are numbered on."""

    split: str
    file_name: str
    suffix: str
    first_id: int
    count: int


PARTS = (
    Part('train', 'COFW_train_color.mat', 'Tr', 1, 1345),
    Part('test', 'COFW_test_color.mat', 'T', FIRST_TEST_ID, 507),
)


def convert_cofw(
    source: str | Path, out: str | Path, skip_bad: bool = False
) -> tuple[dict[Path, int], Problems]:
    """Write ``annotations/`` and ``images/`` under ``out``; COFW-68 too if it is found.

    No annotation file is written if a face is bad, unless ``skip_bad``; then only the bad faces
    are missing. Photos are written one by one, so some may be there without annotations. Photos
    already there with the same content stay, so a conversion can be repeated.

    Args:
        source: Where the archives were unpacked; their files may lie anywhere below.
        out: MMPose's data root for COFW, such as ``data/cofw``.
        skip_bad: Leave bad faces out instead of giving up.

    Returns:
        The number of faces per file written (empty if there was nothing to write or, without
        ``skip_bad``, an error), and what was found wrong.
    """
    source, out = Path(source), Path(out)
    problems = Problems()
    try:
        contents = _collect(source, out, problems)
        written = write_splits(contents, problems, skip_bad, source)
    except OSError as error:  # of writing: the disk is full, or the folder is another's
        place = error.filename or out
        problems.errors.append(f'{place}: {error.strerror or error}; run this again once mended')
        written = {}
    return written, problems


def _collect(source: Path, out: Path, problems: Problems) -> dict[Path, dict[str, Any]]:
    """Read all that is found, writing the photos; return the content of each annotation file."""
    found = {part: _find(source, part.file_name, problems) for part in PARTS}
    cofw68 = _find(source, COFW68_FOLDER, problems)
    missing = [part.file_name for part, path in found.items() if path is None]
    if problems.errors:
        return {}
    if len(missing) == len(PARTS) and cofw68 is None:
        problems.errors.append(f'{source}: no {" or ".join(missing)} in it; unpack COFW there')
    elif len(missing) == 1:
        problems.warnings.append(f'{source}: no {missing[0]} in it; left out')
    folder, images = out / 'annotations', out / 'images'
    if refuse_link(images, problems):
        return {}
    contents = {}
    for part, path in found.items():
        if path is not None:
            try:
                content = collect_cofw(path, part, images, problems)
                contents[folder / f'cofw_{part.split}.json'] = content
            except BadSampleError as error:
                problems.errors.append(str(error))
    if cofw68 is not None:
        contents[folder / 'cofw68_test.json'] = collect_cofw68(cofw68, images, problems)
    return contents


def _find(source: Path, name: str, problems: Problems) -> Path | None:
    """Return the one file or folder of that name anywhere below ``source``."""
    paths = sorted(source.rglob(name))
    if len(paths) > 1:
        problems.errors.append(f'{paths[0]}: there is {paths[1]} too; keep one')
    return paths[0] if paths else None


def collect_cofw(path: Path, part: Part, images: Path, problems: Problems) -> dict[str, Any]:
    """Read every face of one file, one photo at a time, and write the photos to ``images``.

    Returns:
        The file's COCO-style content, in the original's order.

    Raises:
        BadSampleError: If the file as a whole cannot be used.
    """
    with open_matlab73(path) as file:
        references, shapes, boxes = _read_tables(file, part)
        count = len(references)
        if part.first_id < FIRST_TEST_ID < part.first_id + count:
            reason = f'{count} faces; the official {part.count} at most, for test ids follow them'
            raise BadSampleError(path, reason)
        if count != part.count:
            problems.warnings.append(
                f'{path}: {count} faces, the official set has {part.count};'
                ' scores are not comparable with published ones'
            )

        def read(index: int) -> Face:
            where, number = f'{path}, face {index + 1}', part.first_id + index
            # Before the landmarks, since COFW-68 needs the photo even if these are bad.
            photo = load_photo(file, references[index], where)
            write_photo(images / photo_name(number), photo)
            points, occluded = _landmarks(shapes[:, index], where, problems)
            box = np.maximum(boxes[:, index], 0.0).tolist()
            return Face(
                part.split,
                photo_name(number),
                points,
                where,
                visible=2 - occluded,
                framing=dict(bbox=box, area=box[2] * box[3], center=None, scale=None),
                extra=dict(subsets=[], occluded=occluded.tolist()),
                number=number,
            )

        description = f'COFW {part.split}, 29 points, 0-based'
        label = f'COFW {part.split} faces'
        splits = build_splits(
            range(count), read, images, {part.split: description}, problems, label
        )
    return splits[part.split]


def _read_tables(file: h5py.File, part: Part) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the references to the N photos, the landmarks (87, N) and the boxes (4, N)."""
    photos, shapes, boxes = (f'{name}{part.suffix}' for name in ('Is', 'phis', 'bboxes'))
    cells = hdf5_variable(file, photos)
    with hdf5_errors(file.filename):
        if h5py.check_ref_dtype(cells.dtype) is not h5py.Reference:
            raise BadSampleError(file.filename, f'{photos} is no cell array of photos')
        references = cells[()].ravel()
    tables = references, hdf5_columns(file, shapes, 3 * NUM_POINTS), hdf5_columns(file, boxes, 4)
    counts = [table.shape[-1] for table in tables]
    if len(set(counts)) > 1:
        pairs = zip(counts, (photos, shapes, boxes), strict=True)
        reason = ', '.join(f'{count} in {name}' for count, name in pairs)
        raise BadSampleError(file.filename, f'the numbers of faces disagree: {reason}')
    return tables


def _landmarks(values: np.ndarray, where: str, problems: Problems) -> tuple[np.ndarray, np.ndarray]:
    """Return points (29, 2), 0-based pixels, and flags (29,), 1 occluded.

    Args:
        values: (87,), 29 x, 29 y, both counted from 1, and 29 flags.
        where: File and face, for messages.
        problems: Takes a note of a landmark that was moved to the border.
    """
    *xy, flags = values.reshape(3, NUM_POINTS)
    points = np.column_stack(xy) - 1.0
    if not np.isin(flags, (0, 1)).all():
        index = int(np.flatnonzero(~np.isin(flags, (0, 1)))[0])
        reason = f'occlusion flag {index} is {flags[index]:g}, 0 or 1 expected'
        raise BadSampleError(where, reason)
    outside = -points.min()
    if outside > LARGEST_OUTSIDE * np.ptp(points, axis=0).max():
        reason = f'a landmark lies {outside:.1f} px outside; it seems to belong to another photo'
        raise BadSampleError(where, reason)
    if outside > SILENT_OUTSIDE:
        problems.warnings.append(f'{where}: a landmark at {-outside:.1f} px was moved to 0')
    return np.maximum(points, 0.0), flags.astype(int)

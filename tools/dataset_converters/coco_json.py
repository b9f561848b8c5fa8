"""From an archive's faces to COCO-style content, by the rules of MMPose's published annotations.

A converter lists its archive's entries and says how to read one as an `AnnotatedFace`;
`build_splits` looks at the photos, checks, frames and numbers the faces. Landmarks are `(x, y)` in
photo pixels, 0-based: the centre of the top-left pixel is (0, 0).
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from mhhn_landmarks.annotations import check_framing, check_points, landmark_box
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import damage_notice, read_bgr

PIXEL_STD = 200.0  # MMPose's face datasets multiply `scale` by it
BOX_MARGIN = 0.1  # of the landmark box's width and height, added on each side of `bbox`

Entry = TypeVar('Entry')
Content = dict[str, Any]  # of a COCO-style file


@dataclass
class Problems:
    """What went wrong (`errors`: a face was lost) and what looks odd (`warnings`)."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def compare(self, where: str | Path, found: int, official: int, what: str = 'faces') -> None:
        """Note that a set has another size than the official one."""
        if found != official:
            self.warnings.append(
                f'{where}: {found} {what}, the official set has {official};'
                ' scores are not comparable with published ones'
            )


@dataclass(frozen=True)
class AnnotatedFace:
    """One face as an archive describes it."""

    split: str  # the file it goes to, such as 'train'
    file_name: str  # of the photo, relative to the folder of photos, with /
    points: np.ndarray  # (K, 2), 0-based photo pixels; not annotated ones are written as (0, 0)
    where: str  # file and line or index, for messages
    visible: np.ndarray | None = None  # (K,): 0 not annotated, 1 annotated, 2 and not hidden
    framing: Mapping[str, Any] = field(default_factory=dict)  # replaces entries; None removes
    extra: Mapping[str, Any] = field(default_factory=dict)  # further entries of the annotation
    number: int | None = None  # the annotation's id; else faces count from 1 in each split


def build_splits(
    entries: Sequence[Entry],
    read: Callable[[Entry], AnnotatedFace],
    photos: Path,
    descriptions: Mapping[str, str],
    problems: Problems,
    label: str,
) -> dict[str, Content]:
    """Read and check every face; return COCO-style content per split, in the entries' order.

    `read` makes an `AnnotatedFace` of an entry, or raises `InputError`; what is found wrong goes to
    `problems`. Every `file_name` is relative to the folder `photos`. A split's description is what
    its file says of itself; `label` is the progress bar's.
    """
    splits: dict[str, tuple[dict, list]] = {split: ({}, []) for split in descriptions}
    records: dict[str, dict[str, int]] = {}
    seen: dict[tuple, str] = {}
    for entry in tqdm(entries, label, disable=None):
        try:
            face = read(entry)
            if face.file_name not in records:
                records[face.file_name] = _photo_record(face, photos, problems)
            photo = records[face.file_name]
            annotation = _annotation(face, photo['width'], photo['height'], problems)
        except InputError as error:
            problems.errors.append(str(error))
            continue
        same = seen.setdefault((face.split, face.file_name, face.points.tobytes()), face.where)
        if same != face.where:
            problems.warnings.append(f'{face.where}: the same face as {same}; kept')
        images, annotations = splits[face.split]
        number, name = face.number or len(annotations) + 1, face.file_name
        image = images.setdefault(name, dict(id=number, file_name=name, **photo))
        annotations.append(dict(id=number, image_id=image['id'], **annotation))
    contents = {}
    for split, (images, annotations) in splits.items():
        category = dict(id=1, name='face', supercategory='person', keypoints=[], skeleton=[])
        about = dict(info=dict(description=descriptions[split]), categories=[category])
        contents[split] = dict(about, images=[*images.values()], annotations=annotations)
    return contents


def _photo_record(face: AnnotatedFace, photos: Path, problems: Problems) -> dict[str, int]:
    """Return what a file says of a photo; `crc32` is how `LoadFaceImage` knows it again."""
    path = photo_path(photos, face.file_name, face.where)
    height, width = read_bgr(path).shape[:2]
    if notice := damage_notice(path):
        problems.warnings.append(f'{notice}; kept')
    return dict(width=width, height=height, crc32=zlib.crc32(path.read_bytes()))


def _annotation(face: AnnotatedFace, width: int, height: int, problems: Problems) -> dict[str, Any]:
    """Check a face by its annotated landmarks and return its annotation but for the ids."""
    flags = np.ones(len(face.points), int) if face.visible is None else np.asarray(face.visible)
    known, framing = face.points[flags > 0], dict(face.framing)
    try:
        if not len(known):
            raise ValueError('no visible landmark')
        if len(known) == 1 and 'bbox' not in framing:
            raise ValueError('one landmark does not say how large the face is; give its box')
        note = check_points(known, width, height, max(framing.get('bbox', [0.0, 0.0])[-2:]))
        framing = landmark_framing(known, width, height) | framing
        framing = {key: value for key, value in framing.items() if value is not None}
        check_framing(framing)
    except ValueError as error:
        raise InputError(f'{face.where}: {error}') from None
    if note:
        problems.warnings.append(f'{face.where}: {note}')
    points = np.where(flags[:, None] > 0, face.points, 0.0)
    keypoints = np.column_stack([points, flags]).ravel().tolist()
    counts = dict(num_keypoints=len(known), iscrowd=0)
    return dict(category_id=1, keypoints=keypoints, **counts, **framing, **face.extra)


def landmark_framing(points: np.ndarray, width: int, height: int) -> dict[str, Any]:
    """Return `bbox`, `area`, `center` and `scale` by the rule of MMPose's annotations.

    `bbox` is the landmark box, grown by 10% a side and clipped to the photo; landmarks in one row
    or column of pixels get a square. `center` (px) and `scale` (200 px) are those of the
    landmark box grown to whole pixels, the scale by its larger side.
    """
    x1, y1, x2, y2 = landmark_box(points)
    low, high = np.array([x1, y1]), np.array([x2, y2])
    first, last = np.floor(low), np.ceil(high)
    center, scale = ((first + last) / 2).tolist(), float((last - first).max()) / PIXEL_STD
    if x1 == x2 or y1 == y2:
        middle, half = (low + high) / 2, (high - low).max() / 2
        low, high = middle - half, middle + half
    margin = BOX_MARGIN * (high - low)
    low, high = np.maximum(low - margin, 0.0), np.minimum(high + margin, (width, height))
    bbox = [*low.tolist(), *(high - low).tolist()]
    return dict(bbox=bbox, area=bbox[2] * bbox[3], center=center, scale=scale)


def box_framing(box: Sequence[float]) -> dict[str, Any]:
    """Return `bbox`, `area`, `center` and `scale` of a given box `(x, y, w, h)`.

    >>> box_framing((10, 20, 100, 80))['center'], box_framing((10, 20, 100, 80))['scale']
    ([60.0, 60.0], 0.5)
    """
    x, y, width, height = map(float, box)
    center = [x + width / 2, y + height / 2]
    scale = max(width, height) / PIXEL_STD
    return dict(bbox=[x, y, width, height], area=width * height, center=center, scale=scale)


def photo_path(photos: Path, file_name: str, where: str | Path) -> Path:
    """Return a photo's path; refuse a name that leads out of the folder or to no file."""
    parts = PurePosixPath(file_name).parts
    climbs = '..' in parts or '\\' in file_name or '\0' in file_name
    if not parts or climbs or file_name.startswith('/') or ':' in parts[0]:
        raise InputError(f'{where}: {file_name!r} is no name of a photo inside {photos}')
    path = photos.joinpath(*parts)
    try:
        found = path.is_file()
    except OSError as error:  # a name too long for any file
        raise InputError(f'{where}: {file_name[:40]!r}...: {error.strerror}') from error
    if not found:
        raise InputError(f'{where}: no photo {path}; unpack it')
    return path

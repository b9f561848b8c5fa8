"""Readers of what annotation tools write: COCO keypoints, LabelMe, CVAT's XML, `.pts`, CSV.

Each yields the faces of a file. Points are photo pixels as the tool counts them: `FIRST_PIXEL` is
where it has the first one's centre.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from mhhn_landmarks.annotations import read_annotation_file, record_faults, refuse
from mhhn_landmarks.errors import InputError

from .pts import read_pts

# CVAT counts from the corner of the photo and exports points to COCO as they are.
CVAT_COCO = 'COCO by CVAT'
FIRST_PIXEL = {'COCO': 0.0, CVAT_COCO: 0.5, 'CSV': 0.0, 'CVAT': 0.5, 'LabelMe': 0.5, '.pts': 1.0}
CVAT_ATTRIBUTES = {'occluded', 'keyframe'}  # which it gives to each skeleton
PHOTO_COLUMNS = ('photo', 'file_name', 'filename', 'file', 'image', 'image_path', 'path')
SPLIT_WORDS = dict(train={'train', 'training'}, test={'test', 'val', 'valid', 'validation'})
ABSENT = (0.0, 0.0, 0)

Points = dict[str, tuple[float, float, int]]  # of one face by label: x, y and COCO's flag


@dataclass(frozen=True)
class FoundFace:
    """One face: its photo as the tool names it, and landmarks (K, 3): x, y and COCO's flag.

    A reader may give the landmarks by label, as `Points`; `read_source` puts them in order.
    """

    file: Path
    where: str
    photo: str
    landmarks: Any
    names: list[str] | None = None
    box: list[float] | None = None
    split: str | None = None
    subsets: tuple[str, ...] = ()

    @property
    def known(self) -> np.ndarray:
        """Which landmarks (K,) are annotated."""
        return self.landmarks[:, 2] > 0


Found = tuple[str, list[str] | None, list[FoundFace]]  # a key of `FIRST_PIXEL`, names, faces


def read_source(source: Path, out: Path) -> Found:
    """Find out what a file or folder holds, what was written to `out` left aside, and read it.

    Raises `InputError` if it holds none of the kinds, or several.
    """
    if not source.exists():
        raise InputError(f'{source}: no such file or folder')
    files = [source] if source.is_file() else sorted(p for p in source.rglob('*') if p.is_file())
    found: dict[str, list[Path]] = {}
    for file in files:
        written = out.resolve() in file.resolve().parents
        if not written and not file.name.startswith('.') and (kind := _kind(file)):
            found.setdefault(kind, []).append(file)
    if not found:
        reason = 'no COCO, LabelMe or CVAT (for images 1.1) annotations, no .pts and no .csv in it'
        raise InputError(f'{source}: {reason}')
    if len(found) > 1:
        kinds = ' and '.join(f'{kind} ({files[0].name})' for kind, files in found.items())
        raise InputError(f'{source}: it holds {kinds}; name the one file')
    ((kind, files),) = found.items()
    faces = [face for file in files for face in READERS[kind](file)]
    labelled = {isinstance(face.landmarks, dict) for face in faces}
    if labelled == {True, False}:
        reason = 'faces as one shape and as single points; use one way'
        raise InputError(f'{faces[0].file}: {reason}')
    if kind == 'CSV' and len({frozenset(face.landmarks) for face in faces}) > 1:
        raise InputError(f'{source}: its CSV files have different landmark columns; name one file')
    if labelled == {True}:
        return kind, *_in_order(faces)
    return kind, next((face.names for face in faces if face.names), None), faces


def _in_order(faces: list[FoundFace]) -> tuple[list[str], list[FoundFace]]:
    """Put landmarks that come by label in the order of their number or of their first use."""
    names = list(dict.fromkeys(name for face in faces for name in face.landmarks))
    if all(re.fullmatch(r'\d+', name) for name in names):
        names.sort(key=int)
    rows = [[face.landmarks.get(name, ABSENT) for name in names] for face in faces]
    return names, [replace(f, landmarks=np.array(r)) for f, r in zip(faces, rows, strict=True)]


def _kind(file: Path) -> str | None:
    """Return what a file is, a key of `FIRST_PIXEL`."""
    suffix = file.suffix.lower()
    if suffix == '.json':
        content = _json(file)
        if isinstance(content.get('shapes'), list):
            return 'LabelMe'
        if not all(isinstance(content.get(key), list) for key in ('images', 'annotations')):
            return None
        faces = [a for a in content['annotations'] if isinstance(a, dict) and a.get('keypoints')]
        by_cvat = faces and all(CVAT_ATTRIBUTES <= {*(a.get('attributes') or ())} for a in faces)
        return CVAT_COCO if by_cvat else 'COCO'
    if suffix == '.xml':
        return 'CVAT' if b'<annotations' in file.read_bytes()[:500] else None
    return {'.csv': 'CSV', '.pts': '.pts'}.get(suffix)


def _json(file: Path) -> dict[str, Any]:
    """Return a JSON file's object, an empty one if it holds something else."""
    try:
        content = json.loads(file.read_text(encoding='utf-8-sig'))
    except ValueError as error:
        raise InputError(f'{file}: no JSON ({error}); export it again') from error
    return content if isinstance(content, dict) else {}


def _coco(file: Path) -> Iterator[FoundFace]:
    """Read COCO keypoints; annotations without any are left out."""
    content = read_annotation_file(file)
    rows = [dict(width=1, height=1) | image for image in content['images']]
    annotations = [a for a in content['annotations'] if a.get('keypoints')]
    refuse(file, record_faults(dict(images=rows, annotations=annotations)))
    names = next(filter(None, (c.get('keypoints') for c in content.get('categories', []))), None)
    photos = {image['id']: image['file_name'] for image in rows}
    for face in annotations:
        where = f'{file}: annotation {face["id"]}'
        try:
            landmarks = np.array(face['keypoints'], float).reshape(-1, 3)
            box = np.array(face['bbox'], float).reshape(4).tolist() if face.get('bbox') else None
        except ValueError as error:
            reason = f'keypoints are no x, y, flag, or bbox is no x, y, width, height ({error})'
            raise InputError(f'{where}: {reason}') from error
        photo, split = photos[face['image_id']], _split_of(file.stem)
        yield FoundFace(file, where, photo, landmarks, names, box, split)


def _split_of(name: str) -> str | None:
    """Return `train` or `test` where a file's or folder's name tells."""
    words = set(re.split(r'[^a-z]+', name.lower()))
    kinds = [split for split, known in SPLIT_WORDS.items() if words & known]
    return kinds[0] if len(kinds) == 1 else None


def _put(points: Points, label: str, value: tuple[float, float, int], where: str | Path) -> None:
    """Note a landmark; refuse a second one of the same face."""
    if label in points:
        raise InputError(f'{where}: two points {label!r} of one face; give faces group ids')
    points[label] = value


def _labelme(file: Path) -> Iterator[FoundFace]:
    """Read LabelMe: a file a photo, points by label, faces by `group_id`."""
    content, groups = _json(file), defaultdict(dict)
    for shape in content['shapes']:
        if shape.get('shape_type') == 'point':
            x, y = map(float, shape['points'][0])
            _put(groups[shape.get('group_id')], str(shape['label']), (x, y, 2), file)
    photo = Path(str(content.get('imagePath', file.name)).replace('\\', '/')).name
    for points in groups.values():
        yield FoundFace(file, f'{file}', photo, points)


def _cvat(file: Path) -> Iterator[FoundFace]:
    """Read CVAT for images 1.1: skeletons, or `points` shapes, one a face or one a landmark."""
    try:
        root = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise InputError(f'{file}: no XML ({error}); export it again') from error
    for image in root.iter('image'):
        photo = image.get('name', '')
        where, groups = f'{file}: {photo}', defaultdict(dict)
        for skeleton in image.iter('skeleton'):
            for point in skeleton.iter('points'):
                value = _cvat_points(point, where)[0]
                _put(groups[skeleton], point.get('label', ''), value, where)
        for shape in image.findall('points'):
            values = _cvat_points(shape, where)
            if len(values) > 1:
                yield FoundFace(file, where, photo, np.array(values))
            else:
                _put(groups[shape.get('group_id')], shape.get('label', ''), values[0], where)
        for points in groups.values():
            yield FoundFace(file, where, photo, points)


def _cvat_points(element: ElementTree.Element, where: str) -> list[tuple[float, float, int]]:
    """Return a shape's points with COCO's flags."""
    flag = 0 if element.get('outside') == '1' else 1 if element.get('occluded') == '1' else 2
    try:
        pairs = [pair.split(',') for pair in element.get('points', '').split(';')]
        return [(float(x), float(y), flag) for x, y in pairs]
    except ValueError as error:
        raise InputError(f'{where}: points are no x,y;x,y ({error})') from error


def _pts(file: Path) -> Iterator[FoundFace]:
    """Read a `.pts` file, which lies beside its photo."""
    points = read_pts(file) + FIRST_PIXEL['.pts']
    landmarks = np.column_stack([points, np.full(len(points), 2)])
    yield FoundFace(file, str(file), file.name, landmarks)


def _csv(file: Path) -> Iterator[FoundFace]:
    """Read a table, a face a row: photo, NAME_x and NAME_y or x0 and y0; split, subsets."""
    try:
        lines = file.read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f'{file}: no UTF-8 ({error.reason}); save it as CSV UTF-8') from error
    delimiter = max(',;\t', key=(lines or [''])[0].count)
    rows = csv.DictReader(lines, delimiter=delimiter)
    columns = {str(name).strip().lower(): name for name in rows.fieldnames or []}
    photo = next((columns[name] for name in PHOTO_COLUMNS if name in columns), None)
    axes = {}
    for key, column in columns.items():
        if match := re.fullmatch(r'x_?(\d+)|(.+)_x', key):
            y = f'y{key[1:]}' if match[1] else f'{match[2]}_y'
            if y in columns:
                axes[match[1] or match[2]] = column, columns[y]
    if photo is None or not axes:
        reason = f'columns photo, x0, y0, ... (or NAME_x, NAME_y) expected: {rows.fieldnames}'
        raise InputError(f'{file}:1: {reason}')
    for line, row in enumerate(rows, start=2):
        where = f'{file}:{line}'
        try:
            points = {name: _csv_point(row[x], row[y]) for name, (x, y) in axes.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f'{where}: {len(axes)} points expected ({error})') from None
        split, subsets = (row.get(columns.get(key, '')) or '' for key in ('split', 'subsets'))
        more = dict(split=_split_of(split), subsets=tuple(subsets.split()))
        yield FoundFace(file, where, row[photo], points, **more)


def _csv_point(x: str, y: str) -> tuple[float, float, int]:
    """Return a point with COCO's flag; empty cells are no annotation."""
    return (float(x), float(y), 2) if x.strip() or y.strip() else ABSENT


READERS: dict[str, Callable] = {
    'COCO': _coco, CVAT_COCO: _coco, 'CSV': _csv, 'CVAT': _cvat, 'LabelMe': _labelme, '.pts': _pts,
}  # fmt: skip

"""Readers of what annotation tools write: COCO keypoints, LabelMe, CVAT's XML, ``.pts``, CSV.

Each returns the landmarks' names, or None where the files have none, and the faces. Points are
photo pixels as the tool counts them: `FIRST_PIXEL` is where it has the first one's centre.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from mhhn_landmarks.annotations import read_annotation_file, record_faults, refuse

from .coco_json import BadSampleError
from .pts import read_pts

FIRST_PIXEL = {'COCO': 0.0, 'CSV': 0.0, 'CVAT': 0.5, 'LabelMe': 0.5, '.pts': 1.0}
PHOTO_COLUMNS = ('photo', 'file_name', 'filename', 'file', 'image', 'image_path', 'path')

SPLIT_WORDS = dict(train={'train', 'training'}, test={'test', 'val', 'valid', 'validation'})


@dataclass(frozen=True)
class FoundFace:
    """One face: its photo as the tool names it, points (K, 2) and COCO's flags (K,)."""

    file: Path
    where: str
    photo: str
    points: np.ndarray
    visible: np.ndarray
    box: list[float] | None = None
    split: str | None = None
    subsets: tuple[str, ...] = ()


class Found(NamedTuple):
    """What was read: the kind's name in `FIRST_PIXEL`, names of landmarks, faces."""

    kind: str
    names: list[str] | None
    faces: list[FoundFace]


def read_source(source: Path, out: Path) -> Found:
    """Find out what a file or folder holds, what was written to ``out`` left aside, and read it.

    Raises:
        BadSampleError: If it holds none of the five kinds, several, or what is wrong in itself.
    """
    if not source.exists():
        raise BadSampleError(source, 'no such file or folder')
    files = [source] if source.is_file() else sorted(p for p in source.rglob('*') if p.is_file())
    found: dict[str, list[Path]] = {}
    for file in files:
        written = out.resolve() in file.resolve().parents
        if not written and not file.name.startswith('.') and (kind := _kind(file)):
            found.setdefault(kind, []).append(file)
    if len(found) != 1:
        kinds = ' and '.join(f'{kind} ({files[0].name})' for kind, files in found.items())
        reason = f'it holds {kinds}; name the one file' if found else (
            'no COCO, LabelMe or CVAT (for images 1.1) annotations, no .pts and no .csv in it'
        )  # fmt: skip
        raise BadSampleError(source, reason)
    ((kind, files),) = found.items()
    return Found(kind, *READERS[kind](files))


def _kind(file: Path) -> str | None:
    """Return what a file is, a key of `FIRST_PIXEL`."""
    suffix = file.suffix.lower()
    if suffix == '.json':
        content = _json(file)
        if isinstance(content, dict) and isinstance(content.get('shapes'), list):
            return 'LabelMe'
        lists = [content.get(key) for key in ('images', 'annotations')] if content else []
        return 'COCO' if lists and all(isinstance(rows, list) for rows in lists) else None
    if suffix == '.xml':
        return 'CVAT' if b'<annotations' in file.read_bytes()[:500] else None
    return {'.csv': 'CSV', '.pts': '.pts'}.get(suffix)


def _json(file: Path) -> dict[str, Any] | None:
    """Return a JSON file's object, if it is one."""
    try:
        content = json.loads(file.read_text(encoding='utf-8-sig'))
    except ValueError as error:
        raise BadSampleError(file, f'no JSON ({error}); export it again') from error
    return content if isinstance(content, dict) else None


def _coco(files: list[Path]) -> tuple[list[str] | None, list[FoundFace]]:
    """Read COCO keypoints; annotations without any are left out."""
    faces, names = [], None
    for file in files:
        content = read_annotation_file(file)
        rows = [dict(width=1, height=1) | image for image in content['images']]
        annotations = [a for a in content['annotations'] if a.get('keypoints')]
        refuse(file, record_faults(dict(images=rows, annotations=annotations)))
        for category in content.get('categories', []):
            names = names or category.get('keypoints')
        photos = {image['id']: image['file_name'] for image in rows}
        for face in annotations:
            where = f'{file}: annotation {face["id"]}'
            try:
                values = np.array(face['keypoints'], float).reshape(-1, 3)
            except ValueError as error:
                raise BadSampleError(where, f'keypoints are no x, y, flag ({error})') from error
            box = [float(v) for v in face['bbox']] if 'bbox' in face else None
            points, flags = values[:, :2], values[:, 2].astype(int)
            photo = photos[face['image_id']]
            faces.append(FoundFace(file, where, photo, points, flags, box, _split_of(file.stem)))
    return names, faces


def _split_of(name: str) -> str | None:
    """Return ``train`` or ``test`` where a file's or folder's name tells."""
    words = set(re.split(r'[^a-z]+', name.lower()))
    kinds = [split for split, known in SPLIT_WORDS.items() if words & known]
    return kinds[0] if len(kinds) == 1 else None


Points = dict[str, tuple[float, float, int]]  # of one face by label: x, y and COCO's flag
Labelled = tuple[Path, str, str, Points]  # file, where, photo, points


def _by_label(found: list[Labelled]) -> tuple[list[str], list[FoundFace]]:
    """Return the labels, in the order of their number or of their first use, and the faces."""
    names = list(dict.fromkeys(name for *_, points in found for name in points))
    if all(re.fullmatch(r'\d+', name) for name in names):
        names.sort(key=int)
    faces = []
    for file, where, photo, points in found:
        values = np.array([points.get(name, (0.0, 0.0, 0)) for name in names])
        faces.append(FoundFace(file, where, photo, values[:, :2], values[:, 2].astype(int)))
    return names, faces


def _put(points: Points, label: str, value: tuple[float, float, int], where: str | Path) -> None:
    """Note a landmark; refuse a second one of the same face."""
    if label in points:
        raise BadSampleError(where, f'two points {label!r} of one face; give faces group ids')
    points[label] = value


def _labelme(files: list[Path]) -> tuple[list[str], list[FoundFace]]:
    """Read LabelMe: a file a photo, points by label, faces by ``group_id``."""
    found: list[Labelled] = []
    for file in files:
        content, groups = _json(file) or {}, defaultdict(dict)
        for shape in content['shapes']:
            if shape.get('shape_type') == 'point':
                x, y = map(float, shape['points'][0])
                _put(groups[shape.get('group_id')], str(shape['label']), (x, y, 2), file)
        photo = Path(str(content.get('imagePath', file.name)).replace('\\', '/')).name
        found += [(file, f'{file}', photo, points) for points in groups.values()]
    return _by_label(found)


def _cvat(files: list[Path]) -> tuple[list[str] | None, list[FoundFace]]:
    """Read CVAT for images 1.1: skeletons, or ``points`` shapes, one a face or one a landmark."""
    labelled: list[Labelled] = []
    whole: list[FoundFace] = []
    for file in files:
        try:
            root = ElementTree.parse(file).getroot()
        except ElementTree.ParseError as error:
            raise BadSampleError(file, f'no XML ({error}); export it again') from error
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
                    array = np.array(values)
                    flags = array[:, 2].astype(int)
                    whole.append(FoundFace(file, where, photo, array[:, :2], flags))
                else:
                    _put(groups[shape.get('group_id')], shape.get('label', ''), values[0], where)
            labelled += [(file, where, photo, points) for points in groups.values()]
    if whole and labelled:
        raise BadSampleError(files[0], 'faces as one shape and as single points; use one way')
    return (None, whole) if whole else _by_label(labelled)


def _cvat_points(element: ElementTree.Element, where: str) -> list[tuple[float, float, int]]:
    """Return a shape's points with COCO's flags."""
    flag = 0 if element.get('outside') == '1' else 1 if element.get('occluded') == '1' else 2
    try:
        pairs = [pair.split(',') for pair in element.get('points', '').split(';')]
        return [(float(x), float(y), flag) for x, y in pairs]
    except ValueError as error:
        raise BadSampleError(where, f'points are no x,y;x,y ({error})') from error


def _pts(files: list[Path]) -> tuple[None, list[FoundFace]]:
    """Read ``.pts`` files, each beside its photo."""
    faces = []
    for file in files:
        points = read_pts(file) + FIRST_PIXEL['.pts']
        faces.append(FoundFace(file, str(file), file.name, points, np.full(len(points), 2)))
    return None, faces


def _csv(files: list[Path]) -> tuple[list[str], list[FoundFace]]:
    """Read a table, a face a row: photo, NAME_x and NAME_y or x0 and y0; split, subsets."""
    faces: list[FoundFace] = []
    names: list[str] = []
    for file in files:
        lines = file.read_text(encoding='utf-8-sig').splitlines()
        delimiter = max(',;\t', key=(lines or [''])[0].count)
        rows = csv.DictReader(lines, delimiter=delimiter)
        columns = {str(name).strip().lower(): name for name in rows.fieldnames or []}
        photo = next((columns[name] for name in PHOTO_COLUMNS if name in columns), None)
        axes = _csv_axes(columns)
        if photo is None or not axes or (names and names != list(axes)):
            reason = f'columns photo, x0, y0, ... (or NAME_x, NAME_y) expected: {rows.fieldnames}'
            raise BadSampleError(file, reason, 1)
        names = list(axes)
        for line, row in enumerate(rows, start=2):
            try:
                values = np.array([_csv_point(row[x], row[y]) for x, y in axes.values()])
            except (AttributeError, TypeError, ValueError) as error:
                reason = f'{len(names)} points expected ({error})'
                raise BadSampleError(file, reason, line) from None
            split, subsets = (row.get(columns.get(key, '')) or '' for key in ('split', 'subsets'))
            faces.append(FoundFace(
                file, f'{file}:{line}', row[photo], values[:, :2], values[:, 2].astype(int),
                split=_split_of(split), subsets=tuple(subsets.split()),
            ))  # fmt: skip
    return names, faces


def _csv_axes(columns: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return the columns of x and y by the landmark's name, or number."""
    axes = {}
    for key, column in columns.items():
        if match := re.fullmatch(r'x_?(\d+)|(.+)_x', key):
            y = f'y{key[1:]}' if match[1] else f'{match[2]}_y'
            if y in columns:
                axes[match[1] or match[2]] = column, columns[y]
    return axes


def _csv_point(x: str, y: str) -> tuple[float, float, int]:
    """Return a point with COCO's flag; empty cells are no annotation."""
    if not x.strip() and not y.strip():
        return 0.0, 0.0, 0
    return float(x), float(y), 2


READERS: dict[str, Callable] = {
    'COCO': _coco, 'CSV': _csv, 'CVAT': _cvat, 'LabelMe': _labelme, '.pts': _pts,
}  # fmt: skip

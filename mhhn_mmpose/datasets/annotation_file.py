"""What an annotation file can have wrong as a whole, before any face of it is looked at."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from mhhn_landmarks.errors import InputError

MOST_LISTED = 10  # faults that an error lists


def read_annotation_file(path: str | Path) -> dict[str, Any]:
    """Read a COCO-style file.

    Returns:
        Its content: at least the lists ``images`` and ``annotations``, the latter not empty.

    Raises:
        InputError: If that is not what the file holds.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
    except OSError as error:
        raise InputError(f'{path}: no annotation file ({error.strerror}); convert it') from error
    except ValueError as error:  # UnicodeDecodeError among them
        raise InputError(f'{path}: no JSON ({error}); convert again') from error
    lists = [content.get(k) for k in ('images', 'annotations')] if isinstance(content, dict) else []
    if not lists or not all(
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in lists
    ):
        raise InputError(f"{path}: no lists 'images' and 'annotations' of objects; convert again")
    if not content['annotations']:
        raise InputError(f'{path}: no face in it; an empty split cannot be used')
    return content


def record_faults(content: dict[str, Any]) -> list[str]:
    """Return what is wrong with ids and photo records; each names an annotation or image.

    MMPose would take the last one of equal ids for all of them, and leave out the faces of a photo
    that is not listed.
    """
    images, annotations = content['images'], content['annotations']
    needed = ['image_id', 'keypoints', *(['category_id'] if 'categories' in content else [])]
    known = {repr(image.get('id')) for image in images}
    faults = [f'image {i.get("id")!r}: {r}' for i in images if (r := _image_fault(i))]
    for annotation in annotations:
        reasons = [f'misses {key!r}' for key in needed if key not in annotation]
        if not isinstance(annotation.get('id'), int):
            reasons.append('the id is no whole number')
        if not reasons and repr(annotation['image_id']) not in known:
            reasons.append(f'there is no image {annotation["image_id"]!r}')
        faults += [f'annotation {annotation.get("id")!r}: {reason}' for reason in reasons]
    for name, records in (('image', images), ('annotation', annotations)):
        counts = Counter(repr(record.get('id')) for record in records)
        faults += [f'{name} {i}: {n} of them have this id' for i, n in counts.items() if n > 1]
    return faults


def _image_fault(image: dict[str, Any]) -> str | None:
    """Return what is wrong with a photo's record."""
    if not isinstance(image.get('id'), int):
        return 'the id is no whole number'
    name, width, height = (image.get(key) for key in ('file_name', 'width', 'height'))
    if not isinstance(name, str) or not name:
        return f'no file_name, but {name!r}'
    if not all(isinstance(side, int | float) and side > 0 for side in (width, height)):
        return f'{name} is {width!r} x {height!r} px'
    if not isinstance(image.get('crc32', 0), int):
        return f'{name} has the crc32 {image["crc32"]!r}, which is no whole number'
    return None


def refuse(path: str | Path, faults: list[str]) -> None:
    """Raise if there are faults.

    Raises:
        InputError: One line of count and remedy, then the first `MOST_LISTED` faults.
    """
    if faults:
        listed = ''.join(f'\n  {fault}' for fault in faults[:MOST_LISTED])
        more = len(faults) - MOST_LISTED
        raise InputError(
            f'{path}: {len(faults)} faults; mend them, or convert again with --skip-bad{listed}'
            + (f'\n  and {more} more: tools/misc/check_dataset.py lists them' if more > 0 else '')
        )

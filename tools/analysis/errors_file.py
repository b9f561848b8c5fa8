"""The files that a test leaves; the one reader of errors.json, the error of every image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mhhn_landmarks.errors import InputError

METRICS, ERRORS = 'metrics.json', 'errors.json'


def read_errors(
    path: str | Path, normalizer: str | None = None, subset: str = 'full'
) -> tuple[dict[int, float], str]:
    """Return the errors of a test's images in percent, by their ids, and the normaliser's name.

    The path is that of errors.json or of its folder. The normaliser, such as `'inter_pupil'`, is
    by default the file's first. Raises `InputError` if the file has no such normaliser or subset.
    """
    content = read_errors_file(path)
    known, images = content['normalizers'], content['images']
    normalizer = normalizer or known[0]
    subsets = {'full'}.union(*(image['subsets'] for image in images))
    if normalizer not in known or subset not in subsets:
        names = ', '.join(known), ', '.join(sorted(subsets))
        raise InputError(f'{path} has the normalisers {names[0]} and the subsets {names[1]} only')
    chosen = [image for image in images if subset in ('full', *image['subsets'])]
    return {image['id']: image['errors'][normalizer] for image in chosen}, normalizer


def read_errors_file(path: str | Path) -> dict[str, Any]:
    """Return what `FaceAlignmentMetric` wrote, such as `normalizers` and `images`."""
    path = Path(path)
    path = path / ERRORS if path.is_dir() else path
    if not path.is_file():
        raise InputError(f'{path}: no such file; tools/test.py CONFIG CHECKPOINT writes {ERRORS}')
    content = read_json(path)
    if not isinstance(content, dict) or not content.get('normalizers') or not content.get('images'):
        raise InputError(f'{path}: not what FaceAlignmentMetric writes to its errors_file')
    return content


def read_json(path: Path) -> Any:
    """Read a JSON file; `InputError` if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: cannot be read ({str(error).splitlines()[0]})') from error

"""The files that a test leaves; the one reader of errors.json, the error of every image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mhhn_landmarks.errors import InputError

METRICS, ERRORS = 'metrics.json', 'errors.json'


@dataclass(frozen=True)
class ErrorsFile:
    """What `FaceAlignmentMetric` wrote of one test.

    Attributes:
        path: The file.
        normalizers: What errors are divided by.
        images: A dictionary per image: ``id``, ``img_path``, ``subsets``, ``errors`` in percent.
    """

    path: Path
    normalizers: list[str]
    images: list[dict[str, Any]]

    def check_normalizer(self, name: str | None) -> str:
        """Return the normaliser, by default the file's first.

        Raises:
            InputError: If the file has no such normaliser.
        """
        name = name or self.normalizers[0]
        if name not in self.normalizers:
            known = ', '.join(self.normalizers)
            raise InputError(f'{self.path} has no normaliser {name!r}, only {known}')
        return name

    def of_subset(self, subset: str = 'full') -> list[dict[str, Any]]:
        """Return the images of a subset.

        Raises:
            InputError: If there is none.
        """
        images = [i for i in self.images if subset == 'full' or subset in i['subsets']]
        if not images:
            known = ', '.join(sorted({'full'}.union(*(i['subsets'] for i in self.images))))
            raise InputError(f'{self.path} has no subset {subset!r}, only {known}')
        return images

    def errors(self, normalizer: str | None = None, subset: str = 'full') -> np.ndarray:
        """Return the errors (N,) of a subset's images, percent, in the order of their ids."""
        name = self.check_normalizer(normalizer)
        return np.array([image['errors'][name] for image in self.of_subset(subset)])

    def worst(self, count: int, normalizer: str | None = None, subset: str = 'full') -> list[dict]:
        """Return the images with the largest errors, the largest first."""
        name = self.check_normalizer(normalizer)
        return sorted(self.of_subset(subset), key=lambda image: -image['errors'][name])[:count]


def read_errors(path: str | Path) -> ErrorsFile:
    """Read errors.json.

    Args:
        path: The file, or the folder it is in.

    Raises:
        InputError: If it cannot be read or is another file.
    """
    path = Path(path)
    path = path / ERRORS if path.is_dir() else path
    if not path.is_file():
        raise InputError(f'{path}: no such file; tools/test.py CONFIG CHECKPOINT writes {ERRORS}')
    content = read_json(path)
    try:
        normalizers, images = content['normalizers'], content['images']
        whole = bool(normalizers) and all({'errors', 'subsets'} <= set(i) for i in images)
    except (KeyError, TypeError):
        whole = False
    if not whole or not images:
        raise InputError(f'{path}: not what FaceAlignmentMetric writes to its errors_file')
    return ErrorsFile(path, normalizers, images)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: cannot be read ({str(error).splitlines()[0]})') from error

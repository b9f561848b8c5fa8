"""Reading ``.pts`` files, the annotation form of the 300W family.

    version: 1
    n_points: 68
    {
    120.770 149.800
    ...
    }

Coordinates in the file are 1-based ``(x, y)`` pixels; what is returned is 0-based.
"""

import math
import re
from pathlib import Path

import numpy as np

from .coco_json import BadSampleError

FIRST_POINT = 3  # index of the first line after `{`


def read_pts(path: Path, num_points: int) -> np.ndarray:
    """Read one annotation.

    Args:
        path: The ``.pts`` file.
        num_points: How many landmarks there must be.

    Returns:
        Landmarks (num_points, 2), 0-based pixels, rounded to the files' six decimals.

    Raises:
        BadSampleError: If the file departs from the form above, naming the line.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding='utf-8-sig').splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadSampleError(path, f'unreadable annotation ({error}); unpack it again') from error
    while lines and not lines[-1]:
        lines.pop()
    _check_header(path, lines, num_points)
    body = lines[FIRST_POINT:]
    if '}' not in body:
        raise BadSampleError(path, "the closing '}' is missing; the file is cut", len(lines))
    end = body.index('}')
    if end != len(body) - 1:
        raise BadSampleError(path, "text after the closing '}'", FIRST_POINT + end + 2)
    if end != num_points:
        raise BadSampleError(path, f'{end} points, {num_points} expected', FIRST_POINT + end + 1)
    rows = [_point(path, line, FIRST_POINT + i + 1) for i, line in enumerate(body[:-1])]
    return np.round(np.array(rows) - 1.0, 6)  # 1-based -> 0-based


def _check_header(path: Path, lines: list[str], num_points: int) -> None:
    """Refuse anything but ``version: 1``, ``n_points: N``, ``{`` on the first three lines."""
    wanted = (
        (r'version:\s*1(\.0)?', 'version: 1'),
        (rf'n_points:\s*{num_points}', f'n_points: {num_points}'),
        (r'\{', '{'),
    )
    for number, (pattern, text) in enumerate(wanted, start=1):
        line = lines[number - 1] if len(lines) >= number else ''
        if not re.fullmatch(pattern, line):
            raise BadSampleError(path, f'{text!r} expected, got {line!r}', number)


def _point(path: Path, line: str, number: int) -> tuple[float, float]:
    """Read one ``x y`` line."""
    try:
        x, y = map(float, line.split())
    except ValueError:
        raise BadSampleError(path, f"two numbers 'x y' expected, got {line!r}", number) from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise BadSampleError(path, f'coordinates must be finite, got {line!r}', number)
    return x, y

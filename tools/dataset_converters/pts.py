"""Reading ``.pts`` files, the annotation form of the 300W family.

    version: 1
    n_points: 68
    {
    120.770 149.800
    ...
    }

Coordinates in the file are 1-based ``(x, y)`` pixels; what is returned is 0-based.
"""

import re
from pathlib import Path

import numpy as np

from .coco_json import BadSampleError


def read_pts(path: Path, num_points: int | None = None) -> np.ndarray:
    """Read one annotation.

    Args:
        path: The ``.pts`` file.
        num_points: How many landmarks there must be; by default as many as the file says.

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
    header = (
        (r'version:\s*1(\.0)?', 'version: 1'),
        (rf'n_points:\s*{num_points or "[1-9][0-9]{0,5}"}', f'n_points: {num_points or "NUMBER"}'),
        (r'\{', '{'),
    )
    for number, (pattern, text) in enumerate(header):
        line = lines[number] if number < len(lines) else ''
        if not re.fullmatch(pattern, line):
            raise BadSampleError(path, f'{text!r} expected, got {line!r}', number + 1)
    num_points = num_points or int(lines[1].partition(':')[2])
    if '}' not in lines:
        raise BadSampleError(path, "the closing '}' is missing; the file is cut", len(lines))
    end = lines.index('}')
    if end != len(lines) - 1:
        raise BadSampleError(path, "text after the closing '}'", end + 2)
    if end - len(header) != num_points:
        reason = f'{end - len(header)} points, {num_points} expected'
        raise BadSampleError(path, reason, end + 1)
    rows = [_point(path, lines[index], index + 1) for index in range(len(header), end)]
    return np.round(np.array(rows) - 1.0, 6)  # 1-based -> 0-based


def _point(path: Path, line: str, number: int) -> list[float]:
    """Read one ``x y`` line."""
    try:
        x, y = map(float, line.split())
    except ValueError:
        raise BadSampleError(path, f"two numbers 'x y' expected, got {line!r}", number) from None
    if not np.isfinite([x, y]).all():
        raise BadSampleError(path, f'coordinates must be finite, got {line!r}', number)
    return [x, y]

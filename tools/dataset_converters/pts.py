"""Reading `.pts` files, the annotation form of the 300W family.

    version: 1
    n_points: 68
    {
    120.770 149.800
    ...
    }

Coordinates in the file are 1-based `(x, y)` pixels; what is returned is 0-based.
"""

import re
from pathlib import Path

import numpy as np

from mhhn_landmarks.errors import InputError


def read_pts(path: Path, num_points: int | None = None) -> np.ndarray:
    """Read landmarks (num_points, 2), 0-based pixels, rounded to the files' six decimals.

    By default there are as many as the file says. Raises `InputError` naming the line if the file
    departs from the form above.
    """
    try:
        lines = path.read_text(encoding='utf-8-sig').rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{path}: unreadable annotation ({error}); unpack it again') from error
    lines = [line.strip() for line in lines]
    header = {
        'version: 1': r'version:\s*1(\.0)?',
        f'n_points: {num_points or "NUMBER"}': rf'n_points:\s*{num_points or "[1-9][0-9]{0,5}"}',
        '{': r'\{',
    }
    for number, (text, pattern) in enumerate(header.items(), start=1):
        line = lines[number - 1] if number <= len(lines) else ''
        if not re.fullmatch(pattern, line):
            raise InputError(f'{path}:{number}: {text!r} expected, got {line!r}')
    if lines[-1] != '}':
        raise InputError(f"{path}:{len(lines)}: '}}' expected at the end, got {lines[-1]!r}")
    points = []
    for number, line in enumerate(lines[len(header) : -1], start=len(header) + 1):
        try:
            x, y = map(float, line.split())
        except ValueError:
            reason = f"two numbers 'x y' expected, got {line!r}"
            raise InputError(f'{path}:{number}: {reason}') from None
        points.append([x, y])
    count = int(lines[1].partition(':')[2])
    if len(points) != count:
        raise InputError(f'{path}:{len(lines)}: {len(points)} points, {count} expected')
    return np.round(np.array(points) - 1.0, 6)  # 1-based -> 0-based

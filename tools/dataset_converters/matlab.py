"""Reading MATLAB's files with errors a user can act on: MATLAB 5 by scipy, 7.3 (HDF5) by h5py.

HDF5 keeps MATLAB's column-major arrays as they lie, so their axes come out reversed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from .coco_json import BadSampleError

MATLAB5 = b'MATLAB 5.0'  # how such a file begins


def open_matlab73(path: Path) -> h5py.File:
    """Open a MATLAB 7.3 file for reading.

    Raises:
        BadSampleError: If it is truncated, damaged or of another kind.
    """
    try:
        return h5py.File(path, 'r')
    except OSError as error:
        with path.open('rb') as file:
            kind = 'MATLAB 5' if file.read(len(MATLAB5)) == MATLAB5 else 'unreadable'
        reason = f'{kind} file, MATLAB 7.3 (HDF5) expected ({_first_line(error)}); unpack it again'
        raise BadSampleError(path, reason) from error


@contextmanager
def hdf5_errors(where: str | Path) -> Iterator[None]:
    """Turn what h5py raises on damaged content into a `BadSampleError` that says where."""
    try:
        yield
    except BadSampleError:
        raise
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise BadSampleError(where, f'damaged ({_first_line(error)}); unpack it again') from error


def hdf5_variable(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a variable of an open MATLAB 7.3 file, unread.

    Raises:
        BadSampleError: If there is none of that name.
    """
    with hdf5_errors(file.filename):
        found = file.get(name)
        if not isinstance(found, h5py.Dataset):
            names = ', '.join(key for key in file if not key.startswith('#')) or 'nothing'
            raise BadSampleError(file.filename, f'no variable {name}; it holds {names}')
        return found


def hdf5_columns(file: h5py.File, name: str, rows: int) -> np.ndarray:
    """Read a numeric variable with a MATLAB row per face.

    Returns:
        (rows, faces) float64.

    Raises:
        BadSampleError: If it is missing, damaged or of another type or shape.
    """
    found = hdf5_variable(file, name)
    with hdf5_errors(file.filename):
        if found.dtype.kind not in 'fiu' or found.ndim != 2 or found.shape[0] != rows:
            size = ' x '.join(map(str, (found.shape or ())[::-1]))
            reason = f'{name} is {size} {found.dtype}, faces x {rows} numbers expected'
            raise BadSampleError(file.filename, reason)
        return found[()].astype(np.float64)


def load_matlab5(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read variables of a MATLAB 5 file, in MATLAB's shape.

    Raises:
        BadSampleError: If the file cannot be read, or a variable is missing.
    """
    try:
        content = scipy.io.loadmat(path, variable_names=list(names))
    except NotImplementedError as error:
        raise BadSampleError(path, "MATLAB 7.3; save it in MATLAB with '-v7'") from error
    except Exception as error:  # scipy raises a dozen kinds on damaged files, zlib.error among them
        reason = f'unreadable MATLAB 5 file ({_first_line(error)}); download it again'
        raise BadSampleError(path, reason) from error
    for name in names:
        if not isinstance(content.get(name), np.ndarray):
            raise BadSampleError(path, f"no variable '{name}'; download it again")
    return {name: content[name] for name in names}


def matlab5_numbers(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """Read numeric variables of a MATLAB 5 file.

    Returns:
        For each name its values as float64, in MATLAB's shape.

    Raises:
        BadSampleError: If the file cannot be read, or a variable is missing or not numeric.
    """
    values = []
    for name, found in load_matlab5(path, names).items():
        if found.dtype.kind not in 'fiub':
            raise BadSampleError(path, f"'{name}' is not numeric")
        values.append(found.astype(np.float64))
    return values


def _first_line(error: Exception) -> str:
    """Return the first line of what an exception says."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__

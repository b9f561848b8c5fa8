"""Reading MATLAB's files with errors a user can act on: MATLAB 5 by scipy, 7.3 (HDF5) by h5py.

HDF5 keeps MATLAB's column-major arrays as they lie, so their axes come out reversed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from .coco_json import BadSampleError, first_line

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
        reason = f'{kind} file, MATLAB 7.3 (HDF5) expected ({first_line(error)}); unpack it again'
        raise BadSampleError(path, reason) from error


@contextmanager
def hdf5_errors(where: str | Path) -> Iterator[None]:
    """Turn what h5py raises on damaged content into a `BadSampleError` that says where."""
    try:
        yield
    except BadSampleError:
        raise
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise BadSampleError(where, f'damaged ({first_line(error)}); unpack it again') from error


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


def load_matlab5(path: Path, names: Sequence[str], numeric: bool = False) -> dict[str, np.ndarray]:
    """Read variables of a MATLAB 5 file, in MATLAB's shape.

    Args:
        path: The file.
        names: Of the variables.
        numeric: Refuse what is no array of numbers, and return float64.

    Raises:
        BadSampleError: If the file cannot be read, or a variable is missing or not numeric.
    """
    try:
        content = scipy.io.loadmat(path, variable_names=list(names))
    except NotImplementedError as error:
        raise BadSampleError(path, "MATLAB 7.3; save it in MATLAB with '-v7'") from error
    except Exception as error:  # scipy raises a dozen kinds on damaged files, zlib.error among them
        reason = f'unreadable MATLAB 5 file ({first_line(error)}); download it again'
        raise BadSampleError(path, reason) from error
    for name in names:
        if not isinstance(content.get(name), np.ndarray):
            raise BadSampleError(path, f"no variable '{name}'; download it again")
        if numeric and content[name].dtype.kind not in 'fiub':
            raise BadSampleError(path, f"'{name}' is not numeric; download it again")
    return {name: content[name].astype(float) if numeric else content[name] for name in names}


def size_text(shape: Sequence[int]) -> str:
    """Return an array's size as MATLAB writes it, such as ``67 x 2``."""
    return ' x '.join(map(str, shape))

"""Reading MATLAB's files with errors a user can act on: MATLAB 5 by scipy, 7.3 (HDF5) by h5py."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import scipy.io

from mhhn_landmarks.errors import InputError


def load_matlab5(
    path: Path, numbers: Sequence[str] = (), cells: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read arrays of numbers, as float64, and cell arrays of a MATLAB 5 file, in MATLAB's shape.

    Raises `InputError` if the file cannot be read, or one is missing or of another kind.
    """
    try:
        content = scipy.io.loadmat(path, variable_names=[*numbers, *cells])
    except NotImplementedError as error:
        raise InputError(f"{path}: MATLAB 7.3; save it in MATLAB with '-v7'") from error
    except Exception as error:  # scipy raises a dozen kinds on damaged files, zlib.error among them
        reason = f'unreadable MATLAB 5 file ({_first_line(error)}); download it again'
        raise InputError(f'{path}: {reason}') from error
    for name in (*numbers, *cells):
        if not isinstance(content.get(name), np.ndarray):
            raise InputError(f"{path}: no variable '{name}'; download it again")
        wanted, kinds = ('cells', 'O') if name in cells else ('numbers', 'fiub')
        if content[name].dtype.kind not in kinds:
            raise InputError(f"{path}: '{name}' is no array of {wanted}; download it again")
    # MATLAB saves whole numbers in compact integer types, too small for sums.
    return {n: content[n].astype(float) if n in numbers else content[n] for n in (*numbers, *cells)}


@contextmanager
def hdf5_errors(where: str | Path) -> Iterator[None]:
    """Turn what h5py raises on damaged content into an `InputError` that says where."""
    try:
        yield
    except InputError:
        raise
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = f'damaged, or no MATLAB 7.3 file ({_first_line(error)}); unpack it again'
        raise InputError(f'{where}: {reason}') from error


def _first_line(error: Exception) -> str:
    """Return the first line of what an exception says, or its kind if it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def size_text(shape: Sequence[int]) -> str:
    """Return an array's size as MATLAB writes it, such as `67 x 2`."""
    return ' x '.join(map(str, shape))

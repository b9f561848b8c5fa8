"""COFW's photos: out of the MATLAB file into numbered JPEGs, which COFW-68 shares."""

import os
from pathlib import Path

import cv2
import h5py
import numpy as np

from .coco_json import BadSampleError
from .matlab import hdf5_errors

FIRST_TEST_ID = 1346  # MMPose counts through both files: 1345 training faces come first
# Colour at full resolution: MMPose's own script takes OpenCV's default, 4:2:0, at the same quality.
JPEG = [
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]
LARGEST_SIDE = 65500  # px; libjpeg's limit


def photo_name(number: int) -> str:
    """Return the file name MMPose's annotations give the face with this id."""
    return f'{number:06d}.jpg'


def load_photo(file: h5py.File, reference: h5py.Reference, where: str) -> np.ndarray:
    """Read one photo of an open COFW file.

    Args:
        file: The open file.
        reference: Its entry in ``IsTr`` or ``IsT``. The photo is (3, W, H) RGB, or (W, H) if grey.
        where: File and face, for messages.

    Returns:
        uint8, BGR (H, W, 3) or grey (H, W).

    Raises:
        BadSampleError: If there is no such photo, or it is damaged.
    """
    with hdf5_errors(where):
        stored = file[reference]
        shape = getattr(stored, 'shape', None) or ()
        fits = len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))
        # MATLAB stores an empty array as its size, so a 2-vector of uint64 stands for no photo.
        if not fits or stored.dtype != np.uint8 or not 0 < min(shape[-2:]):
            kind = f'{" x ".join(map(str, shape[::-1]))} {getattr(stored, "dtype", "")}'.strip()
            kind = kind or 'no array'
            raise BadSampleError(where, f'the photo is {kind}, H x W x 3 or H x W uint8 expected')
        if max(shape) > LARGEST_SIDE:
            raise BadSampleError(where, f'the photo is too large for a JPEG: {shape[::-1]}')
        photo = stored[()].T  # -> (H, W, 3) RGB or (H, W)
    if photo.ndim == 2 or photo.shape[2] == 1:
        return np.ascontiguousarray(photo.reshape(photo.shape[:2]))
    return np.ascontiguousarray(photo[:, :, ::-1])


def write_photo(path: Path, photo: np.ndarray) -> None:
    """Write a photo whole or not at all; one that is there with this very content stays.

    Args:
        path: A JPEG; its folder is made.
        photo: BGR (H, W, 3) or grey (H, W).

    Raises:
        OSError: If it cannot be written.
    """
    done, data = cv2.imencode(path.suffix, photo, JPEG)
    if not done:
        raise OSError(f'OpenCV could not encode {path.name}')
    content = data.tobytes()
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name: what a killed run left is removed by the next one.
    temporary = path.with_name(f'.{path.name}.part')
    temporary.unlink(missing_ok=True)  # it may be a link to elsewhere, which is not followed
    try:
        with temporary.open('xb') as file:
            file.write(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

"""Reading a photo as OpenCV does, or refusing it; never a part of one.

Pixels are BGR (H, W, 3) uint8 and upright: the turn that a photo's EXIF orientation asks for has
been made, so landmarks are those of the photo as viewers show it. Grey photos get three equal
channels, CMYK is converted, 16 bits become the upper 8, and transparency is dropped.
"""

import io
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .errors import InputError

LARGEST_SIDE = 32766  # px; cv2.warpAffine, which cuts faces out, takes no larger photo
EXIF_ORIENTATION = 0x0112
JPEG, JPEG_SCAN, JPEG_END = b'\xff\xd8', 0xDA, b'\xff\xd9'
# How libjpeg's warnings of pixels begin; it has others, of headers, that change nothing.
JPEG_WARNINGS = ('Corrupt JPEG data', 'Premature end of JPEG file', 'Inconsistent progression')
STDERR = 2


def read_photo(path: str | Path) -> np.ndarray:
    """Read a photo from the disk.

    Raises:
        InputError: If there is none, or it cannot be used.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f'{path}: no readable photo ({error.strerror}); unpack it') from error
    return decode_photo(content, path)


def decode_photo(content: bytes, name: str | Path) -> np.ndarray:
    """Decode a photo's file.

    Args:
        content: Of the file.
        name: For messages.

    Raises:
        InputError: If it is no photo, not whole, or too large.
    """
    if reason := _fault(content):
        raise InputError(f'{name}: unreadable photo ({reason}); unpack it again')
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # more pixels than OpenCV allows
        raise InputError(f'{name}: OpenCV refuses this photo ({error.err})') from error
    if pixels is None:
        raise InputError(
            f'{name}: unreadable photo (truncated, damaged or none for OpenCV); unpack it again'
        )
    height, width = pixels.shape[:2]
    if max(width, height) > LARGEST_SIDE:
        raise InputError(f'{name}: {width}x{height} px, a side over {LARGEST_SIDE}; scale it')
    return pixels


def jpeg_warning(content: bytes) -> str | None:
    """Return libjpeg's warning of a JPEG that is decoded nevertheless, perhaps with wrong parts.

    It is caught where libjpeg writes it, at the process's stderr, which leads elsewhere meanwhile:
    for programs that look at photos one by one, not for training or beside threads. A sign, no
    proof: some programs leave bytes that nobody needs, and most single wrong bits make another
    valid JPEG. OpenCV decodes at an eighth of the size, which finds the same.
    """
    if not content.startswith(JPEG):
        return None
    kept = os.dup(STDERR)
    try:
        with tempfile.TemporaryFile() as said:
            os.dup2(said.fileno(), STDERR)
            try:
                cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
            except cv2.error:  # which is for `decode_photo` to tell
                return None
            finally:
                os.dup2(kept, STDERR)
            said.seek(0)
            lines = said.read().decode(errors='replace').splitlines()
    finally:
        os.close(kept)
    return next((line for line in lines if line.startswith(JPEG_WARNINGS)), None)


def doubt_about(path: str | Path) -> str | None:
    """Return a notice if a photo that can be read may have wrong parts; see `jpeg_warning`."""
    warning = jpeg_warning(Path(path).read_bytes())
    return warning and f'{path}: parts of the photo may be wrong ({warning}); look at it'


def _fault(content: bytes) -> str | None:
    """Return what OpenCV's versions, some of them, would pass over."""
    if not content:
        return 'the file is empty'
    if content.startswith(JPEG) and not _is_whole_jpeg(content):  # OpenCV 4.8 makes the rest grey
        return 'the file is truncated'
    if content[8:12] == b'WEBP':  # which OpenCV 5 turns, and OpenCV 4 does not
        try:
            turn = Image.open(io.BytesIO(content)).getexif().get(EXIF_ORIENTATION, 1)
        except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError and others
            return str(error)
        return f'EXIF orientation {turn} in a WebP; save it upright' if turn != 1 else None
    return None


def _is_whole_jpeg(content: bytes) -> bool:
    """Return whether the end marker comes after the pixels, and not just after a thumbnail's."""
    place = len(JPEG)
    while place + 4 <= len(content) and content[place] == 0xFF:
        if content[place + 1] == JPEG_SCAN:
            return content.find(JPEG_END, place) >= 0
        place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
    return True  # no pixels at all, or a header that only OpenCV knows to read

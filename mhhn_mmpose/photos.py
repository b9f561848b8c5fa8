"""Reading a photo as OpenCV does, or refusing it; never a part of one.

Pixels are BGR (H, W, 3) uint8 and upright: the turn that a photo's EXIF orientation asks for has
been made, so landmarks are those of the photo as viewers show it. Grey photos get three equal
channels, CMYK is converted, 16 bits become the upper 8, and transparency is dropped.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .errors import BadDataError

LARGEST_SIDE = 32766  # px; cv2.warpAffine, which cuts faces out, takes no larger photo
EXIF_ORIENTATION = 0x0112
JPEG, JPEG_SCAN, JPEG_END = b'\xff\xd8', 0xDA, b'\xff\xd9'


def read_photo(path: str | Path) -> np.ndarray:
    """Read a photo from the disk.

    Raises:
        BadDataError: If there is none, or it cannot be used.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadDataError(f'{path}: no readable photo ({error.strerror}); unpack it') from error
    return decode_photo(content, path)


def decode_photo(content: bytes, name: str | Path) -> np.ndarray:
    """Decode a photo's file.

    Args:
        content: Of the file.
        name: For messages.

    Raises:
        BadDataError: If it is no photo, not whole, or too large.
    """
    if reason := _fault(content):
        raise BadDataError(f'{name}: unreadable photo ({reason}); unpack it again')
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # more pixels than OpenCV allows
        raise BadDataError(f'{name}: OpenCV refuses this photo ({error.err})') from error
    if pixels is None:
        raise BadDataError(
            f'{name}: unreadable photo (truncated, damaged or none for OpenCV); unpack it again'
        )
    height, width = pixels.shape[:2]
    if max(width, height) > LARGEST_SIDE:
        raise BadDataError(f'{name}: {width}x{height} px, a side over {LARGEST_SIDE}; scale it')
    return pixels


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

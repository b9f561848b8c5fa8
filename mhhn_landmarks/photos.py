"""Reading a photo, the same with every OpenCV, or refusing it; never a part of one.

Pixels are BGR (H, W, 3) uint8 and upright: the turn that a photo's EXIF orientation asks for has
been made, so landmarks are those of the photo as viewers show it. Grey photos get three equal
channels, CMYK is converted, 16 bits become the upper 8, and transparency is dropped.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from .errors import InputError
from .fileio import stderr_to_a_file
from .formats import HEAD, OTHERS, VIDEOS, kind_of

LARGEST_SIDE = 32766  # px; cv2.warpAffine, which cuts faces out, takes no larger photo
EXIF_ORIENTATION = 0x0112
TIFF_IS_A_PREVIEW, DNG_VERSION = 0xFE, 0xC612  # tags; bit 0 of the first one
# OpenCV's versions differ in these: 4 turns no WebP, 5 no AVIF, and 4 reads no GIF or AVIF.
BY_PILLOW = {'WebP', 'GIF', 'AVIF', 'HEIC'}
PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
JPEG_SCAN, JPEG_END = 0xDA, b'\xff\xd9'
# How libjpeg's warnings of pixels begin; it has others, of headers, that change nothing.
JPEG_WARNINGS = ('Corrupt JPEG data', 'Premature end of JPEG file', 'Inconsistent progression')


def read_bgr(path: str | Path) -> np.ndarray:
    """Read a photo from the disk.

    Raises:
        InputError: If there is none, or it cannot be used.

    >>> read_bgr('docs/images/astronaut.jpg').shape
    (600, 680, 3)
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f'{path}: no readable photo ({error.strerror})') from error
    return decode_bgr(content, path)


def decode_bgr(content: bytes, name: str | Path) -> np.ndarray:
    """Decode a photo's file.

    Args:
        content: Of the file; what it is shows there, not in its name.
        name: For messages.

    Raises:
        InputError: If it is no photo, not whole, or too large.

    >>> decode_bgr(Path('docs/images/astronaut.jpg').read_bytes(), 'astronaut.jpg').shape
    (600, 680, 3)
    """
    kind = kind_of(content[:HEAD])
    if kind in OTHERS:
        raise InputError(f'{name}: this is a {kind}, not a photo; {OTHERS[kind]}')
    if kind in VIDEOS:
        raise InputError(f'{name}: this is a video, not a photo; save one of its frames')
    if reason := _fault(content, kind):
        raise InputError(f'{name}: unreadable photo ({reason}); copy or unpack it again')
    if kind == 'PNG':
        content = _without_profile(content)
    pixels = _by_pillow(content, name, kind) if kind in BY_PILLOW else _by_opencv(content, name)
    height, width = pixels.shape[:2]
    if max(width, height) > LARGEST_SIDE:
        raise InputError(f'{name}: {width}x{height} px, a side over {LARGEST_SIDE}; scale it')
    return pixels


def _jpeg_warning(content: bytes) -> str | None:
    """Return libjpeg's warning of a JPEG that is decoded nevertheless, perhaps with wrong parts.

    libjpeg writes it to the process's stderr, which leads to a file meanwhile: for programs that
    look at photos one by one, not for training or beside threads. It is a sign, no proof: some
    programs leave bytes that nobody needs, and most single wrong bits make another valid JPEG.
    OpenCV decodes at an eighth of the size, which finds the same.
    """
    if kind_of(content[:HEAD]) != 'JPEG':
        return None
    with stderr_to_a_file() as log:
        try:
            cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
        except cv2.error:  # which is for `decode_bgr` to tell
            return None
        log.seek(0)
        lines = log.read().decode(errors='replace').splitlines()
    return next((line for line in lines if line.startswith(JPEG_WARNINGS)), None)


def damage_notice(path: str | Path) -> str | None:
    """Return a notice if a photo that can be read may have wrong parts; see `_jpeg_warning`.

    >>> print(damage_notice('docs/images/astronaut.jpg'))
    None
    """
    warning = _jpeg_warning(Path(path).read_bytes())
    return warning and f'{path}: parts of the photo may be wrong ({warning}); look at it'


def _by_opencv(content: bytes, name: str | Path) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # more pixels than OpenCV allows
        raise InputError(f'{name}: OpenCV refuses this photo ({error.err})') from error
    if pixels is None:
        reason = 'truncated, damaged or none for OpenCV'
        raise InputError(f'{name}: unreadable photo ({reason}); copy or unpack it again')
    return pixels


def _without_profile(content: bytes) -> bytes:
    """Return a PNG without its colour profile, which OpenCV ignores, but libpng may complain of."""
    place = len(PNG_SIGNATURE)
    while place < len(content) and (kind := content[place + 4 : place + 8]) != b'IDAT':
        end = place + 12 + int.from_bytes(content[place : place + 4], 'big')
        if kind == b'iCCP':
            return content[:place] + content[end:]
        place = end
    return content


def _by_pillow(content: bytes, name: str | Path, kind: str) -> np.ndarray:
    if kind == 'HEIC':
        _add_heic(name)
    elif kind == 'AVIF' and '.avif' not in Image.registered_extensions():
        raise InputError(f'{name}: Pillow {Image.__version__} reads no AVIF; save it as JPEG')
    try:
        image = Image.open(io.BytesIO(content))
        if getattr(image, 'is_animated', False):
            raise InputError(f'{name}: an animated {kind}; save one of its pictures as PNG')
        pixels = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    except InputError:
        raise
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError and others
        raise InputError(f'{name}: unreadable photo ({error}); copy or unpack it again') from error
    return np.ascontiguousarray(pixels[..., ::-1])


def _add_heic(name: str | Path) -> None:
    """Let Pillow read HEIC, if the package for it is installed."""
    try:
        import pillow_heif
    except ImportError as error:
        hint = 'save it as JPEG, or: pip install pillow-heif'
        raise InputError(f'{name}: a HEIC photo, as iPhones make it; {hint}') from error
    pillow_heif.register_heif_opener()


def _fault(content: bytes, kind: str | None) -> str | None:
    """Return what OpenCV's versions, some of them, would pass over."""
    if not content:
        return 'the file is empty'
    if kind == 'JPEG' and not _is_whole_jpeg(content):  # OpenCV 4.8 makes the rest grey
        return 'the file is truncated'
    if kind == 'TIFF' and _is_raw(content):  # OpenCV takes the preview, a stamp of 160 x 120
        return "a camera's raw file; save it as JPEG"
    return None


def _is_whole_jpeg(content: bytes) -> bool:
    """Return whether the end marker comes after the pixels, and not just after a thumbnail's."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        if content[place + 1] == JPEG_SCAN:
            return content.find(JPEG_END, place) >= 0
        place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
    return True  # no pixels at all, or a header that only OpenCV knows to read


def _is_raw(content: bytes) -> bool:
    """Return whether a TIFF is a camera's raw file (DNG, NEF, ARW, CR2)."""
    if content[8:10] == b'CR':
        return True
    try:
        tags = Image.open(io.BytesIO(content)).tag_v2
    except Exception:  # for OpenCV to tell
        return False
    return DNG_VERSION in tags or bool(tags.get(TIFF_IS_A_PREVIEW, 0) & 1)

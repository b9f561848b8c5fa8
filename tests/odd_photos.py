"""A drawn face as photos of every odd kind, and files that are no whole photo."""

from pathlib import Path

import cv2
import numpy as np
from generated_faces import landmarks, random_face, render
from PIL import Image

FACE = random_face([5, 0], hard=False)
PICTURE = render(FACE)[..., ::-1]  # RGB (H, W, 3)
POINTS = landmarks(FACE, '300w')
GREY = np.asarray(Image.fromarray(PICTURE).convert('L'))
# How a photo is stored that its EXIF orientation, 2 to 8, turns upright.
STORED = 'FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_90 TRANSVERSE ROTATE_270'
TURNS = {1: None} | {i: Image.Transpose[name] for i, name in enumerate(STORED.split(), 2)}
JPEG = dict(format='JPEG', quality=95, subsampling=0)
PNG = dict(format='PNG')


def write_turned(path: Path, turn: int, options: dict = JPEG) -> None:
    """Write the face so that it is upright only if its EXIF orientation is heeded."""
    photo, exif = Image.fromarray(PICTURE), Image.Exif()
    exif[0x0112] = turn
    photo = photo if TURNS[turn] is None else photo.transpose(TURNS[turn])
    photo.save(path, exif=exif, **options)


def write_mode(mode: str, options: dict):
    return lambda path: Image.fromarray(PICTURE).convert(mode).save(path, **options)


def write_16_bit(picture: np.ndarray):
    """The upper 8 bits are the picture, the lower ones noise."""
    noise = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint16)
    data = cv2.imencode('.png', picture[..., ::-1].astype(np.uint16) * 256 + noise)[1]
    return lambda path: path.write_bytes(data.tobytes())


def write_half_transparent(path: Path) -> None:
    photo = Image.fromarray(PICTURE).convert('RGBA')
    photo.putalpha(Image.fromarray(GREY))
    photo.save(path, **PNG)


def write_with_a_wrong_profile(path: Path) -> None:
    """Write a PNG with a colour profile of which libpng complains."""
    Image.fromarray(PICTURE).save(path, **PNG, icc_profile=bytes(200))


JPEG_ERROR = 2.0  # mean, grey levels; measured 1.3 to 1.6, and 4.2 or more one pixel beside it
PALETTE = Image.fromarray(PICTURE).convert('P')

# How it is written, what it is to be loaded as, and the largest mean difference, grey levels.
ODD = {
    'plain.jpg': (write_mode('RGB', JPEG), PICTURE, JPEG_ERROR),
    'grey.jpg': (write_mode('L', JPEG), np.stack([GREY] * 3, -1), JPEG_ERROR),
    'grey.png': (write_mode('L', PNG), np.stack([GREY] * 3, -1), 0.0),
    'grey and alpha.png': (write_mode('LA', PNG), np.stack([GREY] * 3, -1), 0.0),
    'rgba.png': (write_half_transparent, PICTURE, 0.0),
    'wrong profile.png': (write_with_a_wrong_profile, PICTURE, 0.0),
    'palette.png': (write_mode('P', PNG), np.asarray(PALETTE.convert('RGB')), 0.0),
    'cmyk.jpg': (write_mode('CMYK', JPEG), PICTURE, JPEG_ERROR),
    '16-bit.png': (write_16_bit(PICTURE), PICTURE, 0.0),
    '16-bit grey.png': (write_16_bit(GREY[..., None]), np.stack([GREY] * 3, -1), 0.0),
}  # fmt: skip


def cut(path: Path, left: float = 0.5) -> None:
    """Leave the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content))])


def damage(path: Path, place: float = 0.5, size: int = 512) -> None:
    """Put zeros, as of a lost sector, inside a file."""
    content = path.read_bytes()
    start = int(place * len(content))
    path.write_bytes(content[:start] + bytes(size) + content[start + size :])

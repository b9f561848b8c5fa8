"""What a file is, by its first bytes: suffixes lie, and some files have none."""

from pathlib import Path

HEAD = 512  # bytes of a file that tell what it is

# Offset, bytes, kind.
_SIGNS = (
    (0, b'\xff\xd8', 'JPEG'), (0, b'\x89PNG', 'PNG'), (0, b'GIF8', 'GIF'), (8, b'WEBP', 'WebP'),
    (0, b'II*\0', 'TIFF'), (0, b'MM\0*', 'TIFF'), (4, b'jP  ', 'JPEG 2000'),
    (0, b'P5', 'PNM'), (0, b'P6', 'PNM'),
    (0, b'\x1a\x45\xdf\xa3', 'Matroska'), (8, b'AVI ', 'AVI'), (0, b'0&\xb2\x75', 'WMV'),
    (0, b'FLV', 'FLV'), (0, b'OggS', 'Ogg'), (0, b'\0\0\1\xba', 'MPEG'), (0, b'\0\0\1\xb3', 'MPEG'),
    (4, b'moov', 'MP4'), (4, b'mdat', 'MP4'), (4, b'wide', 'MP4'), (4, b'free', 'MP4'),
    (0, b'%PDF', 'PDF'), (0, b'8BPS', 'Photoshop file'), (0, b'\xff\x0a', 'JPEG XL file'),
    (4, b'JXL ', 'JPEG XL file'), (0, b'version https://git-lfs', 'pointer of Git LFS'),
    (0, b'PK\3\4', 'packed file'), (0, b'\x1f\x8b', 'packed file'), (0, b'Rar!', 'packed file'),
    (0, b'7z\xbc\xaf', 'packed file'),
    (0, b'FUJIFILMCCD-RAW', 'raw file'), (0, b'IIRO', 'raw file'), (0, b'IIU\0', 'raw file'),
    (0, b'\0\5\x16\7', "Mac's side file"),
)  # fmt: skip
_HEIC = {b'heic', b'heix', b'heim', b'heis', b'hevc', b'mif1', b'msf1'}  # brands of `ftyp`
_PAGES = b'<!doctype html', b'<html', b'<svg', b'<?xml'

PHOTOS = {'JPEG', 'PNG', 'BMP', 'GIF', 'WebP', 'TIFF', 'JPEG 2000', 'PNM', 'AVIF', 'HEIC'}
VIDEOS = {'MP4', 'Matroska', 'AVI', 'WMV', 'FLV', 'Ogg', 'MPEG'}
OTHERS = {  # never a photo or a video, and what to do
    'PDF': 'save its photo as JPEG or PNG',
    'Photoshop file': 'save it as JPEG or PNG',
    'JPEG XL file': 'save it as JPEG or PNG',
    'packed file': 'unpack it',
    'pointer of Git LFS': 'run: git lfs pull',
    'raw file': 'save it as JPEG or PNG',
    'web page or SVG': 'download the photo itself',
    "Mac's side file": 'take the photo that it lies beside',
}


def kind_of(head: bytes) -> str | None:
    """Return what a file is: one of `PHOTOS`, `VIDEOS` or `OTHERS`, or None if unknown.

    Args:
        head: The file's first `HEAD` bytes.

    >>> kind_of(b'GIF89a')
    'GIF'
    """
    if head[4:8] == b'ftyp':
        brands = {head[at : at + 4] for at in range(8, int.from_bytes(head[:4], 'big'), 4)}
        if head[8:12] == b'crx ':
            return 'raw file'
        if brands & {b'avif', b'avis'}:
            return 'AVIF'
        return 'HEIC' if head[8:12] in _HEIC else 'MP4'
    if head[:2] == b'BM' and head[6:10] == bytes(4):
        return 'BMP'
    if head[:1] == b'G' and head[188:189] == b'G' and head[376:377] == b'G':
        return 'MPEG'  # a transport stream, in packets of 188 bytes
    if head.lstrip(b'\xef\xbb\xbf \t\r\n').lower().startswith(_PAGES):
        return 'web page or SVG'
    return next((kind for at, sign, kind in _SIGNS if head[at : at + len(sign)] == sign), None)


def kind_of_file(path: Path) -> str | None:
    """Return what a file is; see `kind_of`.

    Raises:
        OSError: If it cannot be read.

    >>> kind_of_file(Path('docs/images/astronaut.jpg'))
    'JPEG'
    """
    with path.open('rb') as file:
        return kind_of(file.read(HEAD))

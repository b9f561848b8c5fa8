"""Where pictures come from: photos, a folder of them, a video, a webcam."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from .errors import InputError
from .formats import OTHERS, PHOTOS, VIDEOS, kind_of_file
from .photos import read_bgr
from .videos import Video

SUFFIXES = ('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.bmp', '.webp', '.tif', '.tiff', '.gif',
            '.avif', '.heic', '.heif')  # fmt: skip
LARGEST_WEBCAM = 99


class Picture(NamedTuple):
    """A photo, or a frame of a video.

    Attributes:
        name: The photo's file name, or the frame's number, from 0.
        pixels: BGR, (h, w, 3) uint8, upright.
        seconds: Of a frame, when it is shown, from the video's beginning; of a photo None.

    >>> Picture('12', np.zeros((48, 64, 3), np.uint8), seconds=0.5).seconds
    0.5
    """

    name: str
    pixels: np.ndarray
    seconds: float | None = None


class Photos:
    """A photo, or several, or all those of a folder, by name.

    Of several, what cannot be read is left out and named by `notes`.

    Args:
        paths: Photos or folders.

    Attributes:
        files: The photos.
        bad: After iterating, a message for each that could not be read.

    Raises:
        InputError: If there is no photo, or two have one name; while iterating, if none of them can
            be read.

    >>> [picture.name for picture in Photos(Path('docs/images/astronaut.jpg'))]
    ['astronaut.jpg']
    """

    fps: float | None = None
    """Frames a second; None tells that these are no frames."""

    def __init__(self, *paths: Path):
        self.bad: list[str] = []
        self._left_out: dict[str, list[str]] = defaultdict(list)
        self.files = list(paths)
        if len(paths) > 1 or paths[0].is_dir():
            self.files = []
            inside = [sorted(path.iterdir()) if path.is_dir() else [path] for path in paths]
            for file in chain(*inside):
                if reason := _no_photo(file):
                    self._left_out[reason].append(file.name)
                else:
                    self.files.append(file)
        if not self.files:
            raise InputError('; '.join([f'{paths[0]}: no photo in it', *self.notes()]))
        names = Counter(file.name for file in self.files)
        if repeated := [name for name, count in names.items() if count > 1]:
            raise InputError(f'several photos are named {repeated[0]}; take one folder at a time')
        self.count: int | None = len(self.files)

    def __iter__(self) -> Iterator[Picture]:
        for file in self.files:
            try:
                pixels = read_bgr(file)
            except InputError as error:
                self.bad.append(str(error))
                continue
            yield Picture(file.name, pixels)
        if len(self.bad) == len(self.files):
            count = f' (and {len(self.bad) - 1} more like it)' if len(self.bad) > 1 else ''
            raise InputError(self.bad[0] + count)

    def notes(self) -> list[str]:
        """Return, a line each, what was left out and which photos could not be read."""
        return self.bad + [
            f'left out, {reason}: {_some(names)}' for reason, names in self._left_out.items()
        ]


class Frames:
    """A video's or a webcam's frames as pictures.

    Args:
        video: What is read.

    >>> frames = Frames(Video(Path('docs/images/astronaut.jpg')))  # a video of one frame
    >>> [(picture.name, picture.seconds) for picture in frames]
    [('0', 0.0)]
    """

    def __init__(self, video: Video):
        self.video = video
        self.fps: float | None = video.fps
        self.count = video.count

    def __iter__(self) -> Iterator[Picture]:
        for number, (pixels, seconds) in enumerate(self.video):
            yield Picture(str(number), pixels, seconds)

    def notes(self) -> list[str]:
        """Return, a line each, what could not be read."""
        return self.video.notes()


def open_source(text: str | Path | Sequence[str], max_frames: int | None = None) -> Photos | Frames:
    """Open photos, a folder, a video, or the webcam of that number.

    Whether a file is a photo or a video is told by its content. Of several inputs only photos are
    taken.

    Raises:
        InputError: If it cannot be opened.

    >>> open_source('docs/images/astronaut.jpg').count
    1
    """
    if not isinstance(text, str | Path):
        if len(text) > 1:
            paths = [Path(name).expanduser() for name in text]
            if missing := [path for path in paths if not path.exists()]:
                raise InputError(f'{missing[0]}: no such photo or folder')
            return Photos(*paths)
        text = text[0]
    if not str(text).strip():
        raise InputError('the name of the input is empty')
    try:
        return _open(str(text), Path(text).expanduser(), max_frames)
    except OSError as error:  # no permission, a name that is too long
        raise InputError(f'{str(text)[:200]}: cannot be read ({error.strerror})') from error


def _open(text: str, path: Path, max_frames: int | None) -> Photos | Frames:
    webcam = re.fullmatch(r'(?:/dev/video)?([0-9]+)', text)
    if webcam and not path.is_file() and not path.is_dir():
        if (number := int(webcam[1])) > LARGEST_WEBCAM:
            raise InputError(f'{text}: no such file, and no webcam has this number')
        return Frames(Video(number, max_frames))
    if '://' in text:
        raise InputError(f'{text}: an address; download the file and give its path')
    if path.is_dir():
        return Photos(path)
    if not path.is_file():
        raise InputError(f'{text}: no such photo, folder or video')
    kind = kind_of_file(path)
    photo = kind in PHOTOS or kind in OTHERS or (not kind and path.suffix.lower() in SUFFIXES)
    if photo and not (kind == 'GIF' and _is_animated(path)):
        return Photos(path)
    return Frames(Video(path, max_frames))


def _no_photo(file: Path) -> str | None:
    """Return why an entry of a folder is left out, or None for a photo, be it readable or not."""
    if file.is_dir():
        return 'a folder'
    if not file.is_file():
        return 'no file (a broken link, a pipe or a device)'
    try:
        kind = kind_of_file(file)
    except OSError:
        kind = None
    if kind in OTHERS or kind in VIDEOS:
        return f'a {kind}' if kind in OTHERS else 'a video'
    return None if kind in PHOTOS or file.suffix.lower() in SUFFIXES else 'no photo'


def _is_animated(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return getattr(image, 'is_animated', False)
    except (OSError, SyntaxError, ValueError):
        return False


def _some(names: list[str]) -> str:
    """Return the first names and how many more there are."""
    more = f' and {len(names) - 5} more' if len(names) > 5 else ''
    return ', '.join(names[:5]) + more

"""Where pictures come from: a photo, a folder of them, a video, a webcam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from .errors import InputError
from .photos import read_photo

PHOTOS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
DEFAULT_FPS = 25.0  # where a camera does not tell


class Picture(NamedTuple):
    """A photo, or a frame of a video.

    Attributes:
        name: The photo's file name, or the frame's number, from 0.
        pixels: BGR, (h, w, 3) uint8; a photo's are upright, see `mhhn_landmarks.photos`.
    """

    name: str
    pixels: np.ndarray


class Photos:
    """A photo or all those of a folder, by name; what is no photo is left out.

    Args:
        path: A photo or a folder.

    Raises:
        InputError: If there is no photo; while iterating, if one cannot be used.
    """

    fps: float | None = None
    """Frames a second; None tells that these are no frames."""

    def __init__(self, path: Path):
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        self.files = [file for file in files if file.suffix.lower() in PHOTOS]
        if not self.files:
            raise InputError(f'{path}: no photo in it ({", ".join(PHOTOS)})')
        self.count: int | None = len(self.files)

    def __iter__(self) -> Iterator[Picture]:
        for file in self.files:
            try:
                yield Picture(file.name, read_photo(file))
            except InputError as error:
                raise InputError(f'{error}, or take it out of the folder') from error


class Video:
    """A video's frames, or a webcam's until they are interrupted.

    Args:
        source: The file, or the number of the webcam.
        max_frames: How many frames to take at most.

    Raises:
        InputError: If it cannot be opened or has no frame.
    """

    def __init__(self, source: Path | int, max_frames: int | None = None):
        self.source = source
        self.capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
        if not self.capture.isOpened():
            kind = 'webcam' if isinstance(source, int) else 'video'
            raise InputError(f'{source}: this {kind} cannot be opened; try another')
        self.fps: float | None = self.capture.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS
        frames = int(self.capture.get(cv2.CAP_PROP_FRAME_COUNT))
        limits = [n for n in (frames, max_frames) if n and n > 0]
        self.count = min(limits) if limits else None
        self.max_frames = max_frames

    def __iter__(self) -> Iterator[Picture]:
        number = 0
        try:
            while self.max_frames is None or number < self.max_frames:
                good, pixels = self.capture.read()
                if not good:
                    break
                yield Picture(str(number), pixels)
                number += 1
        finally:
            self.capture.release()
        if not number:
            raise InputError(f'{self.source}: no frame in it')


def open_source(text: str, max_frames: int | None = None) -> Photos | Video:
    """Open a photo, a folder, a video, or the webcam of that number.

    Raises:
        InputError: If it cannot be.
    """
    path = Path(text)
    if text.isdigit() and not path.exists():
        return Video(int(text), max_frames)
    if path.is_dir() or (path.is_file() and path.suffix.lower() in PHOTOS):
        return Photos(path)
    if path.is_file():
        return Video(path, max_frames)
    raise InputError(f'{text}: no such photo, folder or video')

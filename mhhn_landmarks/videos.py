"""Reading a video or a webcam: upright frames with their own time stamps, past damaged parts."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from .errors import InputError
from .fileio import stderr_to_a_file

DEFAULT_FPS = 25.0  # where nothing tells
TURNS = {  # clockwise degrees that make a stored frame upright
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
LONGEST_HOLE = 1000  # frames in a row that cannot be read, before the rest is given up; 0.3 ms


class Video:
    """A video's frames, or a webcam's until it is interrupted.

    Args:
        source: The file, or the number of the webcam.
        max_frames: How many frames to take at most.

    Attributes:
        fps: Frames a second as the file or the webcam says; many say it wrongly.
        count: Frames to expect, or None if nothing tells, as for a webcam.

    Raises:
        InputError: If it cannot be opened; while iterating, if it has no frame.

    >>> [pixels.shape for pixels, seconds in Video(Path('docs/images/astronaut.jpg'))]
    [(600, 680, 3)]
    """

    def __init__(self, source: Path | int, max_frames: int | None = None):
        self.source, self.max_frames = source, max_frames
        self.is_live = isinstance(source, int)
        # FFmpeg writes of each damaged frame; what is missing is for `notes` to say.
        os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
        with stderr_to_a_file():
            self.capture = _open(source)
        if not self.capture.isOpened():
            raise InputError(
                f'{source}: this webcam cannot be opened; is it plugged in, free and allowed?'
                if self.is_live
                else f'{source}: neither a photo nor a video that can be read'
            )
        fps = self.capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if np.isfinite(fps) and fps > 0 else DEFAULT_FPS
        announced = self.capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._announced = int(announced) if 0 < announced < 1e9 and not self.is_live else 0
        limits = [n for n in (self._announced, max_frames) if n]
        self.count = min(limits) if limits else None
        # OpenCV's own turning is on in 4.10 and 5.0 and off in 4.11.
        self.capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._turn = TURNS.get(round(self.capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360)
        self._taken, self._lost = 0, 0

    def __iter__(self) -> Iterator[tuple[np.ndarray, float]]:
        """Yield pixels, BGR (h, w, 3) uint8, and seconds from the video's beginning."""
        clock = _Clock(self.fps, self.is_live)
        missed = 0
        try:
            while self.max_frames is None or self._taken < self.max_frames:
                good, pixels = self.capture.read()
                if not good:
                    missed += 1
                    place = self._taken + self._lost + missed
                    if missed > LONGEST_HOLE or place > self._announced:
                        break
                    continue
                self._lost += missed
                missed = 0
                self._taken += 1
                seconds = clock(self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
                yield pixels if self._turn is None else cv2.rotate(pixels, self._turn), seconds
            else:
                return
        finally:
            self.capture.release()
        if not self._taken:
            raise InputError(f'{self.source}: no frame of this video can be read')
        # Recorders of browsers announce a duration, as a number of frames at a made-up rate.
        short = self._announced / self.fps - clock.end
        if self._announced > self._taken and short > clock.step / 2:
            self._lost = self._announced - self._taken

    def notes(self) -> list[str]:
        """Return a line on the frames that were announced and could not be read, if any."""
        if not self._lost:
            return []
        return [
            f'{self.source}: {self._lost} of {self._taken + self._lost} announced frames could'
            ' not be read; the file is cut or damaged'
        ]


class _Clock:
    """Seconds of frames: their own stamps, a webcam's by the clock, else by the rate."""

    def __init__(self, fps: float, is_live: bool):
        self.is_live, self.step = is_live, 1 / fps
        self.start, self.last = time.monotonic(), -np.inf
        self.steps: list[float] = []

    def __call__(self, stamp: float) -> float:
        if self.is_live:
            if np.isinf(self.last):
                self.start = time.monotonic()
            stamp = time.monotonic() - self.start
        if not (np.isfinite(stamp) and stamp >= 0 and stamp > self.last):
            stamp = 0.0 if np.isinf(self.last) else self.last + self.step
        if np.isfinite(self.last):
            self.steps = [*self.steps[-9:], stamp - self.last]
            self.step = float(np.median(self.steps))
        self.last = stamp
        return stamp

    @property
    def end(self) -> float:
        """When the last frame ends."""
        return self.last + self.step


def _open(source: Path | int) -> cv2.VideoCapture:
    if isinstance(source, int):
        return cv2.VideoCapture(source)
    # An absolute path: FFmpeg takes '12:30.mp4' for an address with the protocol '12'.
    path = str(source.absolute())
    with ExitStack() as stack:
        try:
            path.encode()
        except UnicodeEncodeError:  # OpenCV ends the process with a segmentation fault
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            os.symlink(source.absolute(), folder / 'video')
            path = str(folder / 'video')
        return cv2.VideoCapture(path)

"""Writing a video that browsers play, and in which frames keep their times."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from .errors import InputError
from .fileio import stderr_to_a_file

FASTEST, SLOWEST = 60.0, 1.0  # frames a second that are written
WAIT = 8  # frames from whose times the rate is taken
LONGEST_GAP = 600.0  # seconds for which one frame is shown; more is a fault of the time stamps
H264 = ('libx264', 'libopenh264')  # FFmpeg's encoders
BY_OPENCV = (  # fourcc, suffix, what is said of it
    ('avc1', '.mp4', ''),
    ('VP80', '.webm', 'VP8, which browsers play; for H.264: pip install imageio-ffmpeg'),
    ('mp4v', '.mp4', 'MPEG-4, which browsers do not play; for H.264: pip install imageio-ffmpeg'),
)


class VideoFile:
    """A video of constant rate whose frames are shown at their times, to the nearest frame.

    H.264 by FFmpeg, if that is on the path or comes with imageio-ffmpeg, or by OpenCV; else VP8.

    Args:
        stem: The file's path without its suffix, which depends on the encoder.
        fps: Frames a second that were stated for the video; the frames' own times count more.

    Attributes:
        path: The file, when the first frames have been written.
        remark: What is to be said of its encoding, or ''.

    >>> from mhhn_landmarks.sources import open_source
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     video = VideoFile(Path(folder, 'a'), fps=25)
    ...     video.add(np.zeros((48, 64, 3), np.uint8), seconds=0)
    ...     video.close()
    ...     next(iter(open_source(video.path))).pixels.shape
    (48, 64, 3)
    """

    def __init__(self, stem: Path, fps: float):
        self.stem, self.fps = stem, fps
        self.path: Path | None = None
        self.remark = ''
        self._encoder: _FFmpeg | _OpenCV | None = None
        self._waiting: list[tuple[np.ndarray, float]] = []
        self._size = (0, 0)
        self._start, self._slot, self._step = 0.0, 0, 1
        self._shown: np.ndarray | None = None

    def add(self, frame: np.ndarray, seconds: float) -> None:
        """Take the next frame, BGR (h, w, 3) uint8; the first one's size is the video's.

        Raises:
            InputError: If no video can be written.
        """
        if self._encoder:
            self._place(self._encoder, frame, seconds)
            return
        self._waiting.append((frame.copy(), seconds))
        if len(self._waiting) == WAIT:
            self._begin()

    def close(self) -> None:
        """Write what is left and end the file."""
        if self._waiting:
            self._begin()
        if self._encoder and self._shown is not None:
            for _ in range(self._step if self._step <= self.fps else 1):
                self._encoder.write(self._shown)
            self._encoder.close()
            self._encoder = None

    def _begin(self) -> None:
        times = [seconds for _, seconds in self._waiting]
        self.fps, self._start = rate(times, self.fps), times[0]
        height, width = self._waiting[0][0].shape[:2]
        self._size = width + width % 2, height + height % 2  # codecs drop an odd row or column
        self._encoder = encoder = _encoder(self.stem, self._size, self.fps)
        self.path, self.remark = encoder.path, encoder.remark
        for frame, seconds in self._waiting:
            self._place(encoder, frame, seconds)
        self._waiting = []

    def _place(self, encoder: _FFmpeg | _OpenCV, frame: np.ndarray, seconds: float) -> None:
        """Show the last frame until this one's time; of two in one place the later one stays."""
        slot = round((seconds - self._start) * self.fps)
        longest = self._slot + round(LONGEST_GAP * self.fps)
        if slot > longest:
            self._start += (slot - longest) / self.fps
            slot = longest
        if self._shown is not None:
            for _ in range(self._slot, slot):
                encoder.write(self._shown)
            self._step = max(1, slot - self._slot)
        self._slot, self._shown = max(self._slot, slot), fit(frame, self._size)


def rate(times: list[float], stated: float) -> float:
    """Return frames a second for frames of those times: as stated if that agrees with them.

    >>> rate([0, 0.103, 0.2, 0.303], 1000)
    10.0
    """
    steps = np.diff(times)
    measured = 1 / steps.min() if len(steps) and steps.min() > 0 else stated
    if not 0.67 * stated <= measured <= 1.05 * stated:
        stated = round(measured) or measured
    return float(np.clip(stated, SLOWEST, FASTEST))


def fit(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the frame at that size (w, h): its edge repeated by a pixel, or shrunk into it.

    >>> fit(np.zeros((47, 63, 3), np.uint8), (64, 48)).shape
    (48, 64, 3)
    """
    (width, height), (h, w) = size, frame.shape[:2]
    if not (0 <= width - w <= 1 and 0 <= height - h <= 1):
        ratio = min(width / w, height / h)
        w, h = max(1, int(w * ratio)), max(1, int(h * ratio))
        frame = cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA)
        kind = cv2.BORDER_CONSTANT
    else:
        kind = cv2.BORDER_REPLICATE
    return cv2.copyMakeBorder(frame, 0, height - h, 0, width - w, kind)


def _encoder(stem: Path, size: tuple[int, int], fps: float) -> _FFmpeg | _OpenCV:
    if program := _ffmpeg():
        return _FFmpeg(*program, stem.with_name(stem.name + '.mp4'), size, fps)
    for fourcc, suffix, remark in BY_OPENCV:
        encoder = _OpenCV(fourcc, stem.with_name(stem.name + suffix), size, fps, remark)
        if encoder.writer.isOpened():
            return encoder
    raise InputError(f'{stem}: this OpenCV writes no video; run: pip install imageio-ffmpeg')


def _ffmpeg() -> tuple[str, str] | None:
    """Return an FFmpeg and its encoder of H.264."""
    program = shutil.which('ffmpeg')
    if not program:
        try:
            import imageio_ffmpeg

            program = imageio_ffmpeg.get_ffmpeg_exe()
        except (ImportError, RuntimeError):  # not installed; no program in it
            return None
    done = subprocess.run([program, '-hide_banner', '-encoders'], capture_output=True, text=True)
    return next(((program, name) for name in H264 if f' {name} ' in done.stdout), None)


class _FFmpeg:
    remark = ''

    def __init__(self, program: str, codec: str, path: Path, size: tuple[int, int], fps: float):
        self.path = path
        pixels = ['-f', 'rawvideo', '-pix_fmt', 'bgr24', '-s', '{}x{}'.format(*size)]
        output = ['-c:v', codec, '-pix_fmt', 'yuv420p', '-movflags', '+faststart']
        if codec == 'libx264':
            output += ['-preset', 'veryfast', '-crf', '20']
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program, '-v', 'error', '-y', *pixels, '-r', f'{fps:.6g}', '-i', '-', '-an', *output,
             path.absolute()],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.errors,
            start_new_session=True,  # an interruption is ours to handle: the file is to be ended
        )  # fmt: skip
        assert self.process.stdin
        self.input = self.process.stdin

    def write(self, frame: np.ndarray) -> None:
        try:
            self.input.write(frame.tobytes())
        except OSError as error:
            raise InputError(f'{self.path}: {self._error_text() or error.strerror}') from error

    def close(self) -> None:
        with suppress(BrokenPipeError):  # it has ended, and its status tells why
            self.input.close()
        status = self.process.wait()
        if status:
            raise InputError(f'{self.path}: {self._error_text() or f"FFmpeg ended with {status}"}')
        self.errors.close()

    def _error_text(self) -> str:
        self.process.wait()
        self.errors.seek(0)
        return ' '.join(self.errors.read().decode(errors='replace').split())[:200]


class _OpenCV:
    def __init__(self, fourcc: str, path: Path, size: tuple[int, int], fps: float, remark: str):
        self.path, self.remark = path, remark
        # OpenCV ends the process at a name that is no UTF-8: move the file there afterwards.
        self.folder = None
        target = path.absolute()
        try:
            str(target).encode()
        except UnicodeEncodeError:
            self.folder = tempfile.TemporaryDirectory()
            target = Path(self.folder.name, f'video{path.suffix}')
        self.target = target
        with stderr_to_a_file():
            code = cv2.VideoWriter.fourcc(*fourcc)
            self.writer = cv2.VideoWriter(str(target), code, fps, size)
        if not self.writer.isOpened():
            target.unlink(missing_ok=True)

    def write(self, frame: np.ndarray) -> None:
        self.writer.write(frame)

    def close(self) -> None:
        self.writer.release()
        if self.folder:
            shutil.move(self.target, self.path)
            self.folder.cleanup()

"""Results as pictures or a video, JSON and CSV; coordinates keep their fractions."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Container, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import cv2
import numpy as np

from .errors import InputError
from .fileio import write_bytes
from .sources import Picture
from .video_writing import VideoFile

if TYPE_CHECKING:
    from .aligner import Face

COLUMNS = ('picture', 'face', 'landmark', 'x', 'y', 'score')
WRITTEN_AS_READ = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
LONGEST_STEM = 220  # bytes of a photo's name in that of its result; systems allow 255 in all
END = b'\n]}\n'  # of the JSON file


class ResultWriter:
    """Writes the results of one input as they come: pictures or a video, `.json` and `.csv`.

    After each picture the files are whole, so what is done stays whatever comes later. (A video
    is whole after `close`.) Nothing is written before the first picture. Other photos' earlier
    results stay; a video's files are replaced.

    Args:
        out: Folder, made if need be.
        name: Of the video and of the files of numbers, without suffix.
        fps: Of a video, as stated; None for photos.
        about: What to say at the JSON's head, such as the model.
        photos: Names of those to come.

    Raises:
        InputError: If a file cannot be written, or one there must not be replaced.

    >>> from tempfile import TemporaryDirectory
    >>> pixels = np.zeros((48, 64, 3), np.uint8)
    >>> with TemporaryDirectory() as folder:
    ...     writer = ResultWriter(Path(folder), 'photos', fps=None, about={'model': 'tiny'})
    ...     writer.add(Picture('a.png', pixels), faces=[], names=[], drawn=pixels)
    ...     writer.close()
    ...     sorted(os.listdir(folder))
    ['a_landmarks.png', 'photos.csv', 'photos.json']
    """

    def __init__(
        self,
        out: Path,
        name: str,
        fps: float | None,
        about: dict,
        photos: Container[str] = (),
    ):
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f'--out {out}: no folder can be made there ({error})') from error
        self.out, self.name, self.fps, self.about = out, name, fps, about
        self.video = None if fps is None else VideoFile(out / f'{name}_landmarks', fps)
        self.faces, self.pictures = 0, 0
        self.others = _others(out / f'{name}.json', photos, about, fps is not None)
        self.empty: list[str] = []
        self.drawn: Path | None = None  # of the only photo
        self._json: IO[bytes] | None = None
        self._csv: IO[bytes] | None = None

    def add(
        self, picture: Picture, faces: Sequence[Face], names: Sequence[int], drawn: np.ndarray
    ) -> None:
        """Take a picture's faces, their numbers and what was drawn of them.

        Raises:
            InputError: If it cannot be written, such as on a full disk.
        """
        height, width = picture.pixels.shape[:2]
        entry: dict = dict(picture=picture.name, width=width, height=height)
        if self.fps is not None:
            seconds = picture.seconds
            seconds = int(picture.name) / self.fps if seconds is None else seconds
            entry['seconds'] = round(seconds, 4)
        entry['faces'] = [to_dict(f, int(n)) for f, n in zip(faces, names, strict=True)]
        try:
            if self.video:
                self.video.add(drawn, entry['seconds'])
            else:
                path = self._write_picture(picture.name, drawn)
                self.drawn = None if self.pictures else path
            self._write_numbers(entry)
        except OSError as error:
            place = error.filename2 or error.filename or self.out
            raise InputError(f'{place}: cannot be written ({error.strerror})') from error
        self.pictures += 1
        self.faces += len(faces)
        if not faces:
            self.empty.append(picture.name)

    def _write_picture(self, name: str, drawn: np.ndarray) -> Path:
        stem, suffix = Path(name).stem, Path(name).suffix
        if suffix.lower() not in WRITTEN_AS_READ:  # the whole name: a.jpg may lie beside a.heic
            stem, suffix = name, '.jpg'
        while len(os.fsencode(stem)) > LONGEST_STEM:
            stem = stem[:-1]
        # Not cv2.imwrite: it ends the process at some names, and fails at others on Windows.
        data = cv2.imencode(suffix, drawn)[1].tobytes()
        path = self.out / f'{stem}_landmarks{suffix}'
        write_bytes(path, data)
        return path

    def _write_numbers(self, entry: dict) -> None:
        if not self._json or not self._csv:
            rows = [row for other in self.others for row in rows_of(other)]
            head = json.dumps({**self.about, 'pictures': []}).removesuffix(']}')
            head += ','.join(f'\n{json.dumps(other)}' for other in self.others)
            self._json = self._begin('.json', head.encode() + END)
            self._csv = self._begin('.csv', to_csv([COLUMNS, *rows]))
        comma = ',' if self.others or self.pictures else ''
        text = f'{comma}\n{json.dumps(entry, allow_nan=False)}'
        _append(self._json, text.encode(), END)
        _append(self._csv, to_csv(rows_of(entry)))

    def _begin(self, suffix: str, text: bytes) -> IO[bytes]:
        path = self.out / f'{self.name}{suffix}'
        write_bytes(path, text)
        # Unbuffered: a picture's numbers are written at once or, on a full disk, taken back.
        return path.open('r+b', buffering=0)

    def summary(self) -> str:
        """Return in words how many faces were found, where there is none, and the files."""
        text = f'{count(self.faces, "face")} in {count(self.pictures, "picture")}'
        if self.empty:
            more = ', ...' if len(self.empty) > 3 else ''
            text += f' (no face in {len(self.empty)} of them: {", ".join(self.empty[:3])}{more})'
        files = [str(self.drawn)] if self.drawn else []
        if self.video and self.video.path:
            remark = f' ({self.video.remark})' if self.video.remark else ''
            files = [f'{self.video.path}{remark}']
        files += [str(file.name) for file in (self._json, self._csv) if file]
        if self.others and self._json:
            files[-1] += f' (with {count(len(self.others), "photo")} of earlier calls)'
        return f'{text}: {", ".join(files)}' if files else text

    def close(self) -> None:
        """End the video and the files.

        Raises:
            InputError: If the video cannot be written.
        """
        for file in (self._json, self._csv):
            if file:
                file.close()
        if self.video:
            self.video.close()


def _others(path: Path, photos: Container[str], about: dict, is_video: bool) -> list[dict]:
    """Return the entries of other photos that an earlier call wrote.

    Raises:
        InputError: If they are a video's or another model's, or the file is not ours.
    """
    table = path.with_suffix('.csv')
    if table.exists() and not table.read_bytes().startswith(to_csv([COLUMNS])):
        raise InputError(f'{table}: not of this command; choose another --out')
    if not path.exists():
        return []
    try:
        head = json.loads(path.read_bytes())
        pictures = head.pop('pictures')
        others = [entry for entry in pictures if entry['picture'] not in photos]
        for entry in others:
            rows_of(entry)
        frames = any('seconds' in entry for entry in pictures)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f'{path}: not of this command; choose another --out') from None
    if frames and is_video:
        return []
    if others and (frames or is_video or head != about):
        whose = 'a video' if frames else f'other photos by the model {head.get("model")}'
        raise InputError(f'{path}: holds landmarks of {whose}; choose another --out')
    return others


def _append(file: IO[bytes], text: bytes, end: bytes = b'') -> None:
    """Write before the file's end, or leave the file as it was."""
    place = file.seek(-len(end), io.SEEK_END)
    try:
        if file.write(text + end) < len(text + end):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        file.seek(place)
        file.truncate()
        file.write(end)
        raise


def count(number: int, noun: str) -> str:
    """Return the number with its noun, such as '2 faces'.

    >>> count(1, 'face'), count(2, 'face')
    ('1 face', '2 faces')
    """
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


def to_dict(face: Face, name: int) -> dict:
    """Return a face for JSON; numbers to a thousandth of a pixel, beyond what any heatmap tells.

    >>> from mhhn_landmarks.aligner import Crop, Face
    >>> crop = Crop(np.array([32, 24]), np.array([40, 40]), np.array([64, 64]))
    >>> to_dict(Face(np.ones(4), np.array([[30.5, 20]]), np.ones(1), 0.9, crop), 0)['landmarks']
    [[30.5, 20.0]]
    """
    return dict(
        face=name,
        box=[round(float(v), 2) for v in face.box],
        box_angle=round(float(face.angle), 2) + 0.0,  # no -0.0
        box_score=round(face.box_score, 4),
        landmarks=np.round(face.points.astype(float), 3).tolist(),
        scores=np.round(face.scores.astype(float), 4).tolist(),
    )


def rows_of(entry: dict) -> list[list]:
    """Return a picture's rows of the CSV file, see `COLUMNS`.

    >>> face = dict(face=0, landmarks=[[30.5, 20.0], [34.0, 21.5]], scores=[0.9, 0.8])
    >>> rows_of(dict(picture='a.jpg', faces=[face]))
    [['a.jpg', 0, 0, 30.5, 20.0, 0.9], ['a.jpg', 0, 1, 34.0, 21.5, 0.8]]
    """
    rows = []
    for face in entry['faces']:
        for number, (point, score) in enumerate(
            zip(face['landmarks'], face['scores'], strict=True)
        ):
            rows.append([entry['picture'], face['face'], number, *point, score])
    return rows


def to_csv(rows: Sequence[Sequence]) -> bytes:
    """Return rows as CSV; a file's name has the bytes that it has on the disk.

    >>> to_csv([['a.jpg', 0, 30.5], ['b, c.jpg', 1, 20.0]]).splitlines()
    [b'a.jpg,0,30.5', b'"b, c.jpg",1,20.0']
    """
    text = io.StringIO(newline='')
    csv.writer(text).writerows(rows)
    return text.getvalue().encode('utf-8', 'surrogateescape')

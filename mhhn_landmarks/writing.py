"""Results as pictures or a video, JSON and CSV; coordinates keep their fractions."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from .errors import InputError
from .fileio import write_json_files
from .sources import Picture

COLUMNS = ('picture', 'face', 'landmark', 'x', 'y', 'score')


class Face(Protocol):
    """What an aligner says of one face.

    Attributes:
        box: The square (left, top, right, bottom, score), photo pixels.
        points: Landmarks (K, 2), photo pixels.
        scores: Confidences (K,), 0 to 1.
    """

    box: np.ndarray
    points: np.ndarray
    scores: np.ndarray


class ResultWriter:
    """Collects the results of one input and writes its pictures as they come.

    Args:
        out: Folder, made if need be.
        name: Of the video and of the files of numbers, without suffix.
        fps: Of a video; None for photos.
        about: What to say at the JSON's head, such as the model.

    Raises:
        InputError: If a picture or the video cannot be written.
    """

    def __init__(self, out: Path, name: str, fps: float | None, about: dict):
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f'--out {out}: no folder can be made there ({error})') from error
        self.out, self.name, self.fps = out, name, fps
        self.content = {**about, 'pictures': []}
        self.video: cv2.VideoWriter | None = None

    def add(
        self,
        picture: Picture,
        faces: Sequence[Face],
        names: Sequence[int],
        drawn: np.ndarray,
    ) -> None:
        """Take a picture's faces, their numbers and what was drawn of them."""
        height, width = picture.pixels.shape[:2]
        entry: dict = dict(picture=picture.name, width=width, height=height)
        if self.fps is not None:
            entry['seconds'] = round(int(picture.name) / self.fps, 4)
        entry['faces'] = [_to_dict(f, int(n)) for f, n in zip(faces, names, strict=True)]
        self.content['pictures'].append(entry)
        if self.fps is not None:
            self._add_frame(drawn)
            return
        path = self.out / f'{Path(picture.name).stem}_landmarks{Path(picture.name).suffix}'
        if not cv2.imwrite(str(path), drawn):
            raise InputError(f'{path}: cannot be written; choose another --out')

    def _add_frame(self, frame: np.ndarray) -> None:
        # The codec drops an odd last row or column.
        odd_rows, odd_columns = (size % 2 for size in frame.shape[:2])
        frame = cv2.copyMakeBorder(frame, 0, odd_rows, 0, odd_columns, cv2.BORDER_REPLICATE)
        if self.video is None:
            code = cv2.VideoWriter_fourcc(*'mp4v')
            path, size = self.out / f'{self.name}_landmarks.mp4', frame.shape[1::-1]
            self.video = cv2.VideoWriter(str(path), code, self.fps, size)
            if not self.video.isOpened():
                raise InputError(f'{path}: this OpenCV writes no mp4; install another build of it')
        self.video.write(frame)

    def summary(self) -> str:
        """Return in words how many faces were found, and where there is none."""
        pictures = self.content['pictures']
        faces = sum(len(entry['faces']) for entry in pictures)
        text = f'{count(faces, "face")} in {count(len(pictures), "picture")}'
        if empty := [entry['picture'] for entry in pictures if not entry['faces']]:
            more = ', ...' if len(empty) > 3 else ''
            text += f' (no face in {len(empty)} of them: {", ".join(empty[:3])}{more})'
        return text

    def close(self) -> None:
        """End the video and write ``NAME.json`` and ``NAME.csv``, if any picture was taken."""
        if self.video is not None:
            self.video.release()
        if not self.content['pictures']:
            return
        write_json_files({self.out / f'{self.name}.json': self.content})
        with (self.out / f'{self.name}.csv').open('w', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for entry in self.content['pictures']:
                for face in entry['faces']:
                    rows = zip(face['landmarks'], face['scores'], strict=True)
                    for number, ((x, y), score) in enumerate(rows):
                        writer.writerow([entry['picture'], face['face'], number, x, y, score])


def count(number: int, noun: str) -> str:
    """Return the number with its noun, such as '2 faces'."""
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


def _to_dict(face: Face, name: int) -> dict:
    """Numbers to a thousandth of a pixel, which is beyond what any heatmap tells."""
    left, top, right, bottom, score = (float(v) for v in face.box)
    box = [left, top, right - left, bottom - top]
    return dict(
        face=name,
        box=[round(v, 2) for v in box],
        box_score=round(score, 4),
        landmarks=np.round(face.points.astype(float), 3).tolist(),
        scores=np.round(face.scores.astype(float), 4).tolist(),
    )

"""Find faces in a photo, a folder of photos, a video or a webcam, and their landmarks."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import DictAction
from tqdm import tqdm

from mhhn_landmarks.boxes import GivenBoxes, squares
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.sources import Picture, open_source
from mhhn_landmarks.tracking import follow
from mhhn_landmarks.writing import ResultWriter
from mhhn_mmpose.apis.aligner import FaceAligner, FaceLandmarks
from mhhn_mmpose.apis.detector import DETECTORS, build_detector
from mhhn_mmpose.apis.drawing import draw_heatmaps, draw_landmarks

Located = tuple[Picture, np.ndarray, np.ndarray]  # with its squares (N, 5) and their numbers (N,)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('input', help='photo, folder, video, or number of a webcam')
    parser.add_argument('--config', required=True, help='config file of the model')
    parser.add_argument('--checkpoint', required=True, help='its weights')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/demo'), help='folder to write')
    parser.add_argument('--boxes', help='x,y,w,h or a JSON file, in the place of a detector')
    parser.add_argument('--detector', choices=DETECTORS, default=DETECTORS[0])
    parser.add_argument('--batch', type=int, default=32, help='faces through the model at once')
    parser.add_argument('--show-heatmaps', action='store_true', help='draw them at the right')
    parser.add_argument('--no-tracking', action='store_true', help='boxes of videos as detected')
    parser.add_argument('--max-frames', type=int, help='of a video or webcam')
    parser.add_argument('--device', help="such as cpu or cuda:0; the GPU if there's one")
    parser.add_argument('--amp', action='store_true', help='compute in 16 bits; CPU: bfloat16')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='config overrides, key=value'
    )
    args = parser.parse_args(argv)
    for name in ('batch', 'max_frames'):
        if (number := getattr(args, name)) is not None and number < 1:
            parser.error(f'--{name.replace("_", "-")} is 1 or more, got {number}')
    return args


class FaceFinder:
    """Finds the squares of faces in pictures, and in a video who they are.

    Args:
        args: The command line.
        given: Boxes of the user, in the place of a detector.
        num_landmarks: Of the model.
        is_video: Whether pictures follow each other.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        given: GivenBoxes | None,
        num_landmarks: int,
        is_video: bool,
    ):
        self.given, self.detect = given, None
        if not given:
            self.detect = build_detector(args.detector, num_landmarks, args.device)
        self.tracks = is_video and not (given or args.no_tracking)

    def __call__(self, pictures: Iterable[Picture]) -> Iterator[Located]:
        """Yield the pictures with their squares and these squares' numbers."""
        found = ((picture, squares(self._boxes(picture))) for picture in pictures)
        if self.tracks:
            return follow(found)
        return ((picture, boxes, np.arange(len(boxes))) for picture, boxes in found)

    def _boxes(self, picture: Picture) -> np.ndarray:
        if self.given:
            return self.given(picture.name, picture.pixels.shape[:2])
        return self.detect(picture.pixels)


def in_batches(located: Iterator[Located], batch_size: int) -> Iterator[list[Located]]:
    """Yield pictures whose faces fill a batch, together; at most `batch_size` pictures."""
    group: list[Located] = []
    for item in located:
        group.append(item)
        faces = sum(len(boxes) for _, boxes, _ in group)
        if max(faces, len(group)) >= batch_size:
            yield group
            group = []
    if group:
        yield group


def align(
    aligner: FaceAligner, group: list[Located], batch_size: int
) -> list[tuple[Picture, list[FaceLandmarks], np.ndarray]]:
    """Run the model on the faces of several pictures and sort the results by picture."""
    faces = [(picture.pixels, box) for picture, boxes, _ in group for box in boxes]
    found = iter(aligner(faces, batch_size))
    return [(picture, [next(found) for _ in boxes], names) for picture, boxes, names in group]


def run(args: argparse.Namespace) -> None:
    """Take the input's pictures one batch after another; what is done when interrupted stays."""
    source = open_source(args.input, args.max_frames)
    if Path(args.input).is_dir() and args.out.resolve() == Path(args.input).resolve():
        raise InputError(f'--out {args.out}: that is the folder of the photos; choose another')
    given = GivenBoxes(args.boxes) if args.boxes else None
    aligner = FaceAligner(
        args.config,
        args.checkpoint,
        args.device,
        args.show_heatmaps,
        args.cfg_options,
        amp=args.amp,
    )
    is_video = source.fps is not None
    finder = FaceFinder(args, given, aligner.num_landmarks, is_video)
    # Of a webcam the next picture is there only when time has come; a batch of them is late.
    batch = 1 if source.count is None else args.batch
    name = f'webcam{args.input}' if args.input.isdigit() else Path(args.input).resolve().stem
    about = dict(config=Path(args.config).name, checkpoint=Path(args.checkpoint).name)
    writer = ResultWriter(args.out, name, source.fps, about)
    bar = tqdm(total=source.count, unit='frame' if is_video else 'photo', desc='landmarks')
    try:
        for group in in_batches(finder(source), batch):
            for picture, faces, names in align(aligner, group, args.batch):
                drawn = draw_landmarks(picture.pixels, faces, names)
                if args.show_heatmaps:
                    heat = draw_heatmaps(picture.pixels, faces, aligner.activation)
                    drawn = np.concatenate((drawn, heat), axis=1)
                writer.add(picture, faces, names, drawn)
                bar.update()
    except KeyboardInterrupt:
        print('interrupted: writing what is done')
    finally:
        bar.close()
        writer.close()
    print(f'{args.out}: {writer.summary()}; {name}.json, {name}.csv')
    for note in source.notes():
        print(note)
    if given and given.unused():
        print(f'{args.boxes}: boxes of no picture here: {", ".join(given.unused()[:5])}')


def main(argv: Sequence[str] | None = None) -> None:
    """Parse and run."""
    args = parse_args(argv)
    try:
        run(args)
    except InputError as error:
        raise SystemExit(f'face_demo: {error}') from error


if __name__ == '__main__':
    main()

"""Measure how far landmarks jump in still videos: photos repeated with a little noise."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from mhhn_landmarks.cli import add_model
from mhhn_landmarks.detector import DETECTORS
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.sources import Photos, open_source
from mhhn_landmarks.tracking import FaceTracker
from mhhn_mmpose.apis.aligner import FaceAligner

DECODERS = {'argmax': 'ArgmaxHeatmap', 'SDT': 'SDTHeatmap'}
BOXES = ('fixed', 'detected', 'tracked')
SETTLED = 10  # frames that a track has to come to rest, not counted


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('input', help='photo or folder; the best found face of each photo counts')
    add_model(parser)
    parser.add_argument('--photos', type=int, default=8, help='of a folder, the first so many')
    parser.add_argument('--frames', type=int, default=40, help='of each video')
    parser.add_argument('--noise', type=float, default=3.0, help='deviation of the noise, of 255')
    parser.add_argument('--detector', choices=DETECTORS, default=DETECTORS[0])
    args = parser.parse_args(argv)
    if min(args.frames - SETTLED - 1, args.photos, args.noise) <= 0:
        parser.error(f'--frames is above {SETTLED + 1}, --photos and --noise are above 0')
    return args


def still_video(photo: np.ndarray, frames: int, noise: float) -> list[np.ndarray]:
    """Return the photo with independent Gaussian noise, `frames` times."""
    rng = np.random.default_rng(0)
    shaken = (photo + rng.normal(0, noise, photo.shape) for _ in range(frames))
    return [np.rint(frame).clip(0, 255).astype(np.uint8) for frame in shaken]


def boxes_by_kind(video: list[np.ndarray], detect: Callable) -> dict[str, np.ndarray] | None:
    """Return the squares (frames, 6) of each kind in `BOXES`; None if a frame has no face."""
    found = [detect(frame) for frame in video]
    if not all(len(boxes) for boxes in found):
        return None
    track, tracked = FaceTracker(), []
    detected = np.stack([boxes[0] for boxes in found])
    for box in detected:
        tracked.append(track(box[None])[0][0])
    fixed = np.repeat(detected[:1], len(video), axis=0)
    return dict(zip(BOXES, (fixed, detected, np.stack(tracked)), strict=True))


def jitter(points: np.ndarray, side: float) -> tuple[float, float]:
    """Return how far landmarks are from their mean, and how far they go from frame to frame.

    Args:
        points: (frames, K, 2) photo pixels.
        side: Of the face's box, photo pixels.

    Returns:
        tuple: Both as root mean squares over frames and landmarks, percent of the side.
    """
    points = points[SETTLED:]
    from_mean = np.square(points - points.mean(axis=0)).sum(-1).mean()
    step = np.square(np.diff(points, axis=0)).sum(-1).mean()
    return 100 * np.sqrt(from_mean) / side, 100 * np.sqrt(step) / side


def run(args: argparse.Namespace) -> None:
    """Measure all decoders and boxes, and print a table."""
    source = open_source(args.input)
    if not isinstance(source, Photos):
        raise InputError(f'{args.input}: a photo or a folder of photos is needed')
    source.files = source.files[: args.photos]
    aligners = {
        name: FaceAligner(
            *args.model,
            cfg_options={'model.head.decoder.type': kind},
            detector=args.detector,
        )
        for name, kind in DECODERS.items()
    }
    detect = aligners['SDT'].detect
    results: dict[tuple[str, str], list] = {(d, b): [] for d in DECODERS for b in BOXES}
    for picture in source:
        video = still_video(picture.pixels, args.frames, args.noise)
        if (kinds := boxes_by_kind(video, detect)) is None:
            print(f'{picture.name}: left out, a frame of it has no face that is found')
            continue
        for (decoder, kind), values in results.items():
            faces = aligners[decoder].align(list(zip(video, kinds[kind], strict=True)))
            side = float(kinds['fixed'][0, 2] - kinds['fixed'][0, 0])
            values.append(jitter(np.stack([face.points for face in faces]), side))
    if not results['SDT', 'fixed']:
        raise InputError(f'{args.input}: no face is found; try another --detector')
    print(f'{len(results["SDT", "fixed"])} videos of {args.frames} frames, noise {args.noise}')
    print('| boxes | decoder | from the mean, % | from frame to frame, % |\n|---|---|---|---|')
    for kind in BOXES:
        for decoder in DECODERS:
            mean, step = np.sqrt(np.square(results[decoder, kind]).mean(axis=0))
            print(f'| {kind} | {decoder} | {mean:.2f} | {step:.2f} |')


def main(argv: Sequence[str] | None = None) -> None:
    """Parse and run."""
    args = parse_args(argv)
    try:
        run(args)
    except InputError as error:
        raise SystemExit(f'jitter: {error}') from error


if __name__ == '__main__':
    main()

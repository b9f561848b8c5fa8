"""Find faces in photos, a folder of photos, a video or a webcam, and their landmarks."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .aligner import Aligner

PYTORCH = ('device', 'amp', 'show_heatmaps', 'cfg_options')  # flags that only its models have


def _parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    from . import __version__
    from .arguments import add_config_options, add_model
    from .detector import DETECTORS

    parser = argparse.ArgumentParser(
        prog='mhhn-landmarks',
        description=__doc__,
        epilog='--device, --amp, --show-heatmaps and --cfg-options run the model in PyTorch.',
    )
    parser.add_argument(
        'input', nargs='*', help='photos, a folder, a video, or the number of a webcam'
    )
    parser.add_argument('--version', action='version', version=f'mhhn-landmarks {__version__}')
    add_model(parser, onnx=True)
    parser.add_argument('--out', type=Path, default=Path('landmarks'), help='folder to write')
    parser.add_argument('--boxes', help='x,y,w,h or a JSON file, in the place of a detector')
    parser.add_argument('--detector', choices=DETECTORS, default=DETECTORS[0])
    parser.add_argument('--min-score', type=float, help='leave out detected faces below')
    parser.add_argument('--batch', type=int, default=32, help='faces through the model at once')
    parser.add_argument('--no-tracking', action='store_true', help='boxes of videos as detected')
    parser.add_argument('--max-frames', type=int, help='of a video or webcam')
    parser.add_argument('--show-heatmaps', action='store_true', help='draw them at the right')
    parser.add_argument('--device', help="such as cpu or cuda:0; the GPU if there's one")
    parser.add_argument('--amp', action='store_true', help='compute in 16 bits; CPU: bfloat16')
    add_config_options(parser)
    args = parser.parse_args(_join_boxes(sys.argv[1:] if argv is None else argv))
    for name in ('batch', 'max_frames'):
        if (number := getattr(args, name)) is not None and number < 1:
            parser.error(f'--{name.replace("_", "-")} is 1 or more, got {number}')
    if not 0 <= (args.min_score or 0) <= 1:
        parser.error(f'--min-score is 0 to 1, got {args.min_score:g}')
    if not args.input:
        parser.error('no photo, folder or video; they come before --model')
    return args


def _join_boxes(words: Sequence[str]) -> list[str]:
    """Write `--boxes -10,20,30,40` as one word: argparse takes the second one for a flag.

    So it takes `--boxes -10 20 30 40`, which means the same.

    >>> _join_boxes(['--boxes', '-10', '20', '30', '40', 'a.jpg'])
    ['--boxes=-10,20,30,40', 'a.jpg']
    """
    words = list(words)
    if '--boxes' in words[:-1]:
        at = words.index('--boxes') + 1
        four = words[at : at + 4]
        end = at + (4 if len(four) == 4 and all(map(_is_number, four)) else 1)
        words[at - 1 : end] = [f'--boxes={",".join(words[at:end])}']
    return words


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _build_aligner(args: argparse.Namespace) -> Aligner:
    """Return the aligner that the command line asks for.

    Raises:
        InputError: If the model cannot be loaded, or PyTorch is missing for it.
    """
    from .aligner import MIN_SCORE

    min_score = MIN_SCORE if args.min_score is None else args.min_score
    names = [name for name in PYTORCH if getattr(args, name)]
    options = {name: getattr(args, name) for name in names}
    if 'show_heatmaps' in options:
        options['heatmaps'] = options.pop('show_heatmaps')
    reason = f'--{names[0].replace("_", "-")}' if names else ''
    return load_aligner(args.model, reason, detector=args.detector, min_score=min_score, **options)


def load_aligner(model: Sequence[str], reason: str = '', **options) -> Aligner:
    """Return an `OnnxAligner`, or a `FaceAligner` where PyTorch is needed.

    Args:
        model: The words after `--model`.
        reason: What needs PyTorch, if something but the model does.
        options: Arguments of the aligner.

    Raises:
        InputError: If the model cannot be loaded, or PyTorch is missing for it.

    >>> load_aligner(['tiny']).num_landmarks
    68
    """
    from .aligner import OnnxAligner
    from .errors import InputError
    from .models import MODELS, config_and_checkpoint

    is_file = model[0].endswith('.onnx')
    if len(model) == 1 and (is_file or model[0] in MODELS) and not reason:
        return OnnxAligner(model[0], **options)
    if is_file:
        raise InputError(f'{model[0]}: {reason or "a CHECKPOINT"} needs a config in its place')
    config_and_checkpoint(*model)  # a wrong name is told before PyTorch is asked for
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of packages that a user cannot change
        try:
            module = importlib.import_module('mhhn_mmpose.apis.aligner')
        except ImportError as error:
            raise InputError(f'{reason or model[0]} needs PyTorch: {error}') from error
        return module.FaceAligner(*model, **options)


def _run(args: argparse.Namespace) -> int:
    """Take the input's pictures one batch after another; what is done when interrupted stays.

    Returns:
        1 if a photo could not be read, else 0.
    """
    from .batches import align, draw, in_batches, locate
    from .boxes import UserBoxes
    from .errors import InputError
    from .sources import open_source
    from .writing import ResultWriter, count

    source = open_source(args.input, args.max_frames)
    if args.out.resolve() in [Path(text).resolve() for text in args.input]:
        raise InputError(f'--out {args.out}: that is the folder of the photos; choose another')
    user_boxes = UserBoxes(args.boxes) if args.boxes else None
    aligner = _build_aligner(args)
    # Of a webcam the next picture is there only when time has come; a batch of them is late.
    batch = 1 if source.count is None else args.batch
    name = Path(args.input[0]).resolve().stem if len(args.input) == 1 else 'photos'
    if name.isdigit() and not Path(args.input[0]).exists():
        name = f'webcam{name}'
    about = dict(model=' '.join(Path(word).name for word in args.model))
    photos = {file.name for file in getattr(source, 'files', [])}
    writer = ResultWriter(args.out, name, source.fps, about, photos)
    is_video = source.fps is not None
    left_out = 0  # faces
    try:
        for group in in_batches(locate(source, args, aligner, user_boxes, is_video), batch):
            for (_, boxes, _), result in zip(group, align(aligner, group, args), strict=True):
                picture, faces, names = result
                left_out += max(len(boxes) - len(faces), 0)
                drawn = draw(picture, faces, names, aligner, args.show_heatmaps)
                writer.add(picture, faces, names, drawn)
                _show_progress(writer.pictures, source.count)
    except KeyboardInterrupt:
        print('interrupted: writing what is done')
    finally:
        writer.close()
    if left_out:
        least = f'mean score below {aligner.min_score:g}'
        print(f'left out, {least}: {count(left_out, "face")}; --min-score 0 keeps all')
    print(writer.summary())
    for note in source.notes():
        print(note)
    if user_boxes and user_boxes.unused():
        print(f'{args.boxes}: boxes of no picture here: {", ".join(user_boxes.unused()[:5])}')
    return int(bool(getattr(source, 'bad', None)))


def _show_progress(done: int, total: int | None) -> None:
    """Write how many pictures are done, into one line of a terminal."""
    if sys.stderr.isatty() and total != 1:
        sys.stderr.write(f'\r{done}{f" of {total}" if total else ""} ')
        if done == total:
            sys.stderr.write('\r\033[K')
        sys.stderr.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Parse and run.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     main(['docs/images/astronaut.jpg', '--model', 'tiny', '--out', folder])
    1 face in 1 picture: ...
    0
    """
    args = _parse_args(argv)
    from .errors import InputError

    if hasattr(sys.stdout, 'reconfigure'):
        sys.stdout.reconfigure(errors='backslashreplace')  # names in other encodings
    # A video that is being written has to be ended then, too.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(args)
    except InputError as error:
        raise SystemExit(f'mhhn-landmarks: {error}') from error
    finally:
        signal.signal(signal.SIGTERM, previous)

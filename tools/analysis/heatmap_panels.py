"""Draw faces' heatmaps: those of the truth, then each model's (MHHN, Fig. 7).

Models are given as CONFIG CHECKPOINT pairs; faces are those of the first config's test set.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from mmengine.config import DictAction

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from figures.heatmaps import HeatmapRow, plot_heatmaps
from figures.predictions import (
    PredictionError,
    Predictor,
    read_photo,
    true_points,
    worst_faces,
)
from paper_tables.conditions import RunError

from mhhn_mmpose.visualization.heatmaps import displayable, heatmap_box

NUM_LANDMARKS = 17  # drawn by default, evenly spaced indices: with all of them maps run together


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('models', metavar='CONFIG CHECKPOINT', nargs='+', help='one pair or more')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--names', nargs='+', help="of the models; default: from the configs'")
    parser.add_argument('--index', type=int, nargs='+', help='faces, from 0; default: 0 1 2')
    parser.add_argument('--worst', type=int, metavar='N', help='the N worst of --errors instead')
    parser.add_argument('--errors', help='errors.json of tools/test.py, or its folder')
    parser.add_argument('--landmarks', type=int, nargs='+', help=f'default: {NUM_LANDMARKS} of all')
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='for all configs, key=value'
    )
    args = parser.parse_args()
    if len(args.models) % 2:
        parser.error('give each CONFIG its CHECKPOINT')
    if args.names and 2 * len(args.names) != len(args.models):
        parser.error(f'{len(args.names)} names for {len(args.models) // 2} models')
    if bool(args.worst) != bool(args.errors) or (args.worst and (args.index or args.worst < 1)):
        parser.error('choose faces by --index, or by --worst N (1 or more) with --errors')
    return args


def choose_landmarks(wanted: list[int] | None, count: int) -> list[int]:
    """Return the landmarks to draw.

    Raises:
        PredictionError: If there is no such landmark.
    """
    for landmark in wanted or []:
        if not 0 <= landmark < count:
            raise PredictionError(f'--landmarks {landmark} is out of range: 0 to {count - 1}')
    return wanted or sorted({round(i) for i in np.linspace(0, count - 1, NUM_LANDMARKS)})


def draw(args: argparse.Namespace) -> str:
    """Draw the panels, say what is on them."""
    pairs = list(zip(args.models[::2], args.models[1::2], strict=True))
    models = [Predictor(*pair, args.cfg_options, args.device) for pair in pairs]
    names = args.names or [model.name for model in models]
    if len(set(names)) < len(names):
        raise PredictionError(f'models need names of their own, got {", ".join(names)}: --names')
    if args.errors:
        errors, _ = worst_faces(args.errors, args.worst)
    else:
        errors = {models[0].id_of(i): None for i in args.index or range(3)}
    faces = list(errors)
    found = [model.predict(faces) for model in models]
    drawn = choose_landmarks(args.landmarks, len(true_points(found[0][0])))
    rows = []
    for face, *samples in zip(faces, *found, strict=True):
        first = samples[0]
        maps = {'truth': models[0].true_heatmaps(first)[drawn]}
        for name, model, sample in zip(names, models, samples, strict=True):
            output = sample.pred_fields.heatmaps.cpu().numpy()[drawn]
            maps[name] = displayable(output, model.decoder.get('activation'))
        box = heatmap_box(first.input_center, first.input_scale, models[0].decoder['input_size'])
        title = f'id {face}' + (f': {errors[face]:.1f} %' if errors[face] is not None else '')
        rows.append(HeatmapRow(read_photo(first), true_points(first)[drawn], box, maps, title))
    plot_heatmaps(rows, args.out, f'Heatmaps of {len(drawn)} landmarks; + annotated')
    return f'{args.out}: {len(rows)} faces; truth, {", ".join(names)}'


def main() -> int:
    """Draw."""
    args = parse_args()
    try:
        print(draw(args))
    except (PredictionError, RunError, OSError, ValueError) as error:
        print(f'heatmap_panels: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

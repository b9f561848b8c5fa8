"""Draw heatmaps of a few landmarks: those of the truth, then each model's (MHHN, Fig. 7).

Models are given as CONFIG CHECKPOINT pairs; faces are those of the first config's test set. Each
row has the landmarks' maps over the face, then the bare maps, all on one scale: 1 is the peak of
the target, and the number on a map is its own peak.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.heatmap_grid import HeatmapRow, absolute_heatmaps, plot_heatmap_grid
from analysis.predictor import add_arguments, open_models, photo_of, true_points

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_mmpose.visualization.heatmaps import heatmap_box


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument('--landmarks', type=int, nargs='+', help='default: four, evenly spaced')
    return parser.parse_args()


def choose_landmarks(wanted: list[int] | None, count: int) -> list[int]:
    """Return the landmarks to draw.

    Raises:
        InputError: If there is no such landmark.
    """
    for landmark in wanted or []:
        if not 0 <= landmark < count:
            raise InputError(f'--landmarks {landmark} is out of range: 0 to {count - 1}')
    return wanted or [round(i) for i in np.linspace(0, count - 1, 4)]


def main() -> None:
    """Draw the heatmaps, say what is on the picture."""
    args = parse_args()
    models, faces = open_models(args)
    found = [model.predict(faces) for model in models]
    drawn = choose_landmarks(args.landmarks, len(true_points(found[0][0])))
    rows = []
    for face, *samples in zip(faces, *found, strict=True):
        first, decoder = samples[0], models[0].decoder
        box = heatmap_box(first.input_center, first.input_scale, decoder['input_size'])
        photo, points = photo_of(first), true_points(first)[drawn]
        maps = {f'id {face}: truth': models[0].true_heatmaps(first)[drawn]}
        for model, sample in zip(models, samples, strict=True):
            output = sample.pred_fields.heatmaps.cpu().numpy()[drawn]
            activation, sigma = model.decoder.get('activation'), model.decoder['sigma']
            maps[model.name] = absolute_heatmaps(output, activation, sigma)
        rows += [HeatmapRow(name, photo, points, box, shown) for name, shown in maps.items()]
    plot_heatmap_grid(rows, args.out, f'Landmarks {", ".join(map(str, drawn))}; + annotated')
    print(f'{args.out}: {len(faces)} faces; truth, {", ".join(model.name for model in models)}')


if __name__ == '__main__':
    exit_on_input_error('heatmap_panels', main)

"""Draw several models' landmarks on the same faces, each with its NME (MHHN, Fig. 1).

Models are given as CONFIG CHECKPOINT pairs, one row each; faces are those of the first config's
test set: by their place there, or the worst of a test.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.face_grid import FacePanel, plot_face_grid
from analysis.predictor import add_arguments, open_models, photo_of, predicted_points, true_points

from mhhn_landmarks.errors import exit_on_input_error


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Draw the faces, say what is on the picture."""
    args = parse_args()
    models, faces = open_models(args)
    rows, errors = {}, []
    for model in models:
        samples = model.predict(faces)
        nmes = [model.error(sample, args.normalizer) for sample in samples]
        errors.append(f'{model.name} {", ".join(f"{nme:.2f}" for nme in nmes)}')
        rows[model.name] = [
            FacePanel(
                photo_of(sample), true_points(sample), predicted_points(sample), f'NME {nme:.2f} %'
            )
            for sample, nme in zip(samples, nmes, strict=True)
        ]
    plot_face_grid(rows, args.out)
    print(f'{args.out}: {len(faces)} faces; NME in percent: {"; ".join(errors)}')


if __name__ == '__main__':
    exit_on_input_error('face_panels', main)

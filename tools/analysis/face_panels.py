"""Draw several models' landmarks on the same faces, each with its NME (MHHN, Fig. 1).

A row each; faces are those of the first model's test set: by their place there, or the worst of a
test. A line leads from each annotated landmark to the predicted one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.figure import new_figure, save_figure, show_face
from analysis.models import TestedModel, add_arguments, open_models, photo_of, true_points
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from mmpose.structures import PoseDataSample

from mhhn_landmarks.errors import exit_on_input_error

# Of Okabe and Ito's palette the pair that stands off skin, hair and each other.
TRUTH_COLOR, PREDICTION_COLOR = '#56B4E9', '#F0E442'
PANEL, DPI = 2.5, 120  # inch; pixels an inch


def draw_face(axes: Axes, sample: PoseDataSample, title: str) -> None:
    """Draw one face with its annotated and its predicted landmarks."""
    truth, found = true_points(sample), np.asarray(sample.pred_instances.keypoints)[0]
    show_face(axes, photo_of(sample), truth, title)
    ends = np.stack([truth, found], axis=1)
    axes.add_collection(LineCollection(ends, colors='white', linewidths=0.8), autolim=False)
    for points, color in ((truth, TRUTH_COLOR), (found, PREDICTION_COLOR)):
        axes.scatter(*points.T, s=7, color=color, edgecolors='0.15', linewidths=0.4, zorder=3)


def draw_faces(
    models: Sequence[TestedModel],
    faces: Sequence[int],
    out_file: str | Path,
    normalizer: str | None = None,
    title: str | None = None,
) -> dict[str, list[float]]:
    """Draw a row of faces for each model.

    Args:
        models: With names of their own.
        faces: Ids in the models' test sets.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        normalizer: Of the NME; by default the config's first.
        title: Above the picture.

    Returns:
        The faces' NME in percent by the model's name.
    """
    figure = new_figure(PANEL * len(faces), (PANEL + 0.25) * len(models) + 0.5)
    grid = figure.subplots(len(models), len(faces), squeeze=False)
    errors: dict[str, list[float]] = {}
    for row, model in zip(grid, models, strict=True):
        samples = model.predict(faces)
        errors[model.name] = [model.nme(sample, normalizer) for sample in samples]
        for axes, sample, nme in zip(row, samples, errors[model.name], strict=True):
            draw_face(axes, sample, f'NME {nme:.2f} %')
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(model.name)
    marks = [
        Line2D([], [], marker='o', linestyle='', color=color, markeredgecolor='0.3', label=label)
        for color, label in ((TRUTH_COLOR, 'annotated'), (PREDICTION_COLOR, 'predicted'))
    ]
    figure.legend(handles=marks, loc='outside lower center', ncols=2, frameon=False)
    figure.suptitle(title, fontsize='medium')
    save_figure(figure, out_file, DPI)
    return errors


def main() -> None:
    """Draw the faces, say what is on the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    args = parser.parse_args()
    models, faces = open_models(args)
    errors = draw_faces(models, faces, args.out, args.normalizer)
    rows = (f'{name} {", ".join(f"{nme:.2f}" for nme in row)}' for name, row in errors.items())
    print(f'{args.out}: {len(faces)} faces; NME in percent: {"; ".join(rows)}')


if __name__ == '__main__':
    exit_on_input_error('face_panels', main)

"""Draw heatmaps of a few landmarks: the target's, then each model's (MHHN, Fig. 7).

A landmark a column: the maps over the face, then bare. All are on one scale: 1, the brightest, is
the peak of the target; the number on a map is its own peak. Faces are those of the first model's
test set: by their place there, or the worst of a test.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.figure import new_figure, save_figure
from analysis.models import TestedModel, add_arguments, open_models, photo_of, true_points
from mmpose.structures import PoseDataSample

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_mmpose.visualization.heatmaps import heatmap_box

PANEL, DPI = 1.1, 120  # inch; pixels an inch
DIM = 0.45  # brightness that is left to the photo


def absolute_heatmaps(output: np.ndarray, activation: str | None, sigma: float) -> np.ndarray:
    """Return maps in units of the target's peak, so that those of all models compare.

    A distribution sums to 1, so the target's peak is 1 / (2 pi sigma^2): a spiky map exceeds 1, a
    blurred or a doubled one stays below it. MSE's and sigmoid's maps have that unit themselves.

    Args:
        output: The model's (L, H, W).
        activation: The codec's: None, 'softmax' or 'sigmoid'.
        sigma: Of the target, heatmap pixels.
    """
    maps = np.asarray(output, dtype=np.float64)
    if activation == 'softmax':
        maps = np.exp(maps - maps.max(axis=(1, 2), keepdims=True))
        return maps / maps.sum(axis=(1, 2), keepdims=True) * (2 * np.pi * sigma**2)
    if activation == 'sigmoid':
        return 0.5 * (1 + np.tanh(maps / 2))  # no overflow
    return maps.clip(0, None)


def draw_row(
    row: Sequence[Axes], sample: PoseDataSample, heatmaps: np.ndarray, landmarks: Sequence[int]
) -> None:
    """Draw the L maps (L, H, W) of one model over the face, then bare; a cross marks the truth."""
    box = heatmap_box(sample.input_center, sample.input_scale, sample.input_size)
    grey = photo_of(sample).mean(axis=-1)
    left, top, right, bottom = box
    for column, axes in enumerate(row):
        landmark, bare = column % len(landmarks), column >= len(landmarks)
        heatmap = heatmaps[landmark]
        if not bare:
            axes.imshow(grey, cmap='gray', vmin=0, vmax=255 / DIM)
        axes.imshow(
            heatmap,
            cmap='inferno',
            vmin=0,
            vmax=1,
            alpha=None if bare else heatmap.clip(0, 1),
            extent=(left, right, bottom, top),
            interpolation='bilinear',
        )
        x, y = true_points(sample)[landmarks[landmark]]
        for color, size, thick in (('black', 24, 1.4), ('white', 16, 0.6)):
            axes.scatter(x, y, s=size, marker='+', color=color, linewidths=thick)
        if bare:
            peak = f'{heatmap.max():.2f}'
            axes.text(
                0.03, 0.97, peak, va='top', fontsize=6, color='white', transform=axes.transAxes
            )
        axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], facecolor='black')


def draw_heatmaps(
    models: Sequence[TestedModel],
    faces: Sequence[int],
    landmarks: Sequence[int],
    out_file: str | Path,
) -> None:
    """Draw for each face a row of the targets and a row for each model.

    Args:
        models: With names of their own.
        faces: Ids in the models' test sets.
        landmarks: The columns.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
    """
    rows = []
    found = [model.predict(faces) for model in models]
    for face, *samples in zip(faces, *found, strict=True):
        targets = models[0].true_heatmaps(samples[0])[list(landmarks)]
        rows.append((f'id {face}: target', samples[0], targets))
        for model, sample in zip(models, samples, strict=True):
            output = sample.pred_fields.heatmaps.cpu().numpy()[list(landmarks)]
            activation, sigma = model.decoder.get('activation'), model.decoder['sigma']
            rows.append((model.name, sample, absolute_heatmaps(output, activation, sigma)))
    columns = 2 * len(landmarks)
    figure = new_figure(PANEL * columns + 0.5, PANEL * len(rows) + 0.5)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, sample, heatmaps) in zip(grid, rows, strict=True):
        draw_row(line, sample, heatmaps, landmarks)
        line[0].set_ylabel(name, fontsize=7)
    title = f'Landmarks {", ".join(map(str, landmarks))}: over the face, and bare; + annotated'
    figure.suptitle(title, fontsize='small')
    save_figure(figure, out_file, DPI)


def main() -> None:
    """Draw the heatmaps, say what is on the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument('--landmarks', type=int, nargs='+', help='default: four, evenly spaced')
    args = parser.parse_args()
    models, faces = open_models(args)
    count = len(models[0].dataset.metainfo['keypoint_id2name'])
    for landmark in args.landmarks or []:
        if not 0 <= landmark < count:
            raise InputError(f'--landmarks {landmark} is out of range: 0 to {count - 1}')
    landmarks = args.landmarks or [round(i) for i in np.linspace(0, count - 1, 4)]
    draw_heatmaps(models, faces, landmarks, args.out)
    print(f'{args.out}: {len(faces)} faces; target, {", ".join(model.name for model in models)}')


if __name__ == '__main__':
    exit_on_input_error('heatmap_panels', main)

"""Faces with their true and predicted landmarks; points are (x, y) in photo pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from analysis.figure import new_figure, save_figure, show_face
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

# Of Okabe and Ito's palette the pair that stands off skin, hair and each other.
TRUTH_COLOR, PREDICTION_COLOR = '#56B4E9', '#F0E442'
PANEL = 2.5  # inch
DPI = 120


class FacePanel(NamedTuple):
    """One face.

    Attributes:
        photo: RGB, (h, w, 3) uint8.
        truth: True landmarks (K, 2), photo pixels.
        prediction: Predicted landmarks (K, 2), photo pixels.
        title: Above the face, such as its error.
    """

    photo: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    title: str


def plot_face_grid(
    rows: Mapping[str, Sequence[FacePanel]], out_file: str | Path, title: str | None = None
) -> None:
    """Draw each row's faces side by side, a line from every true landmark to its prediction.

    Args:
        rows: Faces by the row's name, which stands at its left, such as the model's.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        title: Above the picture.
    """
    columns = max(len(panels) for panels in rows.values())
    figure = new_figure(PANEL * columns, (PANEL + 0.25) * len(rows) + 0.5)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (name, panels) in zip(grid, rows.items(), strict=True):
        # An axis that is off has no label of its own.
        line[0].text(
            -0.03, 0.5, name, transform=line[0].transAxes, rotation=90, ha='right', va='center'
        )
        for axes, panel in zip(line, panels, strict=False):
            _draw_face(axes, panel)
    marks = [
        Line2D([], [], marker='o', linestyle='', color=color, markeredgecolor='0.3', label=label)
        for color, label in ((TRUTH_COLOR, 'annotated'), (PREDICTION_COLOR, 'predicted'))
    ]
    figure.legend(handles=marks, loc='outside lower center', ncols=2, frameon=False)
    figure.suptitle(title, fontsize='medium')
    save_figure(figure, out_file, DPI)


def _draw_face(axes: Axes, panel: FacePanel) -> None:
    """Draw one face."""
    show_face(axes, panel.photo, panel.truth, panel.title)
    ends = np.stack([panel.truth, panel.prediction], axis=1)
    axes.add_collection(LineCollection(ends, colors='white', linewidths=0.8), autolim=False)
    for points, color in ((panel.truth, TRUTH_COLOR), (panel.prediction, PREDICTION_COLOR)):
        axes.scatter(*points.T, s=7, color=color, edgecolors='0.15', linewidths=0.4, zorder=3)

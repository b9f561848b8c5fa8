"""Heatmaps laid over faces, as in MHHN's Fig. 7.

K landmarks, (H, W) heatmap; boxes are (left, top, right, bottom) in photo pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .faces import show_photo

PANEL = 2.9  # inch
DPI = 120
DIM = 0.45  # brightness that is left to the photo


class HeatmapRow(NamedTuple):
    """One face of `plot_heatmaps`.

    Attributes:
        photo: RGB, (h, w, 3) uint8.
        truth: True landmarks (K, 2), photo pixels; those drawn, or all of the face's.
        box: What the heatmaps span, from outer pixel edge to outer pixel edge.
        heatmaps: In [0, 1], (K, H, W), by the column's name.
        title: At the left of the row.
    """

    photo: np.ndarray
    truth: np.ndarray
    box: tuple[float, float, float, float]
    heatmaps: Mapping[str, np.ndarray]
    title: str


def plot_heatmaps(
    rows: Sequence[HeatmapRow], out_file: str | Path, title: str | None = None
) -> None:
    """Draw a row per face and a column per set of heatmaps, crosses at the true landmarks.

    Args:
        rows: Faces, each with the same columns.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        title: Above the picture.

    Raises:
        ValueError: If there is no row, or rows differ in their columns.
    """
    columns = list(rows[0].heatmaps) if rows else []
    if not columns or any(list(row.heatmaps) != columns for row in rows):
        raise ValueError(
            f'every row needs the same columns, got {[list(r.heatmaps) for r in rows]}'
        )
    figure = Figure(figsize=(PANEL * len(columns) + 0.3, (PANEL + 0.05) * len(rows) + 0.5))
    figure.set_layout_engine('constrained')
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for index, (line, row) in enumerate(zip(grid, rows, strict=True)):
        for axes, name in zip(line, columns, strict=True):
            _draw_heatmaps(axes, row, name, name if index == 0 else '')
        line[0].text(
            -0.03, 0.5, row.title, transform=line[0].transAxes, rotation=90, ha='right', va='center'
        )
    figure.suptitle(title, fontsize='medium')
    Path(out_file).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out_file, dpi=DPI)


def _draw_heatmaps(axes: Axes, row: HeatmapRow, column: str, title: str) -> None:
    """Lay the brightest of the landmarks' heatmaps over the dimmed, grey photo."""
    grey = row.photo.mean(axis=-1, keepdims=True) * (DIM / 255)
    show_photo(axes, np.repeat(grey, 3, axis=-1), row.truth, title)
    brightest = row.heatmaps[column].max(axis=0)
    left, top, right, bottom = row.box
    overlay = matplotlib.colormaps['inferno'](brightest)
    overlay[..., 3] = brightest
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(overlay, extent=(left, right, bottom, top), interpolation='bilinear')
    # Black below white, so that a cross is seen on a bright peak and on a dark photo.
    for color, size, width in (('black', 20, 1.4), ('white', 14, 0.5)):
        axes.scatter(*row.truth.T, s=size, marker='+', color=color, linewidths=width)
    axes.set(xlim=limits[0], ylim=limits[1])
    axes.set_axis_off()

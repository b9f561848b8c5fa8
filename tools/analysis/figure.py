"""Helpers that the plots share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mhhn_landmarks.errors import InputError

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its pale yellow.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#E69F00', '#56B4E9')
# 7 colours and 4 dashes have no common factor: 28 curves before a pair repeats.
DASHES = ('-', '--', '-.', ':')
MARGIN = 0.18  # round a face, of the larger side of its landmarks' box


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    figure = Figure(figsize=(width, height), layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def line_style(index: int) -> dict[str, str]:
    """Return colour and dashes of the curve number ``index``."""
    return dict(color=COLORS[index % len(COLORS)], linestyle=DASHES[index % len(DASHES)])


def save_figure(figure: Figure, out_file: str | Path, dpi: int) -> None:
    """Write a figure; the suffix chooses the form (png, jpg, pdf, svg).

    Raises:
        InputError: If it cannot be written there, or in this form.
    """
    out = Path(out_file)
    if out.suffix[1:].lower() not in FigureCanvasAgg.get_supported_filetypes():
        raise InputError(f'{out}: no kind of picture that can be written; name it {out}.png')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=dpi)
    except OSError as error:
        raise InputError(f'{out}: cannot be written ({error.strerror})') from error


def show_face(axes: Axes, photo: np.ndarray, points: np.ndarray, title: str) -> None:
    """Show the square of a photo round a face.

    Args:
        axes: Where.
        photo: RGB, (h, w, 3) uint8.
        points: The face's landmarks (K, 2), photo pixels.
        title: Above it.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    half = (0.5 + MARGIN) * (high - low).max()
    x, y = (low + high) / 2
    axes.imshow(photo)
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half), facecolor='0.5')
    axes.set_title(title, fontsize='small', pad=3, parse_math=False)

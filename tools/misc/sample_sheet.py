"""Sheets of a dataset's faces: the photo as annotated, the network's input, its targets.

N faces, K landmarks; points are (x, y) in pixels of the picture they lie on. What a sheet tells of
flip pairs: after a right flip each colour and each index is on the side of the picture where the
photo has it, and the lines that join neighbouring pairs run side by side.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from analysis.face_grid import show_photo
from analysis.figure import save_figure
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

# By side: no partner, left and right of a pair. White and Okabe and Ito's sky blue and yellow stand
# off skin and hair; the shapes tell them apart where colours do not.
COLORS, SHAPES = ('#FFFFFF', '#56B4E9', '#F0E442'), ('D', 'o', 's')
NAMES = ('no flip partner', 'left one of a flip pair (in most photos)', 'right one')
EDGE = '0.1'
PANEL, SMALL, GAP = 3.7, 1.74, 0.12  # inch
HEAD, TOP, BOTTOM = 0.48, 0.3, 0.4  # inch
DPI = 150
FONT = 5.5  # of the landmarks' indices, pt
MARK, SMALL_MARK = 3.0, 1.9  # diameter of a landmark, pt
EVERY = 5  # indices, of which one is written: more would cover each other
DIM = 0.45  # brightness that is left to the input under its targets


class View(NamedTuple):
    """One picture with its landmarks.

    Attributes:
        picture: RGB, (h, w, 3) uint8.
        points: Landmarks (K, 2).
        annotated: Which of them there are, (K,) bool; others are not drawn.
        hidden: Which of them something covers, (K,) bool.
        title: Above the picture.
    """

    picture: np.ndarray
    points: np.ndarray
    annotated: np.ndarray
    hidden: np.ndarray
    title: str


class FaceSample(NamedTuple):
    """One row of a sheet.

    Attributes:
        title: Above the row.
        photo: The face as annotated.
        flipped: The network's input, flipped.
        inputs: The network's input, one to three draws of a random pipeline.
        target: The encoder's heatmaps for ``inputs[0]``, summed over the landmarks, (H, W).
    """

    title: str
    photo: View
    flipped: View
    inputs: Sequence[View]
    target: np.ndarray | None


def pair_sides(flip_indices: Sequence[int], faces: np.ndarray) -> np.ndarray:
    """Tell the landmarks of the picture's left from those of its right.

    The lower index of a pair does not: round the mouth, indices run from left to right and back.

    Args:
        flip_indices: Every landmark's partner, (K,).
        faces: Annotated landmarks (N, K, 2) of enough faces to be upright on average; NaN where
            there is none.

    Returns:
        (K,): 0 for a landmark without partner, 1 and 2 for the left and the right one of a pair.

    Raises:
        ValueError: If a landmark's partner has another partner.
    """
    partner, own = np.asarray(flip_indices), np.arange(len(flip_indices))
    back = partner[partner]
    if (back != own).any():
        i = int(np.flatnonzero(back != own)[0])
        raise ValueError(
            f"flip_indices are no pairs: {i} -> {partner[i]} -> {back[i]}; mend the metainfo's swap"
        )
    # Of each face one vote; without any, or in a draw, the lower index is the left one.
    votes = np.nansum(np.sign(faces[:, partner, 0] - faces[:, :, 0]), axis=0)
    is_left = np.where(votes == 0, own < partner, votes > 0)
    return np.where(partner == own, 0, np.where(is_left, 1, 2))


def plot_samples(
    rows: Sequence[FaceSample],
    flip_indices: Sequence[int],
    sides: np.ndarray,
    out_file: str | Path,
    title: str,
    links: Sequence[tuple[int, int]] = (),
) -> None:
    """Draw a row per face: the photo, the flipped input, then the inputs and the target.

    Args:
        rows: The faces.
        flip_indices: Every landmark's partner, (K,).
        sides: Of `pair_sides`, (K,).
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        title: Above the sheet.
        links: Pairs of landmarks that a line joins.

    Raises:
        ValueError: If there is no face.
    """
    if not rows:
        raise ValueError('rows has no face to draw')
    pairs = [(int(i), int(flip_indices[i])) for i in np.flatnonzero(sides == 1)]
    size = 3 * PANEL + 4 * GAP, TOP + BOTTOM + len(rows) * (HEAD + PANEL)
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    figure.text(0.5, 1 - 0.5 * TOP / size[1], title, ha='center', va='center', parse_math=False)
    for number, row in enumerate(rows):
        top = TOP + HEAD + number * (HEAD + PANEL)
        left, middle, right = (GAP + column * (PANEL + GAP) for column in range(3))
        axes = _add_axes(figure, left, top, PANEL)
        _draw_view(axes, row.photo, sides, links, zoomed=True)
        heading = f'{row.title}\n{row.photo.title}'
        axes.set_title(heading, loc='left', fontsize=8, pad=3, parse_math=False)
        _draw_view(_add_axes(figure, middle, top, PANEL), row.flipped, sides, links, pairs)
        _draw_inputs(figure, right, top, row, sides, links)
    figure.legend(
        handles=_marks(links), loc='lower center', ncols=6, frameon=False, fontsize=8, borderpad=0.2
    )
    save_figure(figure, out_file, DPI)


def _add_axes(figure: Figure, left: float, top: float, side: float) -> Axes:
    """Add a square panel; inch from the sheet's upper left corner."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))
    axes.set(xticks=[], yticks=[])
    return axes


def _draw_inputs(
    figure: Figure, left: float, top: float, row: FaceSample, sides: np.ndarray, links: Sequence
) -> None:
    """Draw the inputs and the target: two by two, or one alone as large as the photo."""
    count = len(row.inputs) + (row.target is not None)
    side, step = (PANEL, 0.0) if count == 1 else (SMALL, PANEL - SMALL)
    places = [(left + step * (i % 2), top + step * (i // 2)) for i in range(count)]
    for place, view in zip(places, row.inputs, strict=False):
        _draw_view(_add_axes(figure, *place, side), view, sides, links)
    if row.target is not None:
        _draw_target(_add_axes(figure, *places[-1], side), row.inputs[0], row.target)


def _draw_view(
    axes: Axes,
    view: View,
    sides: np.ndarray,
    links: Sequence[tuple[int, int]],
    pairs: Sequence[tuple[int, int]] = (),
    zoomed: bool = False,
) -> None:
    """Draw a picture with its landmarks, on large panels their indices too."""
    large = axes.get_position().width * axes.figure.get_figwidth() > SMALL + GAP
    if zoomed:
        show_photo(axes, view.picture, view.points[view.annotated], '')
    else:
        axes.imshow(view.picture)
        axes.set_title(view.title, loc='left', fontsize=8 if large else 7, pad=3)
    low, high = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    both = [(i, j) for i, j in pairs if view.annotated[i] and view.annotated[j]]
    joined = [(i, j) for i, j in links if view.annotated[i] and view.annotated[j]]
    for ends, width, alpha in ((both, 0.4, 0.5), (joined, 0.9, 0.9)):
        lines = [view.points[list(end)] for end in ends]
        axes.add_collection(LineCollection(lines, colors='white', linewidths=width, alpha=alpha))
    for side, (color, shape) in enumerate(zip(COLORS, SHAPES, strict=True)):
        for hidden in (False, True):
            chosen = view.annotated & (sides == side) & (view.hidden == hidden)
            _draw_marks(axes, view.points[chosen], color, shape, hidden, large)
    axes.set(xlim=low, ylim=high[::-1])
    if large:
        _write_indices(axes, view)


def _draw_marks(
    axes: Axes, points: np.ndarray, color: str, shape: str, hollow: bool, large: bool
) -> None:
    """Draw landmarks of one kind."""
    size = (MARK if large else SMALL_MARK) * (0.85 if shape == 'D' else 1)
    style = dict(marker=shape, linestyle='', markersize=size)
    if hollow:
        style.update(markersize=size + 1, markerfacecolor='none')
        axes.plot(*points.T, color=EDGE, markeredgewidth=1.6, **style)
        axes.plot(*points.T, color=color, markeredgewidth=0.8, **style)
    else:
        axes.plot(*points.T, color=color, markeredgecolor=EDGE, markeredgewidth=0.4, **style)


def _write_indices(axes: Axes, view: View) -> None:
    """Write every fifth landmark's index, away from the middle of the face."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    inside = (view.points > (left, top)).all(1) & (view.points < (right, bottom)).all(1)
    middle = view.points[view.annotated].mean(axis=0)
    for index in np.flatnonzero(view.annotated & inside)[::EVERY]:
        away = np.sign(view.points[index] - middle) * (1, -1)  # upwards on the screen
        text = axes.annotate(
            str(index), view.points[index], 1.2 * MARK * away, textcoords='offset points'
        )
        text.set(fontsize=FONT, color='white', ha='center', va='center', clip_on=True)
        text.set_path_effects([withStroke(linewidth=1.1, foreground='black')])


def _draw_target(axes: Axes, view: View, target: np.ndarray) -> None:
    """Lay a sum of heatmaps, its largest value the brightest, over the dimmed, grey input."""
    height, width = view.picture.shape[:2]
    axes.imshow(view.picture.mean(axis=-1) * (DIM / 255), cmap='gray', vmin=0, vmax=1)
    strength = target / max(float(target.max()), 1e-9)
    overlay = matplotlib.colormaps['inferno'](strength)
    overlay[..., 3] = strength
    # Exact under the half-pixel convention, within 2 input pixels under MSRA's and UDP's.
    edges = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(overlay, extent=edges, interpolation='bilinear')
    axes.plot(*view.points[view.annotated].T, linestyle='', marker='.', markersize=0.8, color='w')
    axes.set(xlim=edges[:2], ylim=edges[2:])
    axes.set_title(f'targets of {view.title}', loc='left', fontsize=7, pad=3)


def _marks(links: Sequence) -> list[Line2D]:
    """Return what the legend explains."""
    style = dict(linestyle='', markersize=5, markeredgecolor=EDGE, markeredgewidth=0.6)
    marks = [
        Line2D([], [], color=color, marker=shape, label=name, **style)
        for color, shape, name in zip(COLORS, SHAPES, NAMES, strict=True)
    ]
    style.update(markerfacecolor='none', markeredgewidth=1.2)
    marks.append(Line2D([], [], marker='o', label='hollow: hidden', **style))
    line = Line2D([], [], color='0.6', linewidth=0.8, label='flip pairs (flipped input)')
    return [*marks, line] + [Line2D([], [], color='0.3', label='skeleton')] * bool(links)

"""The error of each landmark, drawn on the mean face of an annotation file.

N faces, K landmarks; points are (x, y), y downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

COLORMAP = 'viridis_r'  # even in lightness, so it reads in grey and by the colour-blind
SIDE = 8.0  # inch
DPI = 200
FONT = 7.5  # pt
SMALLEST, LARGEST = 16.0, 110.0  # area of the mark of error 0 and of the largest, pt^2
LEADER = 2.0  # label's distance from its landmark, in label heights, from which a line joins them


def mean_shape(faces: np.ndarray, rounds: int = 5) -> np.ndarray:
    """Return the mean (K, 2) of faces (N, K, 2) after generalised Procrustes alignment.

    Position, size and rotation are taken out; the mean has centroid 0, root mean square radius 1,
    and the rotation of the plain mean of the faces, which is upright where most of them are.

    Raises:
        ValueError: If there is no face with all landmarks, or one has no size.
    """
    faces = np.asarray(faces, dtype=np.float64)
    if faces.ndim != 3 or faces.shape[2] != 2:
        raise ValueError(f'faces must be (N, K, 2), got {faces.shape}')
    faces = faces[np.isfinite(faces).all(axis=(1, 2))]
    if not len(faces):
        raise ValueError('no face has all its landmarks')
    faces = faces - faces.mean(axis=1, keepdims=True)
    sizes = _size(faces)
    if not sizes.min() > 0:
        raise ValueError('a face has all its landmarks in one place')
    faces /= sizes
    upright = faces.mean(axis=0)
    mean = upright
    for _ in range(rounds):
        mean = np.stack([_rotate_onto(face, mean) for face in faces]).mean(axis=0)
        mean /= _size(mean)
    return _rotate_onto(mean, upright)


def plot_mean_face(
    points: np.ndarray,
    errors: Sequence[float],
    out_file: str | Path,
    title: str | None = None,
    unit: str = 'error (%)',
    indices: bool = False,
) -> None:
    """Draw a mark at each landmark, larger and darker with its error, and a number beside it.

    Args:
        points: Mean landmarks (K, 2), from `mean_shape`.
        errors: Of each landmark (K,), in ``unit``; NaN where there is none.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        title: Above the picture.
        unit: Beside the colour bar.
        indices: Write the landmarks' indices instead of their errors.

    Raises:
        ValueError: If there are not as many errors as points, or none is finite.
    """
    points, errors = np.asarray(points, float), np.array(errors, dtype=float)
    if errors.shape != points.shape[:1]:
        raise ValueError(f'{len(points)} landmarks, but errors of {len(errors)}')
    if not np.isfinite(errors).any():
        raise ValueError('no landmark has an error')
    figure = Figure(figsize=(SIDE, SIDE), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(aspect='equal')
    axes.set_axis_off()
    known = np.isfinite(errors)
    sizes = SMALLEST + (LARGEST - SMALLEST) * errors[known] / max(errors[known].max(), 1e-9)
    marks = axes.scatter(
        *points[known].T, s=sizes, c=errors[known], cmap=COLORMAP, edgecolors='0.2', linewidths=0.5
    )
    axes.plot(*points[~known].T, 'x', color='0.4', markersize=4)
    margin = 0.06 * np.ptp(points, axis=0).max()
    (left, top), (right, bottom) = points.min(axis=0) - margin, points.max(axis=0) + margin
    axes.set(xlim=(left, right), ylim=(bottom, top), title=title)
    figure.colorbar(marks, ax=axes, label=unit, shrink=0.6, location='bottom', pad=0.01)
    _write_numbers(axes, points, errors, indices)
    Path(out_file).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out_file, dpi=DPI)


def place_labels(points: np.ndarray, size: tuple[float, float], rounds: int = 400) -> np.ndarray:
    """Return places (K, 2) for labels beside their points, so that none covers another's.

    Args:
        points: (K, 2), in any unit.
        size: Width and height of a label, in that unit.
        rounds: Of pushing them apart.
    """
    size_array = np.asarray(size)
    spread = points[:, None] - points
    near = np.argsort(np.square(spread).sum(axis=-1), axis=1)[:, 1:4]
    away = points - points[near].mean(axis=1)
    away += 1e-9 + 0.02 * (points - points.mean(axis=0))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    places = points + away * size_array * 1.15
    for _ in range(rounds):
        push = _push_apart(places, places, size_array * 1.06, same=True)
        push += _push_apart(places, points, size_array * 1.0, same=False)
        if not push.any():
            break
        places += 0.3 * push
    return places


def _push_apart(places: np.ndarray, others: np.ndarray, size: np.ndarray, same: bool) -> np.ndarray:
    """Return how labels must move (K, 2) to leave boxes of this size round the others."""
    step = places[:, None] - others
    overlap = size - np.abs(step)
    overlap[(overlap <= 0).any(axis=-1)] = 0
    if same:
        overlap[np.diag_indices(len(places))] = 0
    # Along the axis where less is needed, in units of the label.
    across = overlap / size
    overlap *= across <= across.min(axis=-1, keepdims=True)
    return (np.where(step >= 0, 1, -1) * overlap).sum(axis=1)


def _write_numbers(axes: Axes, points: np.ndarray, errors: np.ndarray, indices: bool) -> None:
    """Write a number beside each landmark."""
    texts = [str(i) if indices else f'{e:.1f}' if e == e else '-' for i, e in enumerate(errors)]
    width = max(map(len, texts))
    unit = (axes.get_xlim()[1] - axes.get_xlim()[0]) / (0.93 * SIDE * 72)  # data units a pt
    places = place_labels(points, (0.56 * width * FONT * unit, 1.0 * FONT * unit))
    edge = [withStroke(linewidth=1.6, foreground='white')]
    for text, point, place in zip(texts, points, places, strict=True):
        if np.linalg.norm(place - point) > LEADER * FONT * unit:
            axes.plot(*np.stack([point, place]).T, color='0.55', linewidth=0.5, zorder=1)
        axes.text(*place, text, fontsize=FONT, ha='center', va='center', path_effects=edge)


def _size(faces: np.ndarray) -> np.ndarray:
    """Return root mean square radii, (N, 1, 1) or (1, 1)."""
    return np.sqrt(np.square(faces).sum(axis=-1, keepdims=True).mean(axis=-2, keepdims=True))


def _rotate_onto(face: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotate centred points (K, 2) onto others, without a reflection, by least squares."""
    a, b = face @ (1, 1j), target @ (1, 1j)
    turn = np.vdot(a, b)
    turned = a * turn / max(abs(turn), 1e-12)
    return np.stack([turned.real, turned.imag], axis=1)

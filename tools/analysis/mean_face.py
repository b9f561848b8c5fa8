"""Draw a test's error of each landmark on the mean face of an annotation file.

ERRORS is errors.json, which tools/test.py writes, or its folder. ANN_FILE is the annotation file
of the same dataset, best that of the test set. Colour and size of a mark are its error; the worst
landmarks have their numbers beside them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import read_errors, read_json
from analysis.figure import new_figure, save_figure
from analysis.paper_tables import NORMALIZERS

from mhhn_landmarks.errors import InputError, exit_on_input_error

COLORMAP = 'viridis_r'  # even in lightness, so it reads in grey and by the colour-blind
SIDE = 8.0  # inch
DPI = 200
SMALLEST, LARGEST = 16.0, 110.0  # area of the mark of error 0 and of the largest, pt^2
LABELLED = 8  # of the worst landmarks: more would cover each other


def mean_shape(faces: np.ndarray, rounds: int = 5) -> np.ndarray:
    """Return the mean (K, 2) of faces (N, K, 2) after generalised Procrustes alignment.

    Position, size and rotation are taken out; the mean has centroid 0, root mean square radius 1,
    and the rotation of the plain mean of the faces, which is upright where most of them are.

    Raises:
        InputError: If there is no face with all landmarks, or one has no size.
    """
    faces = np.asarray(faces, dtype=np.float64)
    faces = faces[np.isfinite(faces).all(axis=(1, 2))]
    if not len(faces):
        raise InputError('no face has all its landmarks; give another annotation file')
    faces = faces - faces.mean(axis=1, keepdims=True)
    sizes = _size(faces)
    if not sizes.min() > 0:
        raise InputError('a face has all its landmarks in one place; mend the annotation file')
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
) -> None:
    """Draw a mark at each landmark, larger and darker with its error.

    Args:
        points: Mean landmarks (K, 2), from `mean_shape`.
        errors: Of each landmark (K,), in ``unit``; NaN where there is none.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        title: Above the picture.
        unit: Beside the colour bar.
    """
    errors = np.asarray(errors, float)
    figure = new_figure(SIDE, SIDE)
    axes = figure.add_subplot(aspect='equal')
    axes.set_axis_off()
    known = np.isfinite(errors)
    sizes = SMALLEST + (LARGEST - SMALLEST) * errors[known] / max(errors[known].max(), 1e-9)
    marks = axes.scatter(
        *points[known].T, s=sizes, c=errors[known], cmap=COLORMAP, edgecolors='0.2', linewidths=0.5
    )
    axes.plot(*points[~known].T, 'x', color='0.4', markersize=4)
    for index in worst_landmarks(errors)[:LABELLED]:
        text, away = f'{index}: {errors[index]:.1f}', 9 * np.sign(points[index])
        side = 'left' if away[0] > 0 else 'right'
        axes.annotate(text, points[index], away * (1, -1), textcoords='offset points', ha=side)
    margin = 0.06 * np.ptp(points, axis=0).max()
    (left, top), (right, bottom) = points.min(axis=0) - margin, points.max(axis=0) + margin
    axes.set(xlim=(left, right), ylim=(bottom, top), title=title)
    figure.colorbar(marks, ax=axes, label=unit, shrink=0.6, location='bottom', pad=0.01)
    save_figure(figure, out_file, DPI)


def worst_landmarks(errors: np.ndarray) -> list[int]:
    """Return the landmarks that have an error, the worst first."""
    order = np.argsort(-np.nan_to_num(errors, nan=-1), kind='stable')
    return [int(index) for index in order if np.isfinite(errors[index])]


def _size(faces: np.ndarray) -> np.ndarray:
    """Return root mean square radii, (N, 1, 1) or (1, 1)."""
    return np.sqrt(np.square(faces).sum(axis=-1, keepdims=True).mean(axis=-2, keepdims=True))


def _rotate_onto(face: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotate centred points (K, 2) onto others, without a reflection, by least squares."""
    a, b = face @ (1, 1j), target @ (1, 1j)
    turn = np.vdot(a, b)
    turned = a * turn / max(abs(turn), 1e-12)
    return np.stack([turned.real, turned.imag], axis=1)


def read_faces(path: Path) -> np.ndarray:
    """Return an annotation file's faces (N, K, 2), NaN where a landmark is not annotated.

    Raises:
        InputError: If it has none.
    """
    content = read_json(path)
    try:
        faces = np.array([face['keypoints'] for face in content['annotations']], float)
        faces = faces.reshape(len(faces), -1, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f'{path}: no COCO annotations of faces ({error!r})') from error
    return np.where(faces[..., 2:] > 0, faces[..., :2], np.nan)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('errors', help='errors.json or its folder')
    parser.add_argument('ann_file', type=Path, help='such as .../face_landmarks_300w_valid.json')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--normalizer', help="such as inter_pupil; default: the file's first")
    parser.add_argument('--title', help='above the picture')
    return parser.parse_args()


def main() -> None:
    """Draw the mean face, say what is on it."""
    args = parse_args()
    found = read_errors(args.errors)
    normalizer = found.check_normalizer(args.normalizer)
    if normalizer not in found.landmark_errors:
        raise InputError(f'{found.path}: no landmark_errors in it; test again with tools/test.py')
    values = found.landmark_errors[normalizer]
    errors = np.array([np.nan if value is None else value for value in values])
    faces = read_faces(args.ann_file)
    if faces.shape[1] != len(errors):
        raise InputError(
            f'{args.ann_file}: faces of {faces.shape[1]} landmarks, but errors of {len(errors)};'
            ' name an annotation file of the tested dataset'
        )
    unit = f'error, % of {NORMALIZERS.get(normalizer, normalizer)}'
    plot_mean_face(mean_shape(faces), errors, args.out, args.title, unit)
    listed = ', '.join(f'{i} ({errors[i]:.2f})' for i in worst_landmarks(errors)[:3])
    mean = np.nanmean(errors)
    print(f'{args.out}: {normalizer}, mean {mean:.2f}; worst landmarks: {listed}')


if __name__ == '__main__':
    exit_on_input_error('mean_face', main)

"""Draw a test's error of each landmark on the mean face of an annotation file.

ERRORS is errors.json, which tools/test.py writes, or its folder. ANN_FILE is the annotation file
of the same dataset, best that of the test set.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from figures.mean_face import mean_shape, plot_mean_face
from paper_tables.conditions import ERRORS, RunError, read_json
from paper_tables.rows import NORMALIZERS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('errors', help='errors.json or its folder')
    parser.add_argument('ann_file', help='such as .../face_landmarks_300w_valid.json')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--normalizer', help="such as inter_pupil; default: the file's first")
    parser.add_argument('--indices', action='store_true', help='write indices, not errors')
    parser.add_argument('--title', help='above the picture')
    return parser.parse_args()


def read_landmark_errors(path: Path, normalizer: str | None) -> tuple[list[float], str]:
    """Return errors by landmark, percent, and what they are divided by.

    Raises:
        RunError: If the file does not say them.
    """
    path = path / ERRORS if path.is_dir() else path
    content = read_json(path)
    errors = content.get('landmark_errors') if isinstance(content, dict) else None
    if not errors:
        raise RunError(f'{path}: no landmark_errors in it; write it anew with tools/test.py')
    normalizer = normalizer or next(iter(errors))
    if normalizer not in errors:
        raise RunError(f'{path} has no normaliser {normalizer!r}, only {", ".join(errors)}')
    return [np.nan if e is None else e for e in errors[normalizer]], normalizer


def read_faces(path: Path) -> np.ndarray:
    """Return an annotation file's faces (N, K, 2), NaN where a landmark is not annotated.

    Raises:
        RunError: If it has none.
    """
    content = read_json(path)
    try:
        faces = np.array([face['keypoints'] for face in content['annotations']], float)
        faces = faces.reshape(len(faces), -1, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f'{path}: no COCO annotations of faces ({error!r})') from error
    return np.where(faces[..., 2:] > 0, faces[..., :2], np.nan)


def draw(args: argparse.Namespace) -> str:
    """Draw the mean face, say what is on it."""
    errors, normalizer = read_landmark_errors(Path(args.errors), args.normalizer)
    faces = read_faces(Path(args.ann_file))
    if faces.shape[1] != len(errors):
        raise RunError(
            f'{args.ann_file}: faces of {faces.shape[1]} landmarks, but errors of {len(errors)};'
            ' name an annotation file of the tested dataset'
        )
    unit = f'error, % of {NORMALIZERS.get(normalizer, normalizer)}'
    plot_mean_face(mean_shape(faces), errors, args.out, args.title, unit, args.indices)
    worst = np.argsort(-np.nan_to_num(errors, nan=-1), kind='stable')[:3]
    listed = ', '.join(f'{i} ({errors[i]:.2f})' for i in worst)
    return f'{args.out}: {normalizer}, mean {np.nanmean(errors):.2f}; worst landmarks: {listed}'


def main() -> int:
    """Draw."""
    args = parse_args()
    try:
        print(draw(args))
    except (RunError, OSError, ValueError) as error:
        print(f'mean_face: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

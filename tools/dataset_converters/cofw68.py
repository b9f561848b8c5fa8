"""COFW-68, 68 points on COFW's test photos -> `cofw68_test.json`, to be read as 300W.

The layout is that of the benchmark's own MATLAB code (github.com/golnazghiasi/cofw68-benchmark).
"""

import re
from pathlib import Path

import numpy as np

from mhhn_landmarks.errors import InputError

from .coco_json import AnnotatedFace, Content, Problems, build_splits
from .matlab import load_matlab5, size_text

NUM_POINTS = 68
NUM_FACES = 507
FIRST_TEST_ID = 1346  # MMPose counts through both files: 1345 training faces come first


def photo_name(number: int) -> str:
    """Return the file name MMPose's annotations give COFW's face with this id."""
    return f'{number:06d}.jpg'


def collect_cofw68(folder: Path, images: Path, problems: Problems) -> Content:
    """Read each `N_points.mat` of the benchmark's `test_annotations`; ids are the photos'."""
    names = [re.fullmatch(r'([1-9]\d*)_points\.mat', path.name) for path in folder.glob('*')]
    numbers = sorted(int(name[1]) for name in names if name)
    photos = {number: photo_name(FIRST_TEST_ID + number - 1) for number in numbers}
    if not numbers:
        raise InputError(f'{folder}: no N_points.mat in it; download COFW-68 again')
    if not any((images / name).is_file() for name in photos.values()):
        reason = f'COFW-68 needs the test photos, none in {images}'
        raise InputError(f'{folder}: {reason}; put COFW_test_color.mat beside it')
    problems.compare(folder, len(numbers), NUM_FACES)

    def read(number: int) -> AnnotatedFace:
        path, sample_id = folder / f'{number}_points.mat', FIRST_TEST_ID + number - 1
        points, occluded = _read_face(path)
        extra, visible = dict(subsets=[], occluded=occluded.tolist()), 2 - occluded
        return AnnotatedFace(
            'test', photos[number], points, str(path), visible, {}, extra, sample_id
        )

    about = dict(test=f'COFW-68 test, {NUM_POINTS} points, 0-based')
    return build_splits(numbers, read, images, about, problems, 'COFW-68 faces')['test']


def _read_face(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return points (68, 2), 0-based pixels, and flags (68,), 1 occluded."""
    points, flags = load_matlab5(path, ('Points', 'Occ')).values()
    points = points.T if points.shape == (2, NUM_POINTS) else points
    if points.shape != (NUM_POINTS, 2):
        size = size_text(points.shape)
        raise InputError(f'{path}: Points is {size}, {NUM_POINTS} x 2 expected')
    if flags.size != NUM_POINTS or not np.isin(flags, (0, 1)).all():
        raise InputError(f'{path}: Occ must be {NUM_POINTS} flags of 0 or 1')
    return points - 1.0, flags.ravel().astype(int)  # MATLAB counts pixels from 1

"""Generated faces: landmark orders, flips, subpixel agreement, seeds, files on disk."""

import importlib.util
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generated_faces import (
    Expression,
    Face,
    Look,
    Patch,
    Pose,
    Shape,
    landmarks,
    occluded,
    random_face,
    render,
)
from generated_faces.features import disc
from generated_faces.geometry import curves

COUNTS = {'300w': 68, 'wflw': 98, 'cofw': 29, 'aflw': 19}
# The same place of the face in each scheme.
SHARED = {
    'eye corners': {
        '300w': [36, 39, 42, 45],
        'wflw': [60, 64, 68, 72],
        'cofw': [8, 10, 11, 9],
        'aflw': [6, 8, 9, 11],
    },
    'mouth corners': {'300w': [48, 54], 'wflw': [76, 82], 'cofw': [22, 23], 'aflw': [15, 17]},
    'nose tip': {'300w': [30], 'wflw': [54], 'cofw': [20], 'aflw': [13]},
    'nose sides': {'300w': [31, 35], 'wflw': [55, 59], 'cofw': [18, 19], 'aflw': [12, 14]},
    'chin': {'300w': [8], 'wflw': [16], 'cofw': [28], 'aflw': [18]},
    'brow ends': {
        '300w': [17, 21, 22, 26],
        'wflw': [33, 37, 42, 46],
        'cofw': [0, 2, 3, 1],
        'aflw': [0, 2, 3, 5],
    },
    'brow tops': {'300w': [19, 24], 'wflw': [35, 44], 'cofw': [4, 6]},
    'brow bottoms': {'wflw': [40, 48], 'cofw': [5, 7]},
    'lids': {'wflw': [62, 66, 70, 74], 'cofw': [12, 13, 14, 15]},
    'pupils': {'wflw': [96, 97], 'cofw': [16, 17], 'aflw': [7, 10]},
    'lips': {'300w': [51, 62, 66, 57], 'wflw': [79, 90, 94, 85], 'cofw': [24, 25, 26, 27]},
    'jaw': {'300w': list(range(17)), 'wflw': list(range(0, 33, 2))},
    'mouth': {'300w': list(range(48, 68)), 'wflw': list(range(76, 96))},
    'nose': {'300w': list(range(27, 36)), 'wflw': list(range(51, 60))},
}


def swaps(scheme: str) -> np.ndarray:
    """MMPose's flip permutation, read without importing MMPose."""
    spec = importlib.util.find_spec('mmpose')
    if spec is None:
        pytest.skip('mmpose is not installed')
    folder = Path(spec.submodule_search_locations[0]) / '.mim/configs/_base_/datasets'
    info = runpy.run_path(str(folder / f'{scheme}.py'))['dataset_info']['keypoint_info']
    index = {point['name']: i for i, point in info.items()}
    return np.array([index[info[i]['swap'] or info[i]['name']] for i in range(len(info))])


@pytest.mark.parametrize('scheme', COUNTS)
def test_flip_of_a_symmetric_face_by_its_angles(scheme):
    shape = Shape(jaw_width=1.05, eye_tilt=0.02, mouth_width=0.9)
    face = Face(shape=shape, pose=Pose(30.0, -7.0, 11.0, 83.0, 120.0, 140.0), width=331)
    mirror = replace(face, pose=Pose(-30.0, -7.0, -11.0, 83.0, 330.0 - 120.0, 140.0))
    expected = landmarks(face, scheme)[swaps(scheme)] * (-1, 1) + (330, 0)
    np.testing.assert_allclose(landmarks(mirror, scheme), expected, atol=1e-9)


def clockwise(points: np.ndarray) -> bool:
    """Whether a polygon runs clockwise as seen on the screen, y down."""
    following = np.roll(points, -1, axis=0)
    area = points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]
    return area.sum() > 0


def test_order_of_the_68_points():
    p = landmarks(Face(expression=Expression(mouth_open=0.4)), '300w')
    x, y = p.T
    assert p.dtype == np.float64
    for run in (range(17), range(17, 27), range(31, 36), range(48, 55), range(60, 65)):
        assert (np.diff(x[run]) > 0).all()
    assert y.argmax() == 8
    assert (np.diff(y[27:31]) > 0).all()  # bridge, top to tip
    for start, stop, corner in ((36, 42, 39), (42, 48, 45), (48, 60, 54), (60, 68, 64)):
        part = p[start:stop]
        assert clockwise(part)
        assert part[:, 0].argmin() == 0 and part[:, 0].argmax() == corner - start
    assert y[17:27].max() < y[36:48].min() < y[27:36].max() < y[48:68].min()


@pytest.mark.parametrize('place', SHARED)
def test_schemes_agree(place):
    face = random_face(5, hard=True)
    points = [landmarks(face, scheme)[index] for scheme, index in SHARED[place].items()]
    for other in points[1:]:
        np.testing.assert_allclose(other, points[0], atol=1e-9)


def centroid(weight: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize('yaw', [-30.0, 0.0, 17.0])
def test_drawn_pupils_lie_on_their_landmarks(yaw):
    expression = Expression(eye_open=1.3, gaze_x=0.3, gaze_y=0.6)
    face = Face(expression=expression, pose=Pose(yaw, 4.0, 9.0, 101.3, 160.31, 151.77), width=317)
    other = replace(face, look=replace(face.look, pupil=(250.0, 250.0, 250.0)))
    changed = np.abs(render(face).astype(float) - render(other)).sum(2)
    pupils = landmarks(face, 'cofw')[16:18]
    middle = int(round(pupils[:, 0].mean()))
    right = changed[:, middle:]
    found = [centroid(changed[:, :middle]), centroid(right) + (middle, 0)]
    np.testing.assert_allclose(found, pupils, atol=0.1)


def test_a_patch_on_a_landmark_is_drawn_there():
    face = Face(pose=Pose(-22.0, 8.0, -13.0, 91.7, 140.2, 155.9), height=311)
    tip = curves(face)['bridge'][0][-1]
    dot = Patch(disc(tip, 0.08), (0.0, 0.0, 255.0))
    marked = replace(face, look=replace(face.look, front=(dot,)))
    bare = replace(face, look=replace(face.look, front=(replace(dot, color=(255.0, 0.0, 0.0)),)))
    changed = np.abs(render(marked).astype(float) - render(bare)).sum(2)
    np.testing.assert_allclose(centroid(changed), landmarks(face, '300w')[30], atol=0.1)


def test_occluded_landmarks():
    face = Face()
    mouth = np.array([(-0.6, 0.8, 0.2), (0.6, 0.8, 0.2), (0.6, 1.35, 0.2), (-0.6, 1.35, 0.2)])
    mask = Patch(mouth, (200.0, 200.0, 200.0))
    for patch, expected in (
        (mask, set(range(48, 68))),
        (replace(mask, alpha=0.1), set()),
        (replace(mask, width=0.05), set()),
    ):
        hidden = occluded(replace(face, look=Look(front=(patch,))), '300w')
        assert hidden.dtype == bool and hidden.shape == (68,)
        assert set(np.flatnonzero(hidden).tolist()) == expected


def test_seed_determines_the_picture():
    first, again, other = (render(random_face([s, 3])) for s in (11, 11, 12))
    assert first.dtype == np.uint8 and first.shape[2] == 3
    assert first.tobytes() == again.tobytes()
    assert first.shape != other.shape or (first != other).any()
    a, b = (random_face(seed) for seed in (7, np.random.default_rng(7)))
    assert (render(a) == render(b)).all()


def test_faces_lie_inside_their_pictures_and_vary():
    faces = [random_face([2, i], hard=i % 2 == 0) for i in range(60)]
    yaws = np.array([face.pose.yaw for face in faces])
    assert yaws[::2].std() > 1.4 * yaws[1::2].std() > 5.0
    for face in faces:
        p = landmarks(face, 'wflw')
        assert (p > 0).all() and (p < (face.width - 1, face.height - 1)).all()
        low, high = p.min(0), p.max(0)
        assert 0.3 < np.sqrt(np.prod(high - low)) / min(face.width, face.height) < 0.6
    assert 0.02 < np.mean([occluded(face, 'cofw').mean() for face in faces]) < 0.35

"""Generated faces: landmark orders, flips, subpixel agreement, seeds, files on disk."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import run_tool
from dataset_converters.own_landmarks import known_landmarks
from generated_faces import (
    SCHEMES,
    DrawnFace,
    Expression,
    Patch,
    Pose,
    Shape,
    landmarks,
    occluded,
    random_face,
    render,
)


@pytest.mark.parametrize('scheme', SCHEMES)
def test_flip_of_a_symmetric_face_by_its_angles(scheme):
    shape = Shape(jaw_width=1.05, eye_tilt=0.02, mouth_width=0.9)
    face = DrawnFace(shape=shape, pose=Pose(30.0, -7.0, 11.0, 83.0, 120.0, 140.0), width=331)
    mirror = replace(face, pose=Pose(-30.0, -7.0, -11.0, 83.0, 330.0 - 120.0, 140.0))
    expected = landmarks(face, scheme)[known_landmarks(scheme)[1]] * (-1, 1) + (330, 0)
    np.testing.assert_allclose(landmarks(mirror, scheme), expected, atol=1e-9)


def test_order_of_the_68_points():
    p = landmarks(DrawnFace(expression=Expression(mouth_open=0.4)), '300w')
    x, y = p.T
    assert p.dtype == np.float64
    for run in (range(17), range(17, 27), range(31, 36), range(48, 55), range(60, 65)):
        assert (np.diff(x[run]) > 0).all()
    assert y.argmax() == 8
    assert (np.diff(y[27:31]) > 0).all()  # bridge, top to tip
    for start, stop, corner in ((36, 42, 39), (42, 48, 45), (48, 60, 54), (60, 68, 64)):
        part = p[start:stop]
        assert cv2.contourArea(part.astype(np.float32), oriented=True) > 0  # clockwise
        assert part[:, 0].argmin() == 0 and part[:, 0].argmax() == corner - start
    assert y[17:27].max() < y[36:48].min() < y[27:36].max() < y[48:68].min()


@pytest.mark.parametrize('yaw', [-30.0, 0.0, 17.0])
def test_drawn_pupils_lie_on_their_landmarks(yaw):
    expression = Expression(eye_open=1.3, gaze_x=0.3, gaze_y=0.6)
    face = DrawnFace(
        expression=expression, pose=Pose(yaw, 4.0, 9.0, 101.3, 160.31, 151.77), width=317
    )
    other = replace(face, look=replace(face.look, pupil=(250.0, 250.0, 250.0)))
    changed = np.abs(render(face).astype(float) - render(other)).sum(2)
    for x, y in landmarks(face, 'cofw')[16:18]:
        left, top = int(x) - 15, int(y) - 15
        m = cv2.moments(changed[top : top + 31, left : left + 31])
        found = left + m['m10'] / m['m00'], top + m['m01'] / m['m00']
        np.testing.assert_allclose(found, (x, y), atol=0.1)


@pytest.mark.parametrize(
    ('look', 'expected'), [({}, range(48, 68)), (dict(alpha=0.1), ()), (dict(width=0.05), ())]
)
def test_landmarks_under_something_opaque_are_occluded(look, expected):
    mouth = np.array([(-0.6, 0.8, 0.2), (0.6, 0.8, 0.2), (0.6, 1.35, 0.2), (-0.6, 1.35, 0.2)])
    hidden = occluded(DrawnFace(front=(Patch(mouth, (200.0, 200.0, 200.0), **look),)), '300w')
    assert hidden.dtype == bool and hidden.shape == (68,)
    assert np.flatnonzero(hidden).tolist() == list(expected)


def test_seed_determines_the_picture():
    first, again, other = (render(random_face(seed)) for seed in (7, np.random.default_rng(7), 8))
    assert first.dtype == np.uint8 and first.shape[2] == 3
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_faces_lie_inside_their_pictures_and_vary():
    faces = [random_face([2, i], hard=i % 2 == 0) for i in range(60)]
    yaws = np.array([face.pose.yaw for face in faces])
    assert yaws[::2].std() > 1.4 * yaws[1::2].std() > 5.0
    for face in faces:
        size, p = np.array([face.width, face.height]), landmarks(face, 'wflw')
        assert (p > 0).all() and (p < size - 1).all()
        assert 0.3 < np.sqrt(np.prod(np.ptp(p, axis=0))) / size.min() < 0.6
    assert 0.02 < np.mean([occluded(face, 'cofw').mean() for face in faces]) < 0.35


def test_tool_writes_a_whole_folder_and_replaces_none(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'set'
    (tmp_path / '.set.partial/afw').mkdir(parents=True)  # of a call that was stopped
    arguments = (out, '--train', '3', '--common', '2', '--challenge', '1')
    assert not run_tool(monkeypatch, 'misc/generate_faces.py', *arguments)
    assert f'wrote {out}' in capsys.readouterr().out
    assert len(list(out.rglob('*.pts'))) == 6 and list(tmp_path.iterdir()) == [out]
    assert 'remove it' in run_tool(monkeypatch, 'misc/generate_faces.py', *arguments)

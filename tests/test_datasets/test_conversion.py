"""What every converter relies on: the box rule, the checks, the numbering."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from dataset_converters.coco_json import (
    AnnotatedFace,
    Problems,
    build_splits,
    landmark_framing,
    photo_path,
)

from mhhn_landmarks.errors import InputError

WIDTH, HEIGHT = 97, 83
POINTS = np.array([[20.0, 15.5], [70.25, 30.0], [44.0, 60.0]])


def test_box_rule_of_the_published_annotations():
    # The first face of WFLW's test set in MMPose's own file: its landmark box and what follows.
    points = np.array([[440.696106, 122.172989], [524.604004, 206.402104], [480.0, 150.0]])
    framing = landmark_framing(points, 1024, 661)
    assert (framing['center'], framing['scale']) == ([482.5, 164.5], 0.425)
    expected = [432.3053162, 113.7500775, 100.6894776, 101.074938]
    np.testing.assert_allclose(framing['bbox'], expected, atol=1e-9)
    assert framing['area'] == pytest.approx(10177.182705672392)
    wide = np.array([[2.0, 3.0], [95.0, 81.5]])
    assert landmark_framing(wide, 97, 83)['bbox'] == [0.0, 0.0, 97.0, 83.0]  # clipped to the photo


def framing_of(photos, points, visible=None, **framing):
    face = AnnotatedFace('train', 'a/1.jpg', np.array(points, float), 'l:3', visible, framing)
    splits, problems = build(photos, face)
    (annotation,) = splits['train']['annotations'] or ({},)
    return annotation, problems.errors


def test_points_without_annotation_do_not_enter_the_box(photos):
    known, _ = framing_of(photos, POINTS)
    visible = np.array([1, 0, 2, 1, 0])
    points = np.array([POINTS[0], (0, 0), POINTS[1], POINTS[2], (-500, np.inf)])
    found, errors = framing_of(photos, points, visible)
    assert not errors and found['num_keypoints'] == 3
    assert np.reshape(found['keypoints'], (-1, 3))[[1, 4]].tolist() == [[0, 0, 0]] * 2
    for key in ('bbox', 'center', 'scale', 'area'):
        assert found[key] == known[key]
    _, errors = framing_of(photos, points, visible * 0)
    assert errors == ['l:3: no visible landmark']


def test_eyes_in_one_row_and_single_landmarks(photos):
    found, errors = framing_of(photos, [(30, 40), (50, 40)])
    assert not errors
    assert found['bbox'] == [28.0, 28.0, 24.0, 24.0] and found['center'] == [40.0, 40.0]
    assert found['scale'] == 0.1
    box = dict(bbox=[20.0, 30.0, 40.0, 44.0], center=[40.0, 52.0], scale=0.22)
    for points in ([(30, 40)], [(30, 40), (50, 40)]):
        found, errors = framing_of(photos, points, **box)
        assert not errors and box.items() <= found.items()
    _, errors = framing_of(photos, [(30, 40)])
    assert errors == ['l:3: one landmark does not say how large the face is; give its box']


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / 'photos'
    (folder / 'a').mkdir(parents=True)
    photo = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for name in ('a/1.jpg', 'grün.png'):
        data = cv2.imencode(Path(name).suffix, photo)[1]
        (folder / name).write_bytes(data.tobytes())
    return folder


def build(photos, *faces):
    problems = Problems()
    splits = build_splits(faces, lambda face: face, photos, dict(train='t', test='u'), problems, '')
    return splits, problems


def test_faces_of_one_photo_share_its_record(photos):
    faces = [
        AnnotatedFace('train', n, POINTS + i, f'list:{i}') for i, n in enumerate(['a/1.jpg'] * 2)
    ]
    other = AnnotatedFace('train', 'grün.png', POINTS, 'list:3', extra=dict(subsets=['x']))
    again = AnnotatedFace('test', 'a/1.jpg', POINTS, 'list:4')
    outside = replace(again, where='list:10', points=POINTS - (25, 0))
    twice = again, replace(again, where='list:9')
    splits, problems = build(photos, *faces, other, *twice, outside)
    assert not problems.errors
    assert problems.warnings == [
        'list:9: the same face as list:4; kept',
        'list:10: a landmark lies 5 px outside the 97x83 photo; kept',
    ]
    train = splits['train']
    assert [(i['id'], i['file_name']) for i in train['images']] == [(1, 'a/1.jpg'), (3, 'grün.png')]
    assert [(a['id'], a['image_id']) for a in train['annotations']] == [(1, 1), (2, 1), (3, 3)]
    assert train['annotations'][2]['subsets'] == ['x']
    assert [train['images'][0][side] for side in ('width', 'height')] == [WIDTH, HEIGHT]
    assert len(splits['test']['annotations']) == 3


@pytest.mark.parametrize(
    'name',
    ['', '/etc/passwd', '../x.jpg', 'a/../../x.jpg', 'C:/x.jpg', '..\\x.jpg', 'a\0.jpg', 300 * 'x'],
)
def test_names_that_climb_out_or_are_too_long_are_refused(photos, name):
    with pytest.raises(InputError, match='^list:1: .*(is no name of a photo inside|too long)'):
        photo_path(photos, name, 'list:1')

"""Hard versions of a test set: what each kind does to a photo, and that landmarks move along."""

import json
import runpy

import cv2
import numpy as np
import pytest
from conftest import ROOT
from mmengine.registry import init_default_scope

from mhhn_landmarks.photos import read_bgr
from mhhn_mmpose.datasets import CheckedFace300WDataset

hard_faces = runpy.run_path(str(ROOT / 'tools/dataset_converters/hard_faces.py'))
KINDS = hard_faces['KINDS']
POINTS = np.array([(50.0, 60.0), (150.0, 55.0), (100.0, 105.0), (60.0, 150.0), (141.5, 152.25)])
BOX = (40.0, 45.0, 120.0, 120.0)


def photo_with_spots():
    """Grey, with a white disc of radius 9 about each landmark."""
    image = np.full((210, 230, 3), 60, np.uint8)
    for x, y in POINTS:
        cv2.circle(image, (round(x * 16), round(y * 16)), 9 * 16, (255,) * 3, -1, cv2.LINE_AA, 4)
    return image


def centroids(image, points, radius):  # of brightness
    rows, columns = np.indices(image.shape[:2])
    grey = image.mean(axis=2)
    found = []
    for x, y in points:
        near = np.hypot(columns - x, rows - y) < radius
        weight = np.where(near, np.maximum(grey - np.median(grey) - 10, 0), 0)
        weight /= weight.sum()
        found.append([(weight * columns).sum(), (weight * rows).sum()])
    return np.array(found)


@pytest.mark.parametrize(('kind', 'atol'), [('occluded', None), ('rotated', 0.15), ('poor', 0.3)])
def test_what_happens_to_the_photo_and_its_landmarks(kind, atol):
    image = photo_with_spots()
    result, points = KINDS[kind](image, POINTS, BOX, np.random.default_rng(0))
    if kind == 'occluded':
        np.testing.assert_array_equal(points, POINTS)
        face = np.zeros(image.shape[:2], np.uint8)
        cv2.fillConvexPoly(face, np.rint(cv2.convexHull(POINTS.astype(np.float32))).astype(int), 1)
        assert 0.19 < (result != image).any(axis=2)[face > 0].mean() < 0.34
        return
    ratio = complex(*(points[1] - points[0])) / complex(*(POINTS[1] - POINTS[0]))
    if kind == 'rotated':
        assert abs(ratio) == pytest.approx(1) and 30 <= abs(np.angle(ratio, deg=True)) <= 60
    else:
        assert 32 * 0.98 <= 120 * abs(ratio) <= 48 * 1.02  # px
        assert 0.3 < result.mean() / image.mean() < 0.65
    np.testing.assert_allclose(centroids(result, points, 14 * abs(ratio)), points, atol=atol)


def test_written_sets_are_the_same_for_a_seed_and_load(generated_300w, tmp_path):
    ann_file = generated_300w / 'annotations/face_landmarks_300w_valid.json'
    for folder, seed in (('a', 3), ('b', 3), ('c', 4)):
        arguments = [ann_file, generated_300w / 'images', tmp_path / folder, '--seed', seed]
        hard_faces['main'](list(map(str, arguments)))
    for kind in KINDS:
        name = f'annotations/face_landmarks_300w_valid_{kind}.json'
        one, same, other = ((tmp_path / folder / name).read_bytes() for folder in 'abc')
        assert one == same != other
        data = dict(ann_file=name, data_root=str(tmp_path / 'a'), data_prefix=dict(img='images/'))
        init_default_scope('mmpose')
        pipeline = [dict(type='LoadFaceImage')]
        faces = CheckedFace300WDataset(pipeline=pipeline, **data)
        assert len(faces) == 9 and [face['img'].shape for face in faces]
        content = json.loads(one)
        assert all(face['subsets'] for face in content['annotations'])
        if kind == 'occluded':
            source = json.loads(ann_file.read_text())
            names = {image['id']: image['file_name'] for image in source['images']}
            for face in content['annotations']:
                photo = read_bgr(generated_300w / 'images' / names[face['id']])
                hard = read_bgr(tmp_path / 'a/images' / f'occluded/{face["id"]:06d}.png')
                columns, rows = np.rint(np.reshape(face['keypoints'], (-1, 3))[:, :2].T).astype(int)
                changed = (photo != hard).any(axis=2)[rows, columns]
                np.testing.assert_array_equal(face['occluded'], changed)
                assert 0 < sum(face['occluded']) < 68


def test_points_without_annotation_take_no_part():
    values = np.column_stack([POINTS, [1, 2, 1, 0, 2]])
    values[3, :2] = 0
    face = dict(id=1, keypoints=values.ravel().tolist(), bbox=BOX)
    _, hard = hard_faces['harden'](face, photo_with_spots(), 'rotated', 0)
    values = np.reshape(hard['keypoints'], (-1, 3))
    assert not values[3].any()
    x, y, width, height = hard['bbox']
    others = np.delete(values, 3, axis=0)[:, :2]
    assert (others > (x, y)).all() and (others < (x + width, y + height)).all() and x > 20 < y

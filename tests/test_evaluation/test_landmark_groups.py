"""Scores of the hidden and of the seen landmarks alone, and the box round the landmarks."""

import json

import numpy as np
import pytest
from test_face_alignment_metric import evaluate, make_sample, shifted

NUM_POINTS = 29


def face(number, near, far, occluded=None):
    """A face with errors of `near` px on landmarks 0 to 19 and `far` on 20 to 28; eyes 50 apart."""
    sample = shifted(number, 0, 0)
    truth = sample['gt_instances']
    truth['keypoints'] = truth['keypoints'][:, :NUM_POINTS]
    truth['keypoints'][0, 9] = truth['keypoints'][0, 8] + [30.0, 40.0]
    truth['keypoints_visible'] = np.ones((1, NUM_POINTS))
    offset = np.where(np.arange(NUM_POINTS) < 20, near, far)
    prediction = truth['keypoints'] + offset[None, :, None] * [0.6, -0.8]
    sample['pred_instances']['keypoints'] = prediction
    sample['raw_ann_info'] = {} if occluded is None else dict(occluded=occluded)
    return sample


HIDDEN = [0] * 20 + [1] * 9


@pytest.mark.parametrize(
    ('faces', 'visible', 'occluded'),
    [
        ([(1.0, 4.0, HIDDEN), (2.0, 6.0, HIDDEN)], 3.0, 10.0),  # percent of 50 px
        ([(1.0, 4.0, HIDDEN), (2.0, 2.0, [0] * NUM_POINTS)], 3.0, 8.0),
        ([(1.0, 1.0, [0] * NUM_POINTS)], 2.0, None),
        ([(1.0, 4.0)], None, None),
    ],
)
def test_each_group_has_its_own_landmarks_and_only_faces_that_have_any(faces, visible, occluded):
    scores = evaluate([face(i, *values) for i, values in enumerate(faces)], dataset_name='cofw')
    for name, expected in (('visible', visible), ('occluded', occluded)):
        found = scores.get(f'{name}_landmarks/inter_ocular/NME')
        assert found == (expected and pytest.approx(expected))


def test_flags_come_from_the_annotation_file(tmp_path):
    ann_file = tmp_path / 'ann.json'
    ann_file.write_text(json.dumps(dict(annotations=[dict(id=1, occluded=HIDDEN)])))
    scores = evaluate([face(1, 1.0, 4.0)], 'cofw', ann_file=str(ann_file))
    assert scores['occluded_landmarks/inter_ocular/NME'] == pytest.approx(8.0)


@pytest.mark.parametrize(
    ('name', 'same'), [('set/1.jpg', True), ('./set//1.jpg', True), ('other/1.jpg', False)]
)
def test_the_annotation_must_be_of_the_same_photo(tmp_path, name, same):
    """Ids start anew in every split: another split's file has the id, but for another photo."""
    content = dict(images=[dict(id=4, file_name=name)], annotations=[dict(id=1, image_id=4)])
    ann_file = tmp_path / 'ann.json'
    ann_file.write_text(json.dumps(content), encoding='utf-8-sig')
    sample = dict(face(1, 1.0, 4.0), img_path='data/set/1.jpg')
    if same:
        assert evaluate([sample], 'cofw', ann_file=str(ann_file))
    else:
        with pytest.raises(ValueError, match='not in ann_file .*; give that of this dataset'):
            evaluate([sample], 'cofw', ann_file=str(ann_file))


def test_wrong_flags_and_taken_names_are_refused():
    with pytest.raises(ValueError, match=r"1.jpg \(id 1\): 'occluded' has 3 flags .* 29 expected"):
        evaluate([face(1, 1.0, 4.0, [0, 1, 0])], 'cofw')
    sample = make_sample(1, subsets=['visible_landmarks'])
    with pytest.raises(ValueError, match="a subset cannot be called 'visible_landmarks'"):
        evaluate([sample])


def test_landmark_box():
    sample = shifted(3, 3, 4)  # 5 px
    points = sample['gt_instances']['keypoints'][0]
    width, height = np.ptp(points, axis=0)
    scores = evaluate([sample], normalizers=['landmark_box'])
    assert scores['full/landmark_box/NME'] == pytest.approx(500 / np.sqrt(width * height))

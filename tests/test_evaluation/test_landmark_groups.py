"""Scores of the hidden and of the seen landmarks alone."""

import json

import numpy as np
import pytest
from test_face_alignment_metric import evaluate, make_sample

NUM_POINTS = 29


def face(number, near, far, occluded=None):
    """A face with errors of `near` px on landmarks 0 to 19 and `far` on 20 to 28; eyes 50 apart."""
    sample = make_sample(number, **({} if occluded is None else dict(occluded=occluded)))
    points = sample['gt_instances']['keypoints'][:, :NUM_POINTS]
    points[0, 9] = points[0, 8] + [30.0, 40.0]
    offset = np.where(np.arange(NUM_POINTS) < 20, near, far)[None, :, None] * [0.6, -0.8]
    truth = dict(keypoints=points, keypoints_visible=np.ones((1, NUM_POINTS)))
    return sample | dict(gt_instances=truth, pred_instances=dict(keypoints=points + offset))


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


@pytest.mark.parametrize(
    ('name', 'same'), [('set/1.jpg', True), ('./set//1.jpg', True), ('other/1.jpg', False)]
)
def test_flags_of_the_annotation_file_are_of_the_same_photo(tmp_path, name, same):
    """Ids start anew in every split: another split's file has the id, but for another photo."""
    annotation = dict(id=1, image_id=4, occluded=HIDDEN)
    content = dict(images=[dict(id=4, file_name=name)], annotations=[annotation])
    ann_file = str(tmp_path / 'ann.json')
    (tmp_path / 'ann.json').write_text(json.dumps(content), encoding='utf-8-sig')
    sample = dict(face(1, 1.0, 4.0), img_path='data/set/1.jpg')
    if same:
        scores = evaluate([sample], 'cofw', ann_file=ann_file)
        assert scores['occluded_landmarks/inter_ocular/NME'] == pytest.approx(8.0)
    else:
        with pytest.raises(ValueError, match='not in ann_file .*; give that of this dataset'):
            evaluate([sample], 'cofw', ann_file=ann_file)


def test_wrong_flags_and_taken_names_are_refused():
    with pytest.raises(ValueError, match=r"1.jpg \(id 1\): 'occluded' has 3 flags .* 29 expected"):
        evaluate([face(1, 1.0, 4.0, [0, 1, 0])], 'cofw')
    sample = make_sample(1, subsets=['visible_landmarks'])
    with pytest.raises(ValueError, match="a subset cannot be called 'visible_landmarks'"):
        evaluate([sample])

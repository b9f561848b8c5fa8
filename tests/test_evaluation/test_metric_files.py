"""The metric among several processes and in files."""

import json

import pytest
from test_face_alignment_metric import evaluate, shifted


def test_errors_file(tmp_path):
    path = tmp_path / 'new folder' / 'errors.json'
    samples = [shifted(4, 0, 1, subsets=['common']), shifted(2, 3, 4)]
    samples[0]['gt_instances']['keypoints_visible'][0, 7] = 0
    samples[1]['gt_instances']['keypoints_visible'][0, [7, 9]] = 0
    evaluate(samples, normalizers=['inter_ocular', 'box'], errors_file=str(path))
    content = json.loads(path.read_text())
    assert content['dataset_name'] == '300w'
    assert content['normalizers'] == ['inter_ocular', 'box']
    first, second = content['images']
    assert (first['id'], first['img_path'], first['subsets']) == (2, '2.jpg', [])
    assert first['errors'] == pytest.approx({'inter_ocular': 10, 'box': 500 / 48})
    assert second['subsets'] == ['common']
    landmarks = content['landmark_errors']['inter_ocular']
    assert len(landmarks) == 68 and landmarks[7] is None
    assert [landmarks[0], landmarks[9]] == pytest.approx([6, 2])
    assert [p.name for p in path.parent.iterdir()] == ['errors.json']

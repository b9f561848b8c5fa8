import json

import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmpose.evaluation.metrics import NME

from mhhn_mmpose.evaluation import FaceAlignmentMetric
from mhhn_mmpose.evaluation.functional import failure_rate

FULL = 'full/inter_ocular/'


def make_sample(number, **raw):
    """A sample as `Evaluator` hands it over; the outer eye corners are 50 px apart."""
    rng = np.random.default_rng(number)
    points = rng.uniform(20, 200, (1, 68, 2))
    points[0, 45] = points[0, 36] + [30.0, 40.0]
    box = np.array([[10.0, 20.0, 46.0, 84.0]])  # 36 x 64
    truth = dict(keypoints=points, keypoints_visible=np.ones((1, 68)), bboxes=box)
    prediction = dict(keypoints=points + rng.normal(0, 3.0, points.shape))
    sample = dict(id=number, img_path=f'{number}.jpg', raw_ann_info=raw)
    return sample | dict(gt_instances=truth, pred_instances=prediction)


def evaluate(samples, dataset_name='300w', batch=4, **arguments):
    metric = FaceAlignmentMetric(**arguments)
    metric.dataset_meta = dict(dataset_name=dataset_name) if dataset_name else {}
    for start in range(0, len(samples), batch):
        metric.process(None, samples[start : start + batch])
    return metric.evaluate(len(samples))


def shifted(number, dx, dy, **raw):
    """A sample whose prediction is off by (dx, dy) at every landmark."""
    sample = make_sample(number, **raw)
    sample['pred_instances']['keypoints'] = sample['gt_instances']['keypoints'] + [dx, dy]
    return sample


def test_known_errors():
    # 5, 1 and 10 px of 50 px are 10, 2 and 20 percent; 10 is not above the threshold.
    samples = [shifted(1, 3, 4), shifted(2, 1, 0), shifted(3, -6, 8)]
    scores = evaluate(samples)
    assert scores[FULL + 'NME'] == pytest.approx(32 / 3)
    assert scores[FULL + 'NME_std'] == pytest.approx(np.sqrt((100 + 4 + 400) / 3 - (32 / 3) ** 2))
    assert scores[FULL + 'AUC'] == pytest.approx(0.8 / 3)
    # 50 px are 50 only up to rounding, so a threshold of exactly 10 would be a coin toss.
    assert evaluate(samples, failure_threshold=10.1)[FULL + 'FR'] == pytest.approx(100 / 3)
    scores = evaluate(samples, failure_threshold=9.9, also_failures_at=[10.1, 1.5])
    assert scores[FULL + 'FR'] == pytest.approx(200 / 3)
    assert scores[FULL + 'FR@10.1'] == pytest.approx(100 / 3)
    assert scores[FULL + 'FR@1.5'] == 100
    assert failure_rate(np.array([10.0, np.nextafter(10, 11)]), 10.0) == 50


def test_agrees_with_mmpose():
    samples = [make_sample(i) for i in range(7)]
    theirs = NME(norm_mode='keypoint_distance')
    theirs.dataset_meta = dict(dataset_name='300w')
    theirs.process(None, samples)
    expected = 100 * theirs.evaluate(len(samples))['NME']  # float32 inside
    assert evaluate(samples)[FULL + 'NME'] == pytest.approx(expected, rel=1e-5)


def test_nothing_is_divided_by_landmarks_that_are_not_annotated():
    sample = shifted(1, 0, 5)
    points, visible = (sample['gt_instances'][k] for k in ('keypoints', 'keypoints_visible'))
    size = np.sqrt(np.prod(np.ptp(points[0, :40], axis=0)))
    points[0, 46:], visible[0, 46:] = 0, 0  # as KeypointConverter leaves them
    points[0, 40:45], visible[0, 40:45] = 0, 0
    assert evaluate([sample])[FULL + 'NME'] == pytest.approx(10)
    points[0, 45], visible[0, 45] = 0, 0
    found = evaluate([sample], normalizers=['landmark_box'])
    assert found['full/landmark_box/NME'] == pytest.approx(100 * 5 / size)
    with pytest.raises(ValueError, match=r'inter_ocular needs landmarks \[45\]'):
        evaluate([sample])


def test_image_without_visible_landmarks_is_left_out(monkeypatch):
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, message: said.append(message))
    blank = shifted(2, 9, 9)
    blank['gt_instances']['keypoints_visible'][:] = 0
    blank['gt_instances']['keypoints'][:] = 0
    assert evaluate([shifted(1, 0, 5), blank])[FULL + 'NME'] == pytest.approx(10)
    assert any('1 of 2 images have no visible landmark' in message for message in said)
    with pytest.raises(ValueError, match='none of 1 samples'):
        evaluate([blank])


def test_order_batches_and_repetitions_do_not_matter():
    """To the last digit."""
    samples = [make_sample(i, subsets=['odd'] if i % 2 else []) for i in range(7)]
    expected = evaluate(samples)
    odd, full = (expected[f'{name}/inter_ocular/NME'] for name in ('odd', 'full'))
    even = evaluate(samples[::2])[FULL + 'NME']
    assert full == pytest.approx((3 * odd + 4 * even) / 7)
    for seed, batch in ((1, 1), (2, 3), (3, 9)):
        order = np.random.default_rng(seed).permutation(7)
        assert evaluate([samples[i] for i in (*order, *order[:2])], batch=batch) == expected


@pytest.mark.parametrize(
    ('dataset', 'rule', 'num_points', 'first', 'second'),
    [
        ('300w', 'inter_ocular', 68, [36], [45]),
        ('300w', 'inter_pupil', 68, [36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]),
        ('wflw', 'inter_ocular', 98, [60], [72]),
        ('wflw', 'inter_pupil', 98, [96], [97]),
        ('cofw', 'inter_ocular', 29, [8], [9]),
        ('cofw', 'inter_pupil', 29, [16], [17]),
        ('mine', dict(name='mouth', keypoint_indices=[2, [4, 5]]), 6, [2], [4, 5]),
    ],
)
def test_normalizers(dataset, rule, num_points, first, second):
    points = np.random.default_rng(3).uniform(20, 200, (1, num_points, 2))
    truth = dict(keypoints=points, keypoints_visible=np.ones((1, num_points)))
    sample = make_sample(1) | dict(gt_instances=truth)
    sample['pred_instances']['keypoints'] = points + [0, 2]
    length = np.hypot(*(points[0, first].mean(axis=0) - points[0, second].mean(axis=0)))
    name = rule['name'] if isinstance(rule, dict) else rule
    scores = evaluate([sample], dataset, normalizers=[rule])
    assert scores[f'full/{name}/NME'] == pytest.approx(200 / length)


def test_box_and_face_size_normalizers(tmp_path):
    names = ['box', 'box_diagonal', 'face_size', 'landmark_box']
    sample = shifted(5, 3, 4, box_size=25.0)  # 5 px
    scores = evaluate([sample], normalizers=names)
    width, height = np.ptp(sample['gt_instances']['keypoints'][0], axis=0)
    expected = [500 / 48, 500 / np.hypot(36, 64), 20.0, 500 / np.sqrt(width * height)]
    assert [scores[f'full/{name}/NME'] for name in names] == pytest.approx(expected)

    ann_file = tmp_path / 'ann.json'
    ann_file.write_text(json.dumps(dict(annotations=[dict(id=5, box_size=250.0)])))
    scores = evaluate([sample], 'aflw', normalizers=['face_size'], ann_file=str(ann_file))
    assert scores['full/face_size/NME'] == pytest.approx(2)


def broken(change):
    sample = make_sample(12)
    change(sample)
    return sample


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s['pred_instances']['keypoints'].fill(np.nan), 'not finite; has the training'),
        (lambda s: s['gt_instances']['keypoints'].fill(np.inf), 'annotated landmarks are not'),
        (lambda s: s['gt_instances']['keypoints'].fill(3.0), 'inter_ocular is 0 px'),
        (lambda s: s['pred_instances'].update(keypoints=np.zeros((1, 5, 2))), '5 landmarks predi'),
        (lambda s: s['pred_instances'].update(keypoints=np.zeros((2, 68, 2))), 'one face a sample'),
    ],
)
def test_unusable_samples_are_named(change, message):
    with pytest.raises(ValueError, match=rf'image 12\.jpg \(id 12\): .*{message}'):
        evaluate([make_sample(1), broken(change)])


@pytest.mark.parametrize(
    ('dataset', 'arguments', 'message'),
    [
        ('aflw', dict(normalizers=['inter_pupil']), "no normaliser 'inter_pupil' for .*'aflw'"),
        ('wflw', {}, 'landmark 72, there are 68'),
        ('300w', dict(normalizers=['face_size']), 'pass ann_file'),
        ('300w', dict(normalizers=['box', 'box']), 'different n'),
        ('300w', dict(normalizers='inter_ocular'), r"\['inter_ocular'\]"),
        ('300w', dict(normalizers=[dict(name='a', keypoint_indices=[1])]), 'keypoint_indices'),
        ('300w', dict(failure_threshold=0), 'failure_threshold .* got 0'),
        (None, {}, "no 'dataset_name'"),
    ],
)
def test_unusable_arguments(dataset, arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate([make_sample(1)], dataset, **arguments)


def test_photos_and_their_ids_must_agree(tmp_path):
    with pytest.raises(ValueError, match='add it to meta_keys'):
        evaluate([broken(lambda s: s.pop('id'))])
    with pytest.raises(ValueError, match='id 1 belongs to 1.jpg and to other.jpg'):
        evaluate([make_sample(1), make_sample(1) | dict(img_path='other.jpg')])
    ann_file = tmp_path / 'ann.json'
    ann_file.write_text('{"annotations": []}')
    with pytest.raises(ValueError, match='not in ann_file'):
        evaluate([make_sample(1)], ann_file=str(ann_file))


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

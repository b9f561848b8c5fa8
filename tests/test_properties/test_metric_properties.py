"""What holds for `FaceAlignmentMetric` whatever the faces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhhn_mmpose.evaluation import FaceAlignmentMetric

SCORES = ('NME', 'NME_std', 'FR', 'AUC')
EYES = (36, 45)
BOX = np.array([[10.0, 20.0, 46.0, 84.0]])
seeds = st.integers(0, 2**32)
offsets = st.floats(-30, 30)


@st.composite
def sets_of_faces(draw, smallest=1):
    """Samples of 68 landmarks, of any error, in the form that MMEngine's evaluator hands over."""
    random = np.random.default_rng(draw(seeds))
    size = draw(st.floats(0.01, 100))
    samples = []
    for number in range(draw(st.integers(smallest, 9))):
        points = random.uniform(20, 200, (1, 68, 2))
        points[0, EYES[1]] = points[0, EYES[0]] + random.uniform(20, 60, 2)
        sample = dict(
            id=number,
            img_path=f'{number}.jpg',
            raw_ann_info=dict(subsets=[]),
            gt_instances=dict(
                keypoints=points, keypoints_visible=np.ones((1, 68)), bboxes=BOX.copy()
            ),
            pred_instances=dict(keypoints=points + random.normal(0, size, points.shape)),
        )
        samples.append(sample)
    return samples


def evaluate(samples, batch=4, **arguments):
    metric = FaceAlignmentMetric(**arguments)
    metric.dataset_meta = dict(dataset_name='300w')
    for start in range(0, len(samples), batch):
        metric.process(None, samples[start : start + batch])
    return metric.evaluate(len(samples))


def scores_of(found, subset='full', normalizer='inter_ocular'):
    return [found[f'{subset}/{normalizer}/{score}'] for score in SCORES]


def changed(samples, change):
    """Samples whose truth and prediction are changed alike."""
    return [
        sample
        | {
            key: sample[key] | dict(keypoints=change(sample[key]['keypoints']))
            for key in ('gt_instances', 'pred_instances')
        }
        for sample in samples
    ]


def predicted(samples, change):
    """Samples whose prediction is made of their truth."""
    return [
        sample | dict(pred_instances=dict(keypoints=change(sample['gt_instances']['keypoints'])))
        for sample in samples
    ]


@given(sets_of_faces())
def test_the_truth_scores_0(samples):
    found = evaluate(
        predicted(samples, np.copy), normalizers=['inter_ocular', 'inter_pupil', 'box']
    )
    for normalizer in ('inter_ocular', 'inter_pupil', 'box'):
        assert scores_of(found, normalizer=normalizer) == [0, 0, 0, 1]


@given(sets_of_faces(), offsets, offsets)
def test_all_landmarks_off_by_known_pixels(samples, dx, dy):
    found = evaluate(predicted(samples, lambda points: points + [dx, dy]))
    eyes = [np.diff(s['gt_instances']['keypoints'][0, EYES, :], axis=0) for s in samples]
    errors = 100 * np.hypot(dx, dy) / np.array([np.linalg.norm(e) for e in eyes])
    area = np.maximum(0, 1 - errors / 10).mean()
    nme, std, failures, auc = scores_of(found)
    assert [nme, std, auc] == pytest.approx([errors.mean(), errors.std(), area], abs=1e-6)
    near = abs(errors - 10) < 1e-6
    assert 100 * (errors > 10)[~near].sum() <= failures * len(errors) + 1e-6
    assert failures * len(errors) <= 100 * ((errors > 10) | near).sum() + 1e-6


@given(sets_of_faces(), st.integers(0, 67), offsets)
def test_one_landmark_off_by_known_pixels(samples, index, dx):
    def move(points):
        points = points.copy()
        points[0, index, 0] += dx
        return points

    found = evaluate(predicted(samples, move), normalizers=['box'])
    expected = 100 * abs(dx) / 68 / 48  # sqrt(36 * 64) px
    assert found['full/box/NME'] == pytest.approx(expected, abs=1e-9)


@given(sets_of_faces(), st.floats(0.1, 10), st.floats(-4, 4), offsets, offsets)
def test_scale_rotation_and_place_leave_nme_alone(samples, scale, angle, x, y):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rules = ['inter_ocular', 'inter_pupil']
    before = evaluate(samples, normalizers=rules)
    after = evaluate(changed(samples, lambda points: points @ turn.T + [x, y]), normalizers=rules)
    for rule in rules:
        key = f'full/{rule}/NME'
        assert after[key] == pytest.approx(before[key], rel=1e-9)


@given(sets_of_faces(smallest=2), st.data())
def test_subsets_add_up_to_the_whole(samples, data):
    """Every image is in one of three."""
    names = [data.draw(st.sampled_from('abc')) for _ in samples]
    for sample, name in zip(samples, names, strict=True):
        sample['raw_ann_info'] = dict(subsets=[name])
    found = evaluate(samples)
    shares = {name: names.count(name) / len(names) for name in set(names)}
    parts = {name: scores_of(found, name) for name in shares}
    nme, std, failures, auc = scores_of(found)
    for index, whole in ((0, nme), (2, failures), (3, auc)):
        total = sum(share * parts[name][index] for name, share in shares.items())
        assert whole == pytest.approx(total, rel=1e-9)
    # Of squares, the spread within the parts and that of their means.
    squares = sum(s * (parts[name][1] ** 2 + parts[name][0] ** 2) for name, s in shares.items())
    assert std**2 + nme**2 == pytest.approx(squares, rel=1e-9)


@given(sets_of_faces(), st.integers(1, 67))
def test_visible_and_occluded_landmarks_add_up_to_the_face(samples, hidden):
    for sample in samples:
        sample['raw_ann_info'] = dict(occluded=[1] * hidden + [0] * (68 - hidden))
    found = evaluate(samples)
    groups = [found[f'{g}_landmarks/inter_ocular/NME'] for g in ('occluded', 'visible')]
    total = (hidden * groups[0] + (68 - hidden) * groups[1]) / 68
    assert found['full/inter_ocular/NME'] == pytest.approx(total, rel=1e-9)


@given(sets_of_faces(smallest=2), st.data())
def test_order_batches_and_repetitions_do_not_matter(samples, data):
    """To the last digit."""
    order = data.draw(st.permutations(samples))
    repeated = data.draw(st.lists(st.sampled_from(samples), max_size=3))
    batch = data.draw(st.integers(1, len(samples)))
    assert evaluate([*order, *repeated], batch=batch) == evaluate(samples)


@given(sets_of_faces(), seeds)
def test_landmarks_that_are_not_visible_do_not_count(samples, seed):
    random = np.random.default_rng(seed)
    shown = random.uniform(size=68) < 0.7
    shown[:2] = True, False
    for sample in samples:
        sample['gt_instances']['keypoints_visible'] = shown[None].astype(float)
    expected = evaluate(samples, normalizers=['box'])
    for sample in samples:
        sample['pred_instances']['keypoints'][:, ~shown] += random.uniform(-99, 99)
    assert evaluate(samples, normalizers=['box']) == expected

"""From MMPose's data samples to the little that scoring needs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..functional import Normalizer

WHOLE_SET = 'full'
"""The subset every image belongs to."""

LANDMARK_GROUPS = ('visible_landmarks', 'occluded_landmarks')
"""Scored like subsets, but parts of faces: by `occluded` of the annotations."""


def reduce_sample(sample: dict, annotation: dict, rules: Sequence[Normalizer]) -> dict[str, Any]:
    """Return distances and normalisers of one face, in photo pixels.

    Args:
        sample: A `PoseDataSample` as a dictionary, with `gt_instances` and `pred_instances`.
        annotation: Where `subsets`, `box_size` and `occluded` are, if there are any.
        rules: What to measure.

    Returns:
        `id`, `img_path`, `subsets`, `distances` (K,), `visible` bool (K,), `groups`
        bool (2, K), which landmarks are `LANDMARK_GROUPS`, and `normalizers`, a length by name.

    Raises:
        ValueError: If the face cannot be scored.

    >>> points = np.array([[[30.0, 40.0], [60.0, 80.0]]])
    >>> face = dict(keypoints=points, keypoints_visible=np.ones((1, 2)))
    >>> sample = dict(id=7, gt_instances=face, pred_instances=dict(keypoints=points + [3, 4]))
    >>> reduce_sample(sample, {}, [Normalizer('eyes', (0, 1))])['distances']
    array([5., 5.])
    """
    truth = sample['gt_instances']
    points = _one_face(truth['keypoints'], 'gt_instances.keypoints')
    prediction = _one_face(sample['pred_instances']['keypoints'], 'pred_instances.keypoints')
    if prediction.shape != points.shape:
        raise ValueError(f'{len(prediction)} landmarks predicted, {len(points)} annotated')
    if not np.isfinite(prediction).all():
        raise ValueError('predicted landmarks are not finite; has the training diverged?')
    visible = _array(truth['keypoints_visible'])
    # MMPose holds (1, K), or (1, K, 2) with visibility and weight.
    visible = (visible[..., 0] if visible.ndim == 3 else visible).reshape(-1) > 0
    if not np.isfinite(points[visible]).all():
        raise ValueError('annotated landmarks are not finite; mend the annotation file')
    box = _array(truth['bboxes']).reshape(-1, 4)[0] if 'bboxes' in truth else None
    size = annotation.get('box_size')
    return dict(
        id=sample['id'],
        img_path=sample.get('img_path'),
        subsets=_subsets(annotation),
        distances=np.linalg.norm(prediction - points, axis=-1),
        visible=visible,
        groups=_groups(annotation, len(points)),
        # A face without a visible landmark has no size either, and is left out later.
        normalizers={
            r.name: r(np.where(visible[:, None], points, np.nan), box, size)
            if visible.any()
            else 1.0
            for r in rules
        },
    )


def sort_and_dedupe(results: list[dict]) -> list[dict]:
    """Sort by id and keep one of those a sampler repeated to fill its last batch.

    >>> sort_and_dedupe([dict(id=number, img_path='a.jpg') for number in (2, 1, 2)])
    [{'id': 1, 'img_path': 'a.jpg'}, {'id': 2, 'img_path': 'a.jpg'}]
    """
    unique: dict[Any, dict] = {}
    for result in results:
        first = unique.setdefault(result['id'], result)
        if first['img_path'] != result['img_path']:
            raise ValueError(
                f'id {result["id"]} belongs to {first["img_path"]} and to {result["img_path"]};'
                ' evaluate one dataset at a time, or make annotation ids unique'
            )
    return [unique[key] for key in sorted(unique)]


def _subsets(annotation: dict) -> list[str]:
    """Return the face's own subsets, refusing names that mean something else here."""
    names = annotation.get('subsets', [])
    if reserved := set(names) & set(LANDMARK_GROUPS):
        raise ValueError(f'a subset cannot be called {reserved.pop()!r}; rename it in ann_file')
    return [name for name in names if name != WHOLE_SET]


def _groups(annotation: dict, count: int) -> np.ndarray:
    """Return the members of `LANDMARK_GROUPS`; none if the annotation does not say."""
    if 'occluded' not in annotation:
        return np.zeros((2, count), bool)
    flags = np.asarray(annotation['occluded'])
    if flags.shape != (count,):
        raise ValueError(f"'occluded' has {flags.size} flags in ann_file, {count} expected")
    return np.stack([~(flags > 0), flags > 0])


def _array(values: Any) -> np.ndarray:
    """Return a tensor or array as float64 numpy."""
    values = values.detach().cpu().numpy() if hasattr(values, 'detach') else values
    return np.asarray(values, dtype=np.float64)


def _one_face(values: Any, name: str) -> np.ndarray:
    """Return landmarks (K, 2) out of (1, K, 2)."""
    points = _array(values)
    if points.ndim != 3 or points.shape[0] != 1 or points.shape[2] != 2:
        raise ValueError(f'{name} must be (1, K, 2), one face a sample, got {points.shape}')
    return points[0]

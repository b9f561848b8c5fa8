"""Each mapping, through MMPose's `KeypointConverter`, on faces annotated in both schemes."""

import numpy as np
import pytest
from dataset_converters.own_landmarks import known_landmarks
from generated_faces import landmarks, random_face
from mmpose.registry import TRANSFORMS

from mhhn_mmpose.datasets import landmark_mappings as known

FACES = [random_face(seed, hard=seed % 3 == 0) for seed in range(20)]


def convert(mapping, points, num_keypoints):
    config = dict(type='KeypointConverter', num_keypoints=num_keypoints, mapping=mapping)
    visible = np.ones((1, len(points)))
    data = TRANSFORMS.build(config)(dict(keypoints=points[None], keypoints_visible=visible))
    return data['keypoints'][0], data['keypoints_visible'][0].T


@pytest.mark.parametrize(
    ('mapping', 'source', 'target', 'size'),
    [
        (known.WFLW_TO_300W, 'wflw', '300w', 68),
        (known.FACE_300W_TO_WFLW, '300w', 'wflw', 64),
        (known.COFW_TO_300W, 'cofw', '300w', 21),
        (known.COFW_TO_WFLW, 'cofw', 'wflw', 29),
    ],
)
def test_landmarks_are_those_of_the_other_scheme(mapping, source, target, size):
    means = {t for s, t in mapping if isinstance(s, tuple)}
    there = sorted(t for _, t in mapping)
    assert len(there) == len(set(there)) == size
    for face in FACES:
        truth, points = landmarks(face, target), landmarks(face, source)
        found, (visible, weights) = convert(mapping, points, len(truth))
        assert np.flatnonzero(visible).tolist() == np.flatnonzero(weights).tolist() == there
        eyes = landmarks(face, '300w')[[36, 45]]
        error = np.linalg.norm(found - truth, axis=1) / np.linalg.norm(eyes[1] - eyes[0])
        exact = [t for t in there if t not in means]
        assert error[exact].max() < 1e-9
        # Means of lid points lie beside the lid: 4% of the inter-ocular distance on such faces.
        assert not means or 1e-3 < error[sorted(means)].max() < 0.04
        assert np.array_equal(found[visible == 0], np.zeros((len(truth) - size, 2)))
    # A flip before the conversion exchanges the same landmarks as one after it.
    flips = {name: known_landmarks(name)[1] for name in (source, target)}
    pairs = {frozenset(np.atleast_1d(s).tolist()): t for s, t in mapping}
    for kept, t in pairs.items():
        mirrored = frozenset(flips[source][s] for s in kept)
        assert pairs[mirrored] == flips[target][t]

"""The weights that ship still score what they scored, by PyTorch and by ONNX, on drawn faces."""

import numpy as np
import pytest
from generated_faces import landmarks, random_face, render

from mhhn_landmarks import OnnxAligner
from mhhn_landmarks.models import MODELS
from mhhn_mmpose import FaceAligner
from mhhn_mmpose.evaluation.functional import normalized_mean_error

STORED = dict(best=3.400, tiny=3.698)  # NME in percent of the inter-ocular distance


@pytest.mark.parametrize('name', MODELS)
def test_the_stored_score(name):
    drawn = [random_face([7, number], hard=False) for number in range(6)]
    faces = [(render(face), landmarks(face, '300w')) for face in drawn]
    aligner = OnnxAligner(name, threads=1)
    boxes = [[[*p.min(axis=0), *np.ptp(p, axis=0)]] for _, p in faces]
    found = [aligner(photo, b)[0].points for (photo, _), b in zip(faces, boxes, strict=True)]
    truth = np.stack([points for _, points in faces])
    between_eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    visible = np.ones(truth.shape[:2], dtype=bool)
    errors = normalized_mean_error(np.stack(found), truth, visible, between_eyes)
    assert errors.mean() == pytest.approx(STORED[name], abs=0.02)
    (face,) = FaceAligner(name, device='cpu')(faces[0][0], boxes[0])
    np.testing.assert_allclose(face.points, found[0], atol=0.05)

"""The weights that ship still score what they scored, by PyTorch and by ONNX."""

import json

import cv2
import numpy as np
import pytest
from conftest import ROOT
from generated_faces import landmarks, random_face, render

from mhhn_landmarks import OnnxAligner
from mhhn_landmarks.models import MODELS
from mhhn_mmpose import FaceAligner
from mhhn_mmpose.evaluation.functional import normalized_mean_error

REAL = ROOT / 'data/300w'  # where docs/datasets.md has 300W converted to
# NME in percent of the inter-ocular distance: of drawn faces, and of HELEN test's first by name.
DRAWN = dict(best=3.436, tiny=3.499)
HELEN = dict(best=3.058, tiny=3.407)


def drawn_faces():
    faces = [random_face([7, number], hard=False) for number in range(6)]
    return [(render(face), landmarks(face, '300w')) for face in faces]


def helen_faces():
    annotations = REAL / 'annotations/face_landmarks_300w_valid.json'
    content = json.loads(annotations.read_text()) if annotations.exists() else dict(images=[])
    names = {image['id']: image['file_name'] for image in content['images']}
    chosen = [i for i in sorted(names, key=names.get) if names[i].startswith('helen/testset/')][:12]
    if not chosen:
        pytest.skip('no HELEN test in data/300w')
    points = {
        a['image_id']: np.reshape(a['keypoints'], (-1, 3))[:, :2] for a in content['annotations']
    }
    return [(cv2.imread(str(REAL / 'images' / names[i])), points[i]) for i in chosen]


@pytest.mark.parametrize('name', MODELS)
@pytest.mark.parametrize('faces, stored', [(drawn_faces, DRAWN), (helen_faces, HELEN)])
def test_the_stored_score(name, faces, stored):
    faces, found, aligner = faces(), [], OnnxAligner(name, threads=1)
    boxes = [[[*p.min(axis=0), *np.ptp(p, axis=0)]] for _, p in faces]
    for (photo, _), box in zip(faces, boxes, strict=True):
        found.append(aligner(photo, box)[0].points)
    truth = np.stack([points for _, points in faces])
    between_eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    visible = np.ones(truth.shape[:2], dtype=bool)
    errors = normalized_mean_error(np.stack(found), truth, visible, between_eyes)
    assert errors.mean() == pytest.approx(stored[name], abs=0.02)
    (face,) = FaceAligner(name, device='cpu')(faces[0][0], boxes[0])
    np.testing.assert_allclose(face.points, found[0], atol=0.05)

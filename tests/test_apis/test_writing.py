import cv2
import numpy as np
import pytest

from mhhn_mmpose.apis.errors import DemoError
from mhhn_mmpose.apis.sources import Picture
from mhhn_mmpose.apis.writing import ResultWriter


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
    with pytest.raises(DemoError, match='x_landmarks.png: cannot be written'):
        writer.add(Picture('x.png', frame), [], [], frame)

import cv2
import numpy as np
import pytest

from mhhn_mmpose.apis.errors import DemoError
from mhhn_mmpose.apis.sources import open_source


def gray(level):
    return np.full((48, 64, 3), level, np.uint8)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / 'a.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 12.5, (64, 48))
    for level in (20, 90, 160, 230):
        writer.write(gray(level))
    writer.release()
    return path


def test_photos_of_a_folder_by_name(tmp_path):
    for name, level in (('b.PNG', 90), ('a.png', 20), ('c.txt', 0)):
        cv2.imwrite(str(tmp_path / 'x.png'), gray(level))
        (tmp_path / 'x.png').rename(tmp_path / name)
    source = open_source(str(tmp_path))
    assert source.fps is None and source.count == 2
    assert [(p.name, p.pixels[0, 0, 0]) for p in source] == [('a.png', 20), ('b.PNG', 90)]
    assert [p.name for p in open_source(str(tmp_path / 'b.PNG'))] == ['b.PNG']


def test_frames_of_a_video(video):
    source = open_source(str(video))
    assert source.fps == 12.5 and source.count == 4
    frames = list(source)
    assert [frame.name for frame in frames] == ['0', '1', '2', '3']
    levels = [frame.pixels.mean() for frame in frames]
    np.testing.assert_allclose(levels, [20, 90, 160, 230], atol=4)
    short = open_source(str(video), max_frames=3)
    assert short.count == 3 and len(list(short)) == 3


def test_what_is_no_input_ends_in_one_line(tmp_path):
    (tmp_path / 'notes.txt').write_text('no video')
    (tmp_path / 'empty').mkdir()
    for name, words in (
        ('none.jpg', 'no such photo, folder or video'),
        ('notes.txt', 'this video cannot be opened'),
        ('empty', 'no photo in it'),
    ):
        with pytest.raises(DemoError, match=words):
            open_source(str(tmp_path / name))
    with pytest.raises(DemoError, match='97: this webcam cannot be opened'):
        open_source('97')
    (tmp_path / 'bad.jpg').write_bytes(b'no photo')
    with pytest.raises(DemoError, match='bad.jpg: unreadable photo'):
        list(open_source(str(tmp_path / 'bad.jpg')))

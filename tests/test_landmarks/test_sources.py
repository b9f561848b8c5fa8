import cv2
import numpy as np
import pytest
from odd_photos import JPEG_ERROR, ODD, PICTURE, TURNS, cut, write_turned
from PIL import Image

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.sources import open_source


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
        with pytest.raises(InputError, match=words):
            open_source(str(tmp_path / name))
    with pytest.raises(InputError, match='97: this webcam cannot be opened'):
        open_source('97')
    (tmp_path / 'bad.jpg').write_bytes(b'no photo')
    with pytest.raises(InputError, match='bad.jpg: unreadable photo'):
        list(open_source(str(tmp_path / 'bad.jpg')))


@pytest.mark.parametrize('turn', TURNS)
def test_turned_photos_are_shown_upright(tmp_path, turn):
    write_turned(tmp_path / 'a.jpg', turn)
    (photo,) = open_source(str(tmp_path / 'a.jpg'))
    assert np.abs(photo.pixels[..., ::-1].astype(int) - PICTURE).mean() < JPEG_ERROR


@pytest.mark.parametrize('name', ODD)
def test_odd_colours_become_three_channels_of_eight_bits(tmp_path, name):
    write, expected, tolerance = ODD[name]
    write(tmp_path / name)
    (photo,) = open_source(str(tmp_path))
    assert np.abs(photo.pixels[..., ::-1].astype(int) - expected).mean() <= tolerance


BAD = {
    'truncated': (cut, 'unreadable photo'),
    'empty': (lambda path: path.write_bytes(b''), 'the file is empty'),
    'too wide': (lambda path: Image.new('RGB', (32767, 9)).save(path), 'a side over 32766'),
    'gone': (lambda path: path.unlink(), 'no readable photo'),
    'folder': (lambda path: path.unlink() or path.mkdir(), 'no readable photo'),
}


@pytest.mark.parametrize('case', BAD)
def test_a_bad_photo_of_a_folder_is_named_after_those_before_it(tmp_path, case):
    spoil, words = BAD[case]
    for name in 'ab':
        write_turned(tmp_path / f'{name}.jpg', 1)
    source = open_source(str(tmp_path))
    spoil(tmp_path / 'b.jpg')
    pictures = iter(source)
    assert next(pictures).name == 'a.jpg'
    with pytest.raises(InputError, match=f'b.jpg: .*{words}.*, or take it out of the folder$'):
        next(pictures)


@pytest.mark.parametrize('side', [1, 20000])
def test_small_and_wide_photos_are_taken(tmp_path, side):
    Image.new('RGB', (side, 1)).save(tmp_path / 'a.png')
    (photo,) = open_source(str(tmp_path))
    assert photo.pixels.shape == (1, side, 3)

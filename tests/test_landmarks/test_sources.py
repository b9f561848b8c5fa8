import os

import numpy as np
import pytest
from odd_photos import JPEG_ERROR, PICTURE, cut, write_turned
from odd_videos import gray, write_video
from PIL import Image

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.sources import Frames, open_source


def names(folder):
    return [picture.name for picture in open_source(folder)]


def test_photos_of_a_folder_by_name(tmp_path):
    for name in ('b.JPG', 'a.jpeg'):
        write_turned(tmp_path / name, 1)
    source = open_source(str(tmp_path))
    assert source.fps is None and source.count == 2 and source.notes() == []
    assert [(p.name, p.seconds) for p in source] == [('a.jpeg', None), ('b.JPG', None)]
    assert names(tmp_path / 'b.JPG') == ['b.JPG']


@pytest.mark.parametrize('name', ['a.jfif', 'a.jpe', 'a', '1234', 'a.mp4', 'a.txt'])
def test_a_photo_is_one_whatever_its_suffix(tmp_path, name):
    write_turned(tmp_path / name, 6)
    (picture,) = open_source(tmp_path / name)
    assert np.abs(picture.pixels[..., ::-1].astype(int) - PICTURE).mean() < JPEG_ERROR
    assert names(tmp_path) == [name]
    cut(tmp_path / name)
    with pytest.raises(InputError, match=f'{name}: unreadable photo .the file is truncated'):
        list(open_source(tmp_path / name))


@pytest.mark.parametrize('name', ['a.jpg', 'a', 'a.webm'])
def test_a_video_is_one_whatever_its_suffix(tmp_path, name):
    write_video(tmp_path / 'a.mp4', [gray(20)] * 3).rename(tmp_path / name)
    assert names(tmp_path / name) == ['0', '1', '2']


def test_an_animation_alone_is_a_video(tmp_path):
    frames = [Image.fromarray(gray(level)) for level in (20, 90, 160)]
    frames[0].save(tmp_path / 'a', 'GIF', save_all=True, append_images=frames[1:], duration=400)
    assert [round(p.seconds, 2) for p in open_source(tmp_path / 'a')] == [0, 0.4, 0.8]


def test_a_folder_names_what_it_leaves_out_and_reads_the_rest(tmp_path):
    for name in ('a.jpg', 'b.jpg', 'z.jfif'):
        write_turned(tmp_path / name, 1)
    cut(tmp_path / 'b.jpg')
    (tmp_path / 'album.jpg').mkdir()
    (tmp_path / '._a.jpg').write_bytes(b'\0\x05\x16\x07\0\x02')
    (tmp_path / 'c.jpg').symlink_to('nowhere')
    os.mkfifo(tmp_path / 'd.jpg')  # to open it would wait for ever
    write_video(tmp_path / 'e.mp4', [gray(9)])
    for number in range(7):
        (tmp_path / f'{number}.pts').write_text('n_points: 68')
    source = open_source(tmp_path)
    assert [picture.name for picture in source] == ['a.jpg', 'z.jfif']
    words = 'unreadable photo (the file is truncated); copy or unpack it again'
    assert sorted(source.notes()) == sorted([
        f'{tmp_path / "b.jpg"}: {words}',
        'left out, a folder: album.jpg',
        "left out, a Mac's side file: ._a.jpg",
        'left out, no file (a broken link, a pipe or a device): c.jpg, d.jpg',
        'left out, a video: e.mp4',
        'left out, no photo: 0.pts, 1.pts, 2.pts, 3.pts, 4.pts and 2 more',
    ])  # fmt: skip


def test_what_is_no_input_ends_in_one_line(tmp_path, monkeypatch):
    (tmp_path / 'page.mp4').write_text('<html>not found')
    (tmp_path / 'empty').mkdir()
    write_video(tmp_path / 'a.mp4', [gray(20)] * 3)
    cut(tmp_path / 'a.mp4')  # without the index at its end
    monkeypatch.chdir(tmp_path)
    for text, words in (
        ('none.jpg', 'no such photo, folder or video'),
        ('a.mp4', 'neither a photo nor a video that can be read'),
        ('empty', 'no photo in it'),
        ('page.mp4', 'this is a web page'),
        ('/dev/video97', '97: this webcam cannot be opened'),
        ('12345678901234567890', 'no webcam has this number'),
        ('\u00b2', 'no such photo'),
        ('rtsp://host/a', 'an address; download the file'),
        ('', 'the name of the input is empty'),  # an unset variable of a script
        ('x' * 5000, 'cannot be read .File name too long'),
    ):
        with pytest.raises(InputError, match=words):
            list(open_source(text))
    for name in ('a.jpg', 'b.png', 'c.heic'):
        (tmp_path / 'empty' / name).write_bytes(b'')
    with pytest.raises(InputError, match=r'a.jpg: .*empty.* .and 2 more like it.$'):
        list(open_source(tmp_path / 'empty'))


def test_names_that_are_no_utf_8(tmp_path):
    """OpenCV ends the process at them."""
    folder = tmp_path / os.fsdecode(b'caf\xe9')
    folder.mkdir()
    write_video(tmp_path / 'a.mp4', [gray(20)] * 3).rename(folder / os.fsdecode(b'\xff.mp4'))
    assert names(folder / os.fsdecode(b'\xff.mp4')) == ['0', '1', '2']
    write_turned(folder / os.fsdecode(b'\xfe.jpg'), 1)
    assert names(folder) == [os.fsdecode(b'\xfe.jpg')]


def test_names_that_look_like_something_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('12:30.mp4', '100%d.mp4', '0', '-a.mp4'):
        write_video(tmp_path / 'a.mp4', [gray(20)] * 3).rename(tmp_path / name)
        assert isinstance(open_source(name), Frames) and names(name) == ['0', '1', '2']
    monkeypatch.setenv('HOME', str(tmp_path))
    assert names('~/0') == ['0', '1', '2']

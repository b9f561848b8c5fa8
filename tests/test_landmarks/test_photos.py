"""Photos as they come: loaded upright and in colour, or refused by name."""

import io
import os
import re

import numpy as np
import pytest
from dataset_converters import photo_size
from odd_photos import (
    JPEG,
    JPEG_ERROR,
    ODD,
    PICTURE,
    PNG,
    TURNS,
    cut,
    damage,
    write_mode,
    write_turned,
)
from PIL import Image

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import LARGEST_SIDE, decode_photo, doubt_about, jpeg_warning, read_photo

HEIGHT, WIDTH = PICTURE.shape[:2]


def distance(photo, picture):
    """Mean difference in grey levels of a loaded photo, BGR, from an RGB picture."""
    assert photo.shape == picture.shape and photo.dtype == np.uint8
    return np.abs(photo[..., ::-1].astype(int) - picture).mean()


@pytest.mark.parametrize('options', [JPEG, PNG], ids=lambda o: o['format'])
@pytest.mark.parametrize('turn', TURNS)
def test_exif_turned_photos_are_upright(tmp_path, turn, options):
    path = tmp_path / 'photo'
    write_turned(path, turn, options)
    assert distance(read_photo(path), PICTURE) < JPEG_ERROR
    assert photo_size(path) == (WIDTH, HEIGHT)


@pytest.mark.parametrize('name', ODD)
def test_odd_photos_have_their_colours(tmp_path, name):
    write, expected, tolerance = ODD[name]
    write(tmp_path / name)
    assert distance(read_photo(tmp_path / name), expected) <= tolerance
    assert photo_size(tmp_path / name) == (WIDTH, HEIGHT)


@pytest.mark.parametrize('side', [1, 20000, LARGEST_SIDE])
def test_small_and_wide_photos_are_photos(tmp_path, side):
    Image.new('RGB', (side, 1), (9, 60, 200)).save(tmp_path / 'a.png')
    photo = read_photo(tmp_path / 'a.png')
    assert photo.shape == (1, side, 3) and (photo == (200, 60, 9)).all()
    assert photo_size(tmp_path / 'a.png') == (side, 1)


@pytest.mark.parametrize('options', [JPEG, PNG], ids=lambda o: o['format'])
def test_a_photo_too_wide_to_cut_a_face_out_is_refused(tmp_path, options):
    Image.new('RGB', (LARGEST_SIDE + 1, 2)).save(tmp_path / 'a', **options)
    for load in (read_photo, photo_size):
        with pytest.raises(InputError, match=r'a: 32767x2 px, a side over 32766; scale it$'):
            load(tmp_path / 'a')


def jpeg(**options):
    """A JPEG file, with a thumbnail in its EXIF header as cameras write it."""
    file, exif = io.BytesIO(), Image.Exif()
    thumbnail = io.BytesIO()
    Image.fromarray(PICTURE).resize((40, 40)).save(thumbnail, 'JPEG')
    exif[0x927C] = thumbnail.getvalue()
    Image.fromarray(PICTURE).save(file, exif=exif, **JPEG, **options)
    assert file.getvalue().count(b'\xff\xd9') >= 2
    return file.getvalue()


@pytest.mark.parametrize('left', [0.3, 0.6, 0.99, -2, -1])
@pytest.mark.parametrize('progressive', [False, True])
def test_truncated_jpegs_are_refused_whatever_the_opencv(left, progressive):
    content = jpeg(progressive=progressive)
    assert distance(decode_photo(content, 'a.jpg'), PICTURE) < JPEG_ERROR
    assert distance(decode_photo(content + b'more' * 99, 'a.jpg'), PICTURE) < JPEG_ERROR
    part = content[: left if left < 0 else int(left * len(content))]
    words = r'^a.jpg: unreadable photo \(the file is truncated\); unpack it again$'
    with pytest.raises(InputError, match=words):
        decode_photo(part, 'a.jpg')


@pytest.mark.parametrize('left', [0.1, 0.5, 0.9999])
def test_truncated_pngs_are_refused(tmp_path, left):
    write_mode('RGB', PNG)(tmp_path / 'a.png')
    cut(tmp_path / 'a.png', left)
    for load in (read_photo, photo_size):
        with pytest.raises(InputError, match='a.png: unreadable photo'):
            load(tmp_path / 'a.png')


@pytest.mark.parametrize('content', [b'', b'no photo', b'\xff\xd8', b'RIFF\0\0\0\0WEBP'])
def test_what_is_no_photo_is_refused(tmp_path, content):
    (tmp_path / 'a.jpg').write_bytes(content)
    for load in (read_photo, photo_size):
        with pytest.raises(InputError, match='a.jpg: unreadable photo') as error:
            load(tmp_path / 'a.jpg')
        assert '\n' not in str(error.value)


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / 'a.jpg').write_bytes(b'')
    with pytest.raises(InputError, match='the file is empty'):
        read_photo(tmp_path / 'a.jpg')


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match=r'none.jpg: no readable photo \(No such file'):
        read_photo(tmp_path / 'none.jpg')
    with pytest.raises(InputError, match=r': no readable photo \(Is a directory'):
        read_photo(tmp_path)


def test_a_turned_webp_is_refused_since_versions_of_opencv_differ(tmp_path):
    webp = dict(format='WEBP', quality=95)
    write_turned(tmp_path / 'upright.webp', 1, webp)
    assert distance(read_photo(tmp_path / 'upright.webp'), PICTURE) < 3
    write_turned(tmp_path / 'turned.webp', 6, webp)
    with pytest.raises(InputError, match='EXIF orientation 6 in a WebP; save it upright'):
        read_photo(tmp_path / 'turned.webp')


def test_more_pixels_than_pillow_takes_are_called_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', WIDTH * HEIGHT // 3)
    write_mode('RGB', JPEG)(tmp_path / 'a.jpg')
    with pytest.raises(InputError, match=r'a.jpg: the photo is too large .*; scale it$'):
        photo_size(tmp_path / 'a.jpg')


@pytest.mark.parametrize('place', [0.25, 0.4, 0.5])
@pytest.mark.parametrize('form', [{}, dict(progressive=True), dict(restart_marker_rows=1)])
def test_a_damaged_middle_is_doubted_and_nothing_else(tmp_path, capfd, form, place):
    path = tmp_path / 'a.jpg'
    path.write_bytes(jpeg(**form))
    assert doubt_about(path) is None
    whole = read_photo(path)
    damage(path, place)
    words = r'.*a.jpg: parts of the photo may be wrong \(Corrupt JPEG data: .*\); look at it'
    assert re.fullmatch(words, doubt_about(path))
    assert capfd.readouterr().err == ''
    os.write(2, b'stderr is back')
    assert capfd.readouterr().err == 'stderr is back'
    photo = read_photo(path)  # which is why the doubt is needed
    assert photo.shape == whole.shape and (photo != whole).mean() > 0.01


@pytest.mark.parametrize('name', ODD)
def test_odd_photos_are_not_doubted(tmp_path, name):
    ODD[name][0](tmp_path / name)
    assert doubt_about(tmp_path / name) is None


@pytest.mark.parametrize('content', [b'', b'no photo', b'\xff\xd8', jpeg()[:99]])
def test_what_is_refused_anyway_is_not_doubted(content, capfd):
    open_files = len(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else 0
    assert jpeg_warning(content) is None
    assert not open_files or len(os.listdir('/proc/self/fd')) == open_files
    assert capfd.readouterr().err == ''

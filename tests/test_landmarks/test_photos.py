"""Photos as they come: loaded upright and in colour, or refused by name."""

import io
import os
import re
import sys

import numpy as np
import pytest
from odd_photos import JPEG, JPEG_ERROR, ODD, PICTURE, PNG, TURNS, cut, damage, write_turned
from PIL import Image, features

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import LARGEST_SIDE, damage_notice, decode_bgr, read_bgr


def distance(photo, picture):
    """Mean difference in grey levels of a loaded photo, BGR, from an RGB picture."""
    assert photo.shape == picture.shape and photo.dtype == np.uint8
    return np.abs(photo[..., ::-1].astype(int) - picture).mean()


@pytest.mark.parametrize('form', ['JPEG', 'PNG', 'WEBP', 'AVIF', 'TIFF'])
@pytest.mark.parametrize('turn', TURNS)
def test_exif_turned_photos_are_upright_whatever_the_opencv(tmp_path, turn, form):
    if form == 'AVIF' and not features.check('avif'):
        pytest.skip('this Pillow reads no AVIF')
    path = tmp_path / 'photo'
    options = dict(WEBP=dict(quality=95), AVIF=dict(quality=95), JPEG=JPEG).get(form, {})
    write_turned(path, turn, dict(options, format=form))
    assert distance(read_bgr(path), PICTURE) < (JPEG_ERROR if form in ('JPEG', 'PNG') else 3)
    if form != 'TIFF':
        cut(path, 0.5)
        with pytest.raises(InputError, match='photo: unreadable photo'):
            read_bgr(path)


@pytest.mark.parametrize('name', ODD)
def test_odd_photos_have_their_colours_and_are_not_doubted(tmp_path, name):
    write, expected, tolerance = ODD[name]
    write(tmp_path / name)
    assert distance(read_bgr(tmp_path / name), expected) <= tolerance
    assert damage_notice(tmp_path / name) is None


@pytest.mark.parametrize('options', [JPEG, PNG], ids=lambda o: o['format'])
def test_small_and_wide_photos_are_photos_until_no_face_can_be_cut_out(tmp_path, options):
    for side in (1, LARGEST_SIDE):
        Image.new('RGB', (side, 1), (9, 9, 9)).save(tmp_path / 'a', **options)
        photo = read_bgr(tmp_path / 'a')
        assert photo.shape == (1, side, 3) and (photo == 9).all()
    Image.new('RGB', (LARGEST_SIDE + 1, 2)).save(tmp_path / 'a', **options)
    with pytest.raises(InputError, match=r'a: 32767x2 px, a side over 32766; scale it$'):
        read_bgr(tmp_path / 'a')


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
    assert distance(decode_bgr(content, 'a.jpg'), PICTURE) < JPEG_ERROR
    assert distance(decode_bgr(content + b'more' * 99, 'a.jpg'), PICTURE) < JPEG_ERROR
    part = content[: left if left < 0 else int(left * len(content))]
    words = r'^a.jpg: unreadable photo \(the file is truncated\); copy or unpack it again$'
    with pytest.raises(InputError, match=words):
        decode_bgr(part, 'a.jpg')


@pytest.mark.parametrize(
    ('content', 'reason'),
    [(b'', 'the file is empty'), (b'no photo', ''), (b'\xff\xd8', ''), (b'RIFF\0\0\0\0WEBP', '')],
)
def test_what_is_no_photo_is_refused_and_not_doubted(tmp_path, content, reason):
    (tmp_path / 'a.jpg').write_bytes(content)
    with pytest.raises(InputError, match='a.jpg: unreadable photo') as error:
        read_bgr(tmp_path / 'a.jpg')
    assert '\n' not in str(error.value) and reason in str(error.value)
    assert damage_notice(tmp_path / 'a.jpg') is None


def test_a_still_gif_is_a_photo_and_an_animation_is_none(tmp_path):
    still, moving = (Image.new('RGB', (9, 7), color) for color in ((9, 60, 200), (0, 0, 0)))
    still.save(tmp_path / 'a.gif')
    assert (read_bgr(tmp_path / 'a.gif') == (200, 60, 9)).all()
    still.save(tmp_path / 'b.gif', save_all=True, append_images=[moving])
    with pytest.raises(InputError, match='b.gif: an animated GIF; save one of its pictures'):
        read_bgr(tmp_path / 'b.gif')


OTHERS = {
    b'%PDF-1.7': 'this is a PDF, not a photo; save its photo',
    b'\n<!DOCTYPE html><html>': 'this is a web page or SVG, not a photo; download the photo itself',
    b'\x1a\x45\xdf\xa3': 'this is a video, not a photo; save one of its frames',
    b'PK\x03\x04': 'this is a packed file, not a photo; unpack it',
    b'version https://git-lfs.github.com/spec/v1': 'this is a pointer of Git LFS, .* git lfs pull',
    b'\xff\x0a\xfa': 'this is a JPEG XL file, not a photo; save it as JPEG or PNG',
    b'\0\x05\x16\x07\0\x02': "this is a Mac's side file, not a photo; take the photo that",
    b'\0\0\0\x18ftypcrx \0\0\0\0crx isom': 'this is a raw file, not a photo; save it as JPEG',
    b'\0\0\0\x18ftypheic\0\0\0\0mif1heic': 'a HEIC photo, .*; save it as JPEG, or: pip install',
}


@pytest.mark.parametrize('content', OTHERS)
def test_what_is_something_else_is_called_so(tmp_path, monkeypatch, content):
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    (tmp_path / 'a.jpg').write_bytes(content)
    with pytest.raises(InputError, match=f'a.jpg: {OTHERS[content]}'):
        read_bgr(tmp_path / 'a.jpg')


@pytest.mark.parametrize('tags', [{0xC612: b'\1\4\0\0'}, {0xFE: 1}])
def test_a_raw_file_is_not_its_preview(tmp_path, tags):
    Image.fromarray(PICTURE).save(tmp_path / 'a.dng', format='TIFF', tiffinfo=tags)
    with pytest.raises(InputError, match="a.dng: .*a camera's raw file; save it as JPEG"):
        read_bgr(tmp_path / 'a.dng')


@pytest.mark.parametrize('place', [0.25, 0.4, 0.5])
@pytest.mark.parametrize('form', [{}, dict(progressive=True), dict(restart_marker_rows=1)])
def test_a_damaged_middle_is_doubted_and_nothing_else(tmp_path, capfd, form, place):
    path = tmp_path / 'a.jpg'
    path.write_bytes(jpeg(**form))
    assert damage_notice(path) is None
    whole = read_bgr(path)
    damage(path, place)
    words = r'.*a.jpg: parts of the photo may be wrong \(Corrupt JPEG data: .*\); look at it'
    assert re.fullmatch(words, damage_notice(path))
    assert capfd.readouterr().err == ''
    os.write(2, b'stderr is back')
    assert capfd.readouterr().err == 'stderr is back'
    photo = read_bgr(path)  # which is why the doubt is needed
    assert photo.shape == whole.shape and (photo != whole).mean() > 0.01

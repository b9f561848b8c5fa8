import csv
import json
import os
import resource
import shutil

import cv2
import numpy as np
import pytest

from mhhn_landmarks import video_writing
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.sources import Picture, open_source
from mhhn_landmarks.video_writing import VideoFile, fit, rate
from mhhn_landmarks.writing import ResultWriter

FRAME = np.full((47, 63, 3), 120, np.uint8)


class Found:
    box = np.array([1.0, 2, 30, 40])
    points = np.arange(8.0).reshape(4, 2)
    scores = np.ones(4)
    box_score, angle = 0.9, -30.0


def add(writer, name, faces=0, frame=FRAME, seconds=None):
    writer.add(Picture(name, frame, seconds), [Found()] * faces, range(faces), frame)


def written(folder, name='a'):
    content = json.loads((folder / f'{name}.json').read_text())
    with (folder / f'{name}.csv').open(newline='', errors='surrogateescape') as file:
        return content, list(csv.DictReader(file))


def test_what_is_done_is_on_the_disk_before_anything_else_comes(tmp_path):
    writer = ResultWriter(tmp_path, 'a', None, {'model': 'tiny'})
    assert list(tmp_path.iterdir()) == []
    for number, name in enumerate(('b.png', 'c.jfif', os.fsdecode(b'\xff.jpg')), start=1):
        add(writer, name, faces=number - 1)
        content, rows = written(tmp_path)
        assert content['model'] == 'tiny' and len(content['pictures']) == number
        assert content['pictures'][-1]['picture'] == name
        assert len(rows) == 4 * sum(range(number))
    assert {row['picture'] for row in rows} == {'c.jfif', name}
    assert rows[-1]['face'] == '1' and [rows[-1][key] for key in 'xy'] == ['6.0', '7.0']
    face = content['pictures'][-1]['faces'][1]
    assert face['box'] == [1, 2, 30, 40] and face['box_angle'] == -30
    for name in (b'b_landmarks.png', b'c.jfif_landmarks.jpg', b'\xff_landmarks.jpg'):
        pixels = cv2.imdecode(np.fromfile(os.fsencode(tmp_path) + b'/' + name, np.uint8), 1)
        assert pixels.shape == FRAME.shape
    files = f'{tmp_path / "a.json"}, {tmp_path / "a.csv"}'
    assert writer.summary() == f'3 faces in 3 pictures (no face in 1 of them: b.png): {files}'


def test_other_photos_of_earlier_calls_stay(tmp_path):
    def call(model, *names, fps=None):
        writer = ResultWriter(tmp_path, 'a', fps, {'model': model}, names)
        for name in names:
            add(writer, name, faces=1)
        writer.close()
        content, rows = written(tmp_path)
        pictures = [entry['picture'] for entry in content['pictures']]
        assert [row['picture'] for row in rows[::4]] == pictures
        return content['model'], pictures, writer.summary()

    assert call('tiny', 'b.png', 'c.png')[1] == ['b.png', 'c.png']
    model, pictures, summary = call('tiny', 'd.png', 'b.png')
    assert pictures == ['c.png', 'd.png', 'b.png']
    assert summary.endswith('a.csv (with 1 photo of earlier calls)')
    with pytest.raises(InputError, match=r'a.json: .* other photos by the model tiny; choose'):
        call('best', 'd.png')
    with pytest.raises(InputError, match='a.json: .* other photos'):
        call('tiny', '0', fps=5.0)
    assert call('best', 'b.png', 'c.png', 'd.png')[0] == 'best'
    (tmp_path / 'a.json').write_text('{"b.png": [[1, 2, 3, 4]]}')  # a user's boxes
    with pytest.raises(InputError, match='a.json: not of this command'):
        call('best', 'b.png')


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    writer = ResultWriter(tmp_path, 'a', None, {})
    add(writer, 'B.JPG')
    add(writer, '\u3042' * 83 + '.jpg')
    long, short = sorted(tmp_path.glob('*.[jJ]*[gG]'), key=lambda path: -len(path.name))
    assert long.name == '\u3042' * 73 + '_landmarks.jpg' and short.name == 'B_landmarks.JPG'


def test_on_a_full_disk_the_numbers_stay_whole(tmp_path):
    writer = ResultWriter(tmp_path, 'a', None, {})
    add(writer, 'b.png', faces=3)
    size, limits = (tmp_path / 'a.json').stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))
    try:
        with pytest.raises(InputError, match='cannot be written'):
            add(writer, 'c.png', faces=3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    content, rows = written(tmp_path)
    assert [entry['picture'] for entry in content['pictures']] == ['b.png'] and len(rows) == 12


def test_what_cannot_be_written_is_named(tmp_path):
    writer = ResultWriter(tmp_path, 'a', None, {})
    (tmp_path / 'x_landmarks.png').mkdir()
    with pytest.raises(InputError, match='x_landmarks.png: cannot be written'):
        add(writer, 'x.png')
    assert [path.name for path in tmp_path.iterdir()] == ['x_landmarks.png']
    (tmp_path / 'a').write_text('')
    with pytest.raises(InputError, match='no folder can be made there'):
        ResultWriter(tmp_path / 'a' / 'b', 'a', None, {})


def record(path, times, frame=FRAME):
    video = VideoFile(path, 10.0)
    for seconds in times:
        video.add(frame, seconds)
    video.close()
    return video.path


@pytest.fixture(params=['FFmpeg', 'VP80', 'mp4v'])
def encoder(request, monkeypatch):
    if request.param == 'FFmpeg':
        if not video_writing._ffmpeg():
            pytest.skip('no FFmpeg with H.264; pip install imageio-ffmpeg')
    else:
        monkeypatch.setattr(video_writing, '_ffmpeg', lambda: None)
        some = [entry for entry in video_writing.BY_OPENCV if entry[0] == request.param]
        monkeypatch.setattr(video_writing, 'BY_OPENCV', some)
    return request.param


def test_frames_keep_their_times(tmp_path, encoder):
    times = [*np.arange(10) / 20, *np.arange(5) / 5 + 0.5]
    writer = ResultWriter(tmp_path, 'a', 7.0, {})
    for number, seconds in enumerate(times):
        level = np.full_like(FRAME, 15 * number + 20)
        add(writer, str(number), frame=level, seconds=3 + seconds)
    writer.close()
    shown = {}
    (path,) = set(tmp_path.glob('a_landmarks.*'))
    assert ('browsers' in writer.summary()) == (encoder != 'FFmpeg')
    pictures = list(open_source(path))
    for picture in pictures:
        assert picture.pixels.shape == (48, 64, 3)
        assert picture.pixels[-1, -1].mean() == pytest.approx(picture.pixels.mean(), abs=3)
        shown.setdefault(round((picture.pixels.mean() - 20) / 15), picture.seconds)
    np.testing.assert_allclose([shown[i] for i in range(15)], times, atol=0.03)
    assert pictures[-1].seconds + 0.05 == pytest.approx(times[-1] + 0.2, abs=0.03)
    assert [entry['seconds'] for entry in written(tmp_path)[0]['pictures']] == [
        pytest.approx(3 + seconds) for seconds in times
    ]


def test_a_name_that_is_no_utf_8(tmp_path, encoder):
    """OpenCV ends the process at them."""
    path = record(tmp_path / os.fsdecode(b'\xff'), [0.0])
    assert len(list(open_source(path))) == 1 and len(list(tmp_path.iterdir())) == 1


def test_one_time_or_a_leap_of_days_is_no_endless_video(tmp_path, encoder, monkeypatch):
    monkeypatch.setattr(video_writing, 'LONGEST_GAP', 2.0)
    path = record(tmp_path / 'a', (0.0, 0.1, 0.1, 0.2, 90000.0, 90000.1))
    assert len(list(open_source(path))) == 24


@pytest.mark.parametrize(
    ('times', 'stated', 'expected'),
    [
        ([0, 0.033, 0.067, 0.1], 29.97, 29.97),  # agrees
        ([0, 0.033, 0.067, 0.1], 17.86, 30),  # the mean of a variable rate
        ([0, 0.103, 0.2, 0.303], 1000, 10),  # made up
        ([0, 4, 8], 25, 1),  # a slide show
        ([0, 0.001, 0.002], 1000, 60),
        ([0], 25, 25),
    ],
)
def test_the_rate_is_that_of_the_frames(times, stated, expected):
    assert rate(times, stated) == expected


def test_frames_of_another_size_are_fitted_into_the_first_ones():
    for size in ((64, 48), (30, 64), (200, 20), (64, 200)):
        frame = fit(FRAME, size)
        assert frame.shape == (size[1], size[0], 3) and frame[0, 0].min() == 120


def test_an_encoder_that_fails_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(video_writing, '_ffmpeg', lambda: (shutil.which('false'), 'libx264'))
    with pytest.raises(InputError, match='a.mp4: '):
        record(tmp_path / 'a', [0.0], np.zeros((480, 640, 3), np.uint8))
    monkeypatch.setattr(video_writing, '_ffmpeg', lambda: None)
    monkeypatch.setattr(video_writing, 'BY_OPENCV', [('nope', '.mp4', '')])
    with pytest.raises(InputError, match='b: this OpenCV writes no video; run: pip'):
        record(tmp_path / 'b', [0.0])

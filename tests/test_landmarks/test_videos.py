from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from odd_videos import gray, set_steps, turn, write_video

from mhhn_landmarks import videos
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.videos import Video


def test_frames_and_their_times(tmp_path):
    path = write_video(tmp_path / 'a.mp4', [gray(level) for level in (20, 90, 160, 230)])
    video = Video(path)
    assert video.fps == 12.5 and video.count == 4
    frames, seconds = zip(*video, strict=True)
    np.testing.assert_allclose([frame.mean() for frame in frames], [20, 90, 160, 230], atol=4)
    np.testing.assert_allclose(seconds, [0, 0.08, 0.16, 0.24])
    assert video.notes() == []
    short = Video(path, max_frames=3)
    assert short.count == 3 and len(list(short)) == 3 and short.notes() == []


@pytest.mark.parametrize(
    ('degrees', 'corner'), [(0, (0, 0)), (90, (0, 1)), (180, (1, 1)), (270, (1, 0))]
)
def test_phones_videos_are_upright(tmp_path, degrees, corner):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :32] = 255
    path = write_video(tmp_path / 'a.mp4', [frame] * 3)
    turn(path, degrees)
    for pixels, _ in Video(path):
        assert pixels.shape == ((48, 64, 3) if degrees % 180 == 0 else (64, 48, 3))
        height, width = (side // 2 for side in pixels.shape[:2])
        light = pixels.reshape(2, height, 2, width, 3).mean(axis=(1, 3, 4)) > 128
        assert light[corner] and light.sum() == 1


def test_the_rate_may_change(tmp_path):
    path = write_video(tmp_path / 'a.mp4', [gray(9 * level) for level in range(9)])
    set_steps(path, [0.04] * 4 + [0.2] * 5)
    times = [seconds for _, seconds in Video(path)]
    np.testing.assert_allclose(times, [0, 0.04, 0.08, 0.12, 0.16, 0.36, 0.56, 0.76, 0.96])


def broken(tmp_path, spoil):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(20)]
    path = write_video(tmp_path / 'a.avi', frames, code='MJPG')
    content = path.read_bytes()
    path.write_bytes(spoil(content, len(content) // 2))
    video = Video(path)
    return [seconds for _, seconds in video], video.notes()


def test_a_cut_video_says_what_is_missing_and_a_hole_is_passed(tmp_path):
    times, notes = broken(tmp_path, lambda content, half: content[:half])
    assert 8 <= len(times) <= 10 and notes == [
        f'{tmp_path / "a.avi"}: {20 - len(times)} of 20 announced frames could not be read;'
        ' the file is cut or damaged'
    ]
    hole = bytes(6000)  # in frames of 2900 bytes
    times, notes = broken(tmp_path, lambda c, half: c[:half] + hole + c[half + len(hole) :])
    assert 16 <= len(times) <= 18 and f'{20 - len(times)} of 20 announced' in notes[0]


def pretend(monkeypatch, facts, stamps):
    """Let OpenCV read frames at these milliseconds; None: one that cannot be read."""
    left, taken = iter(stamps), []

    def read():
        taken.append(next(left, None))
        return (False, None) if taken[-1] is None else (True, gray(9))

    def get(key):
        return taken[-1] if key == cv2.CAP_PROP_POS_MSEC else facts.get(key, 0.0)

    capture = SimpleNamespace(get=get, read=read, isOpened=lambda: True)
    capture.set, capture.release = lambda key, value: False, lambda: None
    monkeypatch.setattr(videos.cv2, 'VideoCapture', lambda source: capture)


RATE, COUNT, NONE = cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT, float('nan')


@pytest.mark.parametrize(
    ('facts', 'stamps', 'seconds', 'notes'),
    [
        # A browser's recorder announces 1000 frames a second.
        ({RATE: 1000.0, COUNT: 1904.0}, [0, 103, 1800, 1903], [0, 0.103, 1.8, 1.903], None),
        ({RATE: 25.0, COUNT: 6.0}, [0, 40, None, None, 160, 200], [0, 0.04, 0.16, 0.2], '2 of 6'),
        # Without stamps the rate tells.
        *(({RATE: 10.0, COUNT: x}, [x] * 3, [0, 0.1, 0.2], None) for x in (-9.2e18, 0.0, NONE)),
    ],
    ids=['recorder', 'unreadable', 'absurd', 'zero', 'nan'],
)
def test_odd_stamps_and_counts(tmp_path, monkeypatch, facts, stamps, seconds, notes):
    pretend(monkeypatch, facts, stamps)
    video = Video(tmp_path / 'a.mp4')
    assert (video.count is None) == (not facts[COUNT] > 0)
    np.testing.assert_allclose([time for _, time in video], seconds)
    assert [note.count(f'{notes} announced frames') for note in video.notes()] == [1] * bool(notes)


def test_a_webcam_goes_by_the_clock(tmp_path, monkeypatch):
    pretend(monkeypatch, {}, [])
    with pytest.raises(InputError, match='a.mp4: no frame of this video can be read'):
        list(Video(tmp_path / 'a.mp4'))
    now = iter([5.0, 7.0, 7.0, 7.5, 9.0])
    monkeypatch.setattr(videos.time, 'monotonic', lambda: next(now))
    pretend(monkeypatch, {RATE: 0.0, COUNT: -1.0}, [33.0, 66.0, 99.0])
    video = Video(0, max_frames=3)
    assert video.fps == videos.DEFAULT_FPS and video.count == 3 and video.is_live
    assert [seconds for _, seconds in video] == [0, 0.5, 2.0]

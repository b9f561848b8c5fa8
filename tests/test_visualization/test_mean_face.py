import cv2
import numpy as np
import pytest
from figures.mean_face import mean_shape, place_labels, plot_mean_face

SHAPE = np.array([[0.0, 0.0], [4, 0], [2, 2], [1, 4], [3, 4.5], [2, 6]])


def turned(angle, size=1.0, shift=(0.0, 0.0)):
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return size * SHAPE @ turn + shift


def test_mean_takes_out_place_size_and_rotation():
    faces = np.stack([turned(0.5, 3, (90, 7)), turned(-0.5, 40, (3, 300)), turned(0, 7)])
    missing = faces[0].copy()
    missing[2] = np.nan
    mean = mean_shape(np.concatenate([faces, missing[None]]))
    expected = SHAPE - SHAPE.mean(axis=0)
    expected /= np.sqrt(np.square(expected).sum(axis=1).mean())
    np.testing.assert_allclose(mean, expected, atol=1e-9)
    with pytest.raises(ValueError, match='no face has all'):
        mean_shape(missing[None])
    with pytest.raises(ValueError, match=r'got \(6, 2\)'):
        mean_shape(SHAPE)
    with pytest.raises(ValueError, match='in one place'):
        mean_shape(np.ones((2, 6, 2)))


def test_labels_do_not_cover_each_other():
    points = np.random.default_rng(0).uniform(0, 100, (60, 2))
    size = np.array([7.0, 3.5])
    places = place_labels(points, tuple(size))
    apart = (np.abs(places[:, None] - places) >= 0.97 * size).any(axis=-1)
    assert apart.sum() == 60 * 59
    assert np.linalg.norm(places - points, axis=1).max() < 4 * size[0]


def test_the_larger_error_has_the_larger_and_darker_mark(tmp_path):
    path = tmp_path / 'new folder' / 'mean.png'
    plot_mean_face(SHAPE, [1.0, 8.0, 2, 2, 2, np.nan], path, 'A mean face')
    picture = cv2.imread(str(path))[..., ::-1].astype(int)
    half = picture[: int(0.3 * len(picture))]

    def area(part, color):
        return (np.abs(part - color).max(axis=-1) < 12).sum()

    middle = half.shape[1] // 2
    light, dark = (253, 231, 37), (68, 1, 84)  # the ends of viridis
    assert area(half[:, :middle], light) > 100 and area(half[:, middle:], light) == 0
    assert area(half[:, middle:], dark) > 3 * area(half[:, :middle], light)


def test_refuses(tmp_path):
    with pytest.raises(ValueError, match='6 landmarks, but errors of 2'):
        plot_mean_face(SHAPE, [1.0, 2], tmp_path / 'a.png')
    with pytest.raises(ValueError, match='no landmark has an error'):
        plot_mean_face(SHAPE, [np.nan] * 6, tmp_path / 'a.png')

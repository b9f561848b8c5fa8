import cv2
import numpy as np
import pytest
import torch
from figures.heatmaps import DPI, PANEL, HeatmapRow, plot_heatmaps

from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.visualization.heatmaps import displayable, heatmap_box


def gaussian(height, width, x, y, sigma=1.5):
    columns, rows = np.arange(width), np.arange(height)[:, None]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def row(heatmaps, box=(20.0, 10.0, 84.0, 74.0)):
    photo = np.full((90, 120, 3), 60, np.uint8)
    truth = np.array([[25.0, 15.0], [80.0, 15.0], [52.0, 70.0]])
    return HeatmapRow(photo, truth, box, heatmaps, 'a face')


def test_displayable_follows_the_activation():
    peak = gaussian(7, 9, 3.0, 4.0)
    maps = np.stack([peak, peak * 0.5])
    np.testing.assert_allclose(displayable(np.log(maps) + 17, 'softmax'), [peak, peak], atol=1e-12)
    logits = torch.tensor(maps).clamp(1e-6, 1 - 1e-6).logit().numpy()
    np.testing.assert_allclose(displayable(logits, 'sigmoid'), maps, atol=2e-6)
    np.testing.assert_array_equal(displayable(maps, None), maps)
    assert displayable(np.array([[[-0.2, 0.4], [1.3, 0.0]]]), None).tolist() == [[[0, 0.4], [1, 0]]]
    extreme = np.array([[[-1e4, 1e4]]])
    for activation in ('softmax', 'sigmoid'):
        assert displayable(extreme, activation).tolist() == [[[0, 1]]]


def test_box_is_where_the_codec_puts_its_pixels():
    center, scale, input_size, heatmap_size = (50.0, 70.0), (160.0, 120.0), (128, 96), (32, 24)
    left, top, right, bottom = heatmap_box(center, scale, input_size)
    # The middle of heatmap pixel (5, 7) decodes to an input x; the estimator takes it to the photo.
    codec = SDTHeatmap(input_size, heatmap_size, sigma=1.5)
    points, _ = codec.decode(gaussian(24, 32, 5, 7)[None].astype(np.float32))
    photo = points[0, 0] / input_size * scale + center - np.array(scale) / 2
    pixel = (right - left) / 32, (bottom - top) / 24
    drawn = left + 5.5 * pixel[0], top + 7.5 * pixel[1]
    np.testing.assert_allclose(photo, drawn, atol=1e-3)


def test_draws_heatmaps_where_they_are(tmp_path):
    path = tmp_path / 'new folder' / 'heatmaps.png'
    spot, nothing = gaussian(16, 16, 3, 12)[None], np.zeros((3, 16, 16))
    plot_heatmaps([row({'truth': spot, 'HGs': nothing}), row({'truth': spot, 'HGs': spot})], path)
    picture = cv2.imread(str(path))[..., ::-1].astype(int)
    height, width = picture.shape[:2]
    assert width == round((2 * PANEL + 0.3) * DPI) and height > 2 * PANEL * DPI
    warm = (picture[..., 0] - picture[..., 2]) > 100  # red without blue: inferno's bright end
    quarters = [warm[: height // 2, : width // 2], warm[: height // 2, width // 2 :]]
    quarters += [warm[height // 2 :, : width // 2], warm[height // 2 :, width // 2 :]]
    assert [quarter.sum() > 500 for quarter in quarters] == [True, False, True, True]
    ys, xs = np.nonzero(quarters[0])
    assert xs.mean() < 0.4 * width / 2 and ys.mean() > 0.6 * height / 2


def test_refuses_rows_that_differ(tmp_path):
    with pytest.raises(ValueError, match='same columns'):
        plot_heatmaps([], tmp_path / 'x.png')
    spot = gaussian(8, 8, 3, 3)[None]
    with pytest.raises(ValueError, match=r"\[\['a'\], \['b'\]\]"):
        plot_heatmaps([row({'a': spot}), row({'b': spot})], tmp_path / 'x.png')

import math

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

INPUT, HEATMAP, SIGMA = (200, 168), (50, 56), 2.5  # (w, h), (W, H): ratios of 4 and 3
RATIO = np.array(INPUT) / HEATMAP
POINTS = np.array([[[0, 0], [199, 167], [57.3, 81.9], [-0.9, 40], [120.25, 167.9]]], np.float32)
SCALE_AND_SHIFT = {
    'half_pixel': (1 / RATIO, 0.5 / RATIO - 0.5),
    'msra': (1 / RATIO, np.zeros(2)),
    'udp': ((np.array(HEATMAP) - 1) / (np.array(INPUT) - 1), np.zeros(2)),
}
conventions = pytest.mark.parametrize('convention', SCALE_AND_SHIFT)
activations = pytest.mark.parametrize('activation', [None, 'softmax', 'sigmoid'])


def make_codec(**arguments):
    config = dict(type='SDTHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=SIGMA)
    return KEYPOINT_CODECS.build({**config, **arguments})


def raw_output(heatmaps, activation):
    """What a head must put out for the activation to give these heatmaps."""
    clipped = np.clip(heatmaps.astype(np.float64), 1e-12, 1 - 1e-7)
    if activation == 'softmax':
        return (np.log(clipped) + 3.5).astype(np.float32)
    return np.log(clipped / (1 - clipped)).astype(np.float32) if activation else heatmaps


@conventions
def test_targets(convention):
    encoded = make_codec(convention=convention).encode(POINTS, np.ones((1, 5), np.float32))
    scale, shift = SCALE_AND_SHIFT[convention]
    x, y = np.arange(50), np.arange(56)[:, None]
    assert encoded['heatmaps'].shape == (5, 56, 50) and encoded['heatmaps'].dtype == np.float32
    for heatmap, (u, v) in zip(encoded['heatmaps'], POINTS[0] * scale + shift, strict=True):
        expected = np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * SIGMA**2))
        np.testing.assert_allclose(heatmap, expected, atol=1e-6)
    assert encoded['keypoint_weights'].tolist() == [[1] * 5]
    # Denormal numbers would be slow.
    corners = np.array([[[0.3, 0.4], [199.0, 167.0], [-99.0, 5.0]]])
    heatmaps = make_codec(convention=convention, sigma=1.0).encode(corners)['heatmaps']
    assert (heatmaps[:2] >= np.finfo(np.float32).tiny).all() and not heatmaps[2].any()


def test_weights():
    inside = [[-0.99, 3], [199.99, 167.99], [80, 90], [81, 91], [82, 92]]
    outside = [[-1, 3], [200, 3], [3, -1], [3, 168], [math.nan, 3], [3, math.inf], [3, -math.inf]]
    points = np.array([inside + outside], np.float32)
    visible = np.ones((1, 12, 1), np.float32)
    visible[0, 2:4, 0] = 0, 0.5
    encoded = make_codec().encode(points, visible)
    weights = encoded['keypoint_weights']
    assert weights.dtype == np.float32
    assert weights.tolist() == [[1, 1, 0, 0.5, 1] + [0] * 7]
    assert (encoded['heatmaps'].max((1, 2)) > 0).tolist() == (weights[0] > 0).tolist()
    assert np.isfinite(encoded['heatmaps']).all()
    assert make_codec().encode(points)['keypoint_weights'].tolist() == [[1] * 5 + [0] * 7]


@conventions
@activations
def test_decode(activation, convention):
    codec = make_codec(activation=activation, convention=convention)
    heatmaps = raw_output(codec.encode(POINTS)['heatmaps'], activation)
    keypoints, scores = codec.decode(heatmaps)
    expected = POINTS
    if convention == 'udp':  # decode is not the inverse there: the chain is exact, not this half
        expected = POINTS / (np.array(INPUT) - 1) * INPUT
    assert keypoints.shape == (1, 5, 2) and scores.shape == (1, 5)
    assert keypoints.dtype == scores.dtype == np.float32
    np.testing.assert_allclose(keypoints, expected, atol=1e-3)
    batch = torch.from_numpy(np.stack((heatmaps[::-1], heatmaps, 0 * heatmaps)))
    found = codec.batch_decode(batch.requires_grad_())  # lists of an image's
    for image, order in ((0, slice(None, None, -1)), (1, slice(None))):
        np.testing.assert_allclose(found[0][image][:, order], keypoints, atol=1e-4)
        np.testing.assert_allclose(found[1][image][:, order], scores, atol=1e-6)
    if activation != 'softmax':
        peaks = codec.encode(POINTS)['heatmaps'].max((1, 2))
        np.testing.assert_allclose(scores[0], np.clip(peaks, None, 1 - 1e-7), atol=1e-6)


@pytest.mark.parametrize('activation', ['softmax', 'sigmoid'])
def test_scores_are_between_0_and_1(activation):
    noise = np.random.default_rng(0).normal(size=(7, 56, 50)).astype(np.float32)
    for factor in (0.0, 0.1, 1.0, 30.0):
        scores = make_codec(activation=activation).decode(factor * noise)[1]
        assert (scores >= 0).all() and (scores <= 1).all()


def test_softmax_score_of_a_gaussian_is_1_and_falls_with_its_width():
    point = np.array([[[100, 84]]], np.float32)
    codec = make_codec(activation='softmax')
    maps = [make_codec(sigma=sigma).encode(point)['heatmaps'] for sigma in (SIGMA, 5.0)]
    narrow, wide = (codec.decode(raw_output(heatmap, 'softmax'))[1].item() for heatmap in maps)
    # A pixel is not quite the peak, .1 and .3 px away.
    assert narrow == pytest.approx(1, abs=0.05) and wide == pytest.approx(0.25, abs=0.02)


@activations
def test_maps_that_tell_nothing(activation):
    codec = make_codec(activation=activation)
    values = [math.nan, math.inf, -math.inf, 0.0, 0.3, -0.3]
    heatmaps = np.stack([np.full((56, 50), value, np.float32) for value in values])
    keypoints, scores = codec.decode(heatmaps)
    assert np.isfinite(keypoints).all() and scores.tolist() == [[0] * 6]
    # Pixel (25, 28), the middle of 50 x 56; the argmax of a constant map is its first pixel.
    np.testing.assert_allclose(keypoints[0, 0], (np.array([25, 28]) + 0.5) * RATIO - 0.5)
    np.testing.assert_allclose(keypoints[0, 3:], [0.5 * RATIO - 0.5] * 3)


def test_argmax_heatmap():
    codec = make_codec(type='ArgmaxHeatmap')
    heatmaps = codec.encode(POINTS)['heatmaps']
    assert np.array_equal(heatmaps, make_codec().encode(POINTS)['heatmaps'])
    keypoints, scores = codec.decode(heatmaps)
    scale, shift = SCALE_AND_SHIFT['half_pixel']
    pixels = np.clip(np.round(POINTS[0] * scale + shift), 0, np.array(HEATMAP) - 1)
    np.testing.assert_allclose(keypoints[0], (pixels - shift) / scale, atol=1e-4)
    assert np.array_equal(scores, make_codec().decode(heatmaps)[1])


def test_bad_arguments_and_data_are_named():
    bad = dict(input_size=(200,), heatmap_size=(50, -1), sigma=0, patch_size=8, activation='relu')
    for name, value in bad.items():
        with pytest.raises(ValueError, match=name):
            make_codec(**{name: value})
    for argument in (dict(convention='pixel'), dict(convention='udp', heatmap_size=(1, 56))):
        with pytest.raises(ValueError, match='convention'):
            make_codec(**argument)
    for shape in ((2, 5, 2), (5, 2), (1, 5, 1)):
        with pytest.raises(ValueError, match='one instance'):
            make_codec().encode(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match='heatmap_size'):
        make_codec().decode(np.zeros((5, 50, 56), np.float32))

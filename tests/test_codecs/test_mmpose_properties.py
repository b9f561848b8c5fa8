"""What MMPose's own tests ask of its heatmap codecs, here to a thousandth of a pixel.

Theirs allow 5 (`MSRAHeatmap`) and 10 pixels (`UDPHeatmap`) between encoding and decoding.
"""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

import mhhn_mmpose  # noqa: F401  (registers the codecs)

SIZES = dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2.0)
CODECS = [
    pytest.param(dict(type=kind, convention=convention, **SIZES), id=f'{kind}-{convention}')
    for kind in ('SDTHeatmap', 'ArgmaxHeatmap')
    for convention in ('half_pixel', 'msra', 'udp')
]
# In the units of `decode`, which with 'udp' spans w where the input spans w - 1 (see SDTHeatmap).
SPAN = {'udp': np.array([192 / 191, 256 / 255])}
codecs = pytest.mark.parametrize('config', CODECS)
devices = pytest.mark.parametrize(
    'device',
    [
        'cpu',
        pytest.param(
            'cuda', marks=pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
        ),
    ],
)


@pytest.fixture
def keypoints():
    """17 whole-pixel landmarks in the middle of the input, as in MMPose's tests."""
    rng = np.random.default_rng(0)
    return np.round((0.1 + 0.8 * rng.random((1, 17, 2))) * [192, 256]).astype(np.float32)


@codecs
def test_encode(config, keypoints):
    encoded = KEYPOINT_CODECS.build(config).encode(keypoints, np.ones((1, 17), np.float32))
    assert {name: (array.shape, array.dtype) for name, array in encoded.items()} == dict(
        heatmaps=((17, 64, 48), np.float32), keypoint_weights=((1, 17), np.float32)
    )
    assert (encoded['keypoint_weights'] == 1).all()
    # A peak lies up to half a pixel off its pixel's centre, on either axis.
    peaks = encoded['heatmaps'].max((1, 2))
    assert (peaks <= 1).all() and (peaks >= np.exp(-2 * 0.5**2 / (2 * 2.0**2)) - 1e-6).all()


@codecs
def test_decode(config):
    heatmaps = np.random.default_rng(0).random((17, 64, 48)).astype(np.float32)
    keypoints, scores = KEYPOINT_CODECS.build(config).decode(heatmaps)
    assert keypoints.shape == (1, 17, 2) and scores.shape == (1, 17)
    assert keypoints.dtype == scores.dtype == np.float32
    np.testing.assert_array_equal(scores[0], heatmaps.max((1, 2)))
    # A fit on noise may leave the map, but not its 9 x 9 patch of pixels 4.1 wide.
    peaks = np.stack(np.unravel_index(heatmaps.reshape(17, -1).argmax(1), (64, 48))[::-1], -1)
    assert np.abs(keypoints[0] - 4 * peaks).max() < 4.1 * 4.5 + 3


@codecs
@devices
def test_there_and_back(config, keypoints, device):
    codec = KEYPOINT_CODECS.build(config)
    heatmaps = codec.encode(keypoints, np.ones((1, 17), np.float32))['heatmaps']
    expected = keypoints * SPAN.get(config['convention'], 1)
    # The argmax is right to half a heatmap pixel, of 4 input pixels or with 'udp' 192/47, 256/63.
    exact = config['type'] == 'SDTHeatmap'
    tolerance = 1e-3 if exact else np.array([192, 256]) / [47, 63] / 2 + 1e-3
    (found,), (scores,) = codec.batch_decode(torch.from_numpy(heatmaps)[None].to(device))
    assert (np.abs(found - expected) <= tolerance).all()
    assert exact or np.abs(found - expected).max() > 1  # the argmax is nothing better
    np.testing.assert_allclose(scores[0], heatmaps.max((1, 2)), atol=1e-6)
    np.testing.assert_allclose(codec.decode(heatmaps)[0], found, atol=1e-4)


@codecs
def test_half_of_the_landmarks_invisible(config, keypoints):
    visible = np.arange(17)[None] % 2
    encoded = KEYPOINT_CODECS.build(config).encode(keypoints, visible)
    assert np.array_equal(encoded['keypoint_weights'], visible)
    assert np.array_equal(encoded['heatmaps'].any((1, 2)), visible[0] > 0)


@codecs
def test_errors(config):
    codec = KEYPOINT_CODECS.build(config)
    with pytest.raises(ValueError, match='one instance'):
        codec.encode(np.zeros((2, 17, 2), np.float32), np.ones((2, 17), np.float32))
    with pytest.raises(ValueError, match="convention must be one of .* got 'dark'"):
        KEYPOINT_CODECS.build(config | dict(convention='dark'))

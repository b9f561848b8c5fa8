"""What holds for `SDTHeatmap` whatever sizes, landmarks and heatmaps."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mhhn_mmpose.codecs import ArgmaxHeatmap, SDTHeatmap

ACTIVATIONS = (None, 'softmax', 'sigmoid')
seeds = st.integers(0, 2**32)
sigmas = st.floats(1, 3)
activations = pytest.mark.parametrize('activation', ACTIVATIONS)


@st.composite
def codecs(draw, make=SDTHeatmap, **arguments):
    """A codec of any size, its heatmaps at least 14 px wide and an input 1 to 5 times theirs."""
    size_hm = tuple(draw(st.integers(14, 40)) for _ in 'xy')
    size = tuple(draw(st.integers(n, 5 * n)) for n in size_hm)
    arguments = {'sigma': draw(sigmas), 'patch_size': draw(st.sampled_from([5, 9])), **arguments}
    return make(size, size_hm, **arguments)


def landmarks(codec, seed, count=7):
    """(1, K, 2) all over the input, in input pixels."""
    last = np.array(codec.input_size) - 1.0
    return np.random.default_rng(seed).uniform(0, 1, (1, count, 2)) * last


def noise(codec, seed, batch=3, count=5):
    """(B, K, H, W) heatmaps of a network that has learnt nothing, float64."""
    random = torch.Generator().manual_seed(seed)
    shape = (batch, count, *codec.heatmap_size[::-1])
    return torch.randn(shape, generator=random, dtype=torch.float64)


def decode(codec, heatmaps):
    """Landmarks (B, K, 2) and scores (B, K)."""
    points, scores = codec.batch_decode(heatmaps)
    return np.concatenate(points), np.concatenate(scores)


def flip(heatmaps, order):
    """MMPose's flip test, by its own function; it imports after this package only."""
    from mmpose.models.utils.tta import flip_heatmaps

    return flip_heatmaps(heatmaps, flip_indices=order.tolist(), shift_heatmap=False)


def tolerance(codec):
    """1e-3 heatmap pixels, in input pixels (x, y)."""
    return 1e-3 * np.array(codec.input_size) / codec.heatmap_size


def as_output(heatmaps, activation):
    """What a network would have to say for the activation to make these heatmaps of it."""
    f = heatmaps.clamp(1e-30, 1 - 1e-12)
    return {None: f, 'softmax': f.log(), 'sigmoid': (f / (1 - f)).log()}[activation]


@activations
@given(data=st.data(), seed=seeds)
def test_decode_inverts_encode(activation, data, seed):
    codec = data.draw(codecs(activation=activation))
    points = landmarks(codec, seed)
    target = torch.from_numpy(codec.encode(points)['heatmaps']).double()
    found, scores = codec.decode(as_output(target, activation).numpy())
    assert (abs(found - points) <= 2 * tolerance(codec)).all()
    assert (scores > 0.5).all() and (scores <= 1).all()


@activations
@given(data=st.data(), seed=seeds)
def test_flipped_heatmaps_have_flipped_landmarks(activation, data, seed):
    """Whatever is in them."""
    make = data.draw(st.sampled_from([SDTHeatmap, ArgmaxHeatmap]))
    codec = data.draw(codecs(make, activation=activation))
    heatmaps = noise(codec, seed)
    order = np.random.default_rng(seed).permutation(heatmaps.shape[1])
    points, scores = decode(codec, heatmaps)
    found, found_scores = decode(codec, flip(heatmaps, order))
    expected = points[:, order] * [-1, 1] + [codec.input_size[0] - 1, 0]
    assert (abs(found - expected) <= tolerance(codec)).all()
    np.testing.assert_allclose(found_scores, scores[:, order], rtol=1e-5)


@activations
@given(data=st.data(), seed=seeds)
def test_heatmaps_shifted_by_whole_pixels(activation, data, seed):
    codec = data.draw(codecs(activation=activation))
    dx, dy = (data.draw(st.integers(-2, 2)) for _ in 'xy')
    heatmaps = noise(codec, seed)
    # The peak's patch stays on the map.
    inside = slice(codec.patch_size // 2 + 2, -codec.patch_size // 2 - 2)
    middle = torch.zeros_like(heatmaps)
    middle[..., inside, inside] = 10
    heatmaps = heatmaps + middle
    points, _ = decode(codec, heatmaps)
    found, _ = decode(codec, heatmaps.roll((dy, dx), (-2, -1)))
    step = np.array(codec.input_size) / codec.heatmap_size
    assert (abs(found - points - [dx, dy] * step) <= tolerance(codec)).all()


@given(data=st.data(), seed=seeds, factor=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_what_a_heatmap_is_multiplied_by_moves_nothing(data, seed, factor, shift):
    linear = data.draw(codecs())
    heatmaps = noise(linear, seed)
    points, scores = decode(linear, heatmaps)
    found, found_scores = decode(linear, factor * heatmaps)
    assert (abs(found - points) <= tolerance(linear)).all()
    np.testing.assert_allclose(found_scores, factor * scores, rtol=1e-5)
    softmax = data.draw(codecs(activation='softmax'))
    heatmaps = noise(softmax, seed)
    (points, scores), (found, found_scores) = (decode(softmax, heatmaps + s) for s in (0.0, shift))
    assert (abs(found - points) <= tolerance(softmax)).all()
    np.testing.assert_allclose(found_scores, scores, rtol=1e-3)


@activations
@given(data=st.data(), seed=seeds)
def test_landmarks_stay_near_their_argmax(activation, data, seed):
    codec = data.draw(codecs(activation=activation))
    argmax = ArgmaxHeatmap(codec.input_size, codec.heatmap_size, activation=activation)
    heatmaps = noise(codec, seed)
    step = np.array(codec.input_size) / codec.heatmap_size
    far = (codec.patch_size // 2 + 0.5) * step + tolerance(codec)
    assert (abs(decode(codec, heatmaps)[0] - decode(argmax, heatmaps)[0]) <= far).all()

"""What holds for multi-order attention whatever the features."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mhhn_mmpose.ops import multi_order_attention


@st.composite
def features(draw, largest=2.0):
    """P and O (B, N, d) in float64, a scale, and the generator that made them."""
    shape = [draw(st.integers(1, high)) for high in (3, 23, 7)]
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    size = draw(st.floats(0.01, largest))
    p, o = (size * torch.randn(shape, generator=random, dtype=torch.float64) for _ in 'po')
    return p, o, draw(st.floats(0.05, 2)), random


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@given(features())
def test_positions_permuted_give_the_result_permuted(given_features):
    p, o, scale, random = given_features
    order = torch.randperm(p.shape[1], generator=random)
    found = multi_order_attention(p[:, order], o[:, order], scale)
    assert_same(found, multi_order_attention(p, o, scale)[:, order])


@given(features())
def test_each_image_of_a_batch_is_by_itself(given_features):
    p, o, scale, random = given_features
    order = torch.randperm(len(p), generator=random)
    whole = multi_order_attention(p, o, scale)
    assert_same(multi_order_attention(p[order], o[order], scale), whole[order])
    assert_same(multi_order_attention(p[:1], o[:1], scale), whole[:1])


@given(features())
def test_channels_rotated_give_the_result_rotated(given_features):
    p, o, scale, random = given_features
    d = p.shape[-1]
    rotation, _ = torch.linalg.qr(torch.randn(d, d, generator=random, dtype=torch.float64))
    found = multi_order_attention(p @ rotation, o @ rotation, scale)
    assert_same(found, multi_order_attention(p, o, scale) @ rotation)


@given(features(largest=30.0))
def test_the_result_is_a_mean_of_values(given_features):
    p, o, scale, _ = given_features
    found = multi_order_attention(p, o, scale)
    assert (found >= o.amin(1, keepdim=True) - 1e-9).all()
    assert (found <= o.amax(1, keepdim=True) + 1e-9).all()

"""What holds for the losses whatever the heatmaps."""

import math

import pytest
import scipy.spatial.distance
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st

from mhhn_mmpose.models.losses import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.models.losses.divergence import (
    DISTRIBUTIONS,
    jensen_shannon_divergence,
    kullback_leibler_divergence,
)

LOSSES = (HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss)
losses_and_distributions = pytest.mark.parametrize(
    'make, distribution', [(make, d) for make in LOSSES for d in DISTRIBUTIONS]
)


@st.composite
def pairs(draw, normalised=True):
    """Two float64 (3, 17), each row a distribution, some with zeros."""
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    sharpness, kept = draw(st.floats(0, 40)), draw(st.floats(0.1, 1))
    maps = []
    for _ in range(2):
        x = (sharpness * torch.randn(3, 17, generator=random, dtype=torch.float64)).softmax(-1)
        x = x * (torch.rand(3, 17, generator=random) <= kept)
        x[:, draw(st.integers(0, 16))] += 0.1
        maps.append(x / x.sum(-1, keepdim=True) if normalised else 3 * x)
    return maps


@st.composite
def heatmaps(draw):
    """Output (B, K, H, W), targets with their weights, and the generator that made them."""
    batch, landmarks = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    width, height = draw(st.integers(11, 15)), draw(st.integers(11, 14))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    size = draw(st.floats(0.01, 10))
    shape = (batch, landmarks, height, width)
    output = size * torch.randn(shape, generator=random, dtype=torch.float64)
    share = torch.rand(2, batch, landmarks, 1, 1, generator=random, dtype=torch.float64)
    x, y = torch.arange(width), torch.arange(height)[:, None]
    u, v = x - share[0] * (width - 1), y - share[1] * (height - 1)
    target = torch.exp(-(u * u + v * v) / (2 * 1.5**2))
    weights = torch.rand(batch, landmarks, generator=random, dtype=torch.float64)
    return output, target, weights.where(weights > 0.3, 0.0), random


@given(pairs())
def test_jsd_is_symmetric_and_bounded(pair):
    p, q = pair
    found = jensen_shannon_divergence(p, q)
    torch.testing.assert_close(found, jensen_shannon_divergence(q, p), rtol=0, atol=1e-14)
    assert (found >= -1e-15).all() and (found <= math.log(2) + 1e-15).all()
    reference = scipy.spatial.distance.jensenshannon(p.numpy(), q.numpy(), axis=1) ** 2
    torch.testing.assert_close(found, torch.from_numpy(reference), rtol=1e-9, atol=1e-12)


@given(pairs())
def test_kld_is_not_negative(pair):
    p, q = pair
    p = 0.9 * p + 0.1 / p.shape[1]  # nowhere 0, where it would be infinite
    found = kullback_leibler_divergence(p, q)
    assert (found >= -1e-15).all()
    reference = scipy.special.rel_entr(q.numpy(), p.numpy()).sum(1)
    torch.testing.assert_close(found, torch.from_numpy(reference), rtol=1e-9, atol=1e-12)


@given(pairs(normalised=False))
def test_maps_that_are_no_distributions(pair):
    p, q = pair
    assert (jensen_shannon_divergence(p, q) >= -1e-14).all()
    assert (kullback_leibler_divergence(p, q) >= -1e-14).all()


@losses_and_distributions
@given(maps=heatmaps())
def test_order_of_the_batch_and_of_landmarks_does_not_matter(make, distribution, maps):
    output, target, weights, random = maps
    loss = make(distribution=distribution, use_target_weight=True)
    images = torch.randperm(output.shape[0], generator=random)
    landmarks = torch.randperm(output.shape[1], generator=random)
    expected = loss(output, target, weights)
    found = loss(*(x[images][:, landmarks] for x in (output, target, weights)))
    assert float(found) == pytest.approx(float(expected), rel=1e-12)


@losses_and_distributions
@given(maps=heatmaps())
def test_flipped_and_transposed_maps_have_the_same_loss(make, distribution, maps):
    output, target, weights, _ = maps
    loss = make(distribution=distribution, use_target_weight=True)
    expected = float(loss(output, target, weights))
    for turn in (lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.mT):
        assert float(loss(turn(output), turn(target), weights)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('make', LOSSES)
@given(maps=heatmaps(), shift=st.floats(-50, 50))
def test_softmax_does_not_see_a_constant(make, maps, shift):
    output, target, weights, _ = maps
    loss = make(distribution='softmax', use_target_weight=True)
    expected = float(loss(output, target, weights))
    assert float(loss(output + shift, target, weights)) == pytest.approx(expected, rel=1e-9)


@given(heatmaps(), st.floats(0.01, 4))
def test_sdl_is_jsdl_plus_lambda_fdl(maps, fdl_weight):
    output, target, _, _ = maps
    sdl = SubpixelDetectionLoss(sigma=1.5, fdl_weight=fdl_weight)
    fine = sdl.fine_detection(output, target)
    assert (fine >= 0).all()
    expected = float(HeatmapJSDLoss()(output, target)) + fdl_weight * float(fine.mean())
    assert float(sdl(output, target)) == pytest.approx(expected, rel=1e-12)


@given(heatmaps(), st.integers(-2, 2), st.integers(-2, 2))
def test_fdl_of_maps_off_by_known_pixels(maps, dx, dy):
    """Both maps hold whole Gaussians, so the fits are exact."""
    _, target, _, _ = maps
    x, y = torch.arange(target.shape[-1]), torch.arange(target.shape[-2])[:, None]
    mean = [(target * axis).sum((-2, -1)) / target.sum((-2, -1)) for axis in (x, y)]
    u, v = ((axis - m[..., None, None]) for axis, m in zip((x, y), mean, strict=True))
    truth = torch.exp(-(u**2 + v**2) / 4.5)
    logits = -((u - dx) ** 2 + (v - dy) ** 2) / 4.5
    fdl = SubpixelDetectionLoss(sigma=1.5, gate_fdl=False).fine_detection(logits, truth)
    inside = [
        (m + d >= 0) & (m + d <= n - 1)
        for m, d, n in zip(mean, (dx, dy), target.shape[:1:-1], strict=True)
    ]
    expected = torch.full_like(fdl, dx * dx + dy * dy)
    torch.testing.assert_close(fdl[inside[0] & inside[1]], expected[inside[0] & inside[1]])

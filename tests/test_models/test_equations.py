"""The paper's equations: where each is cited, and the formula that must stand there."""

from functools import partial

import numpy as np
import pytest
import torch

from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.models.backbones.mcg_hourglass import MultiOrderAttention
from mhhn_mmpose.models.losses import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.models.losses.divergence import (
    jensen_shannon_divergence,
    kullback_leibler_divergence,
)
from mhhn_mmpose.ops import fit_gaussian, multi_order_attention

SIGMA = 2.0
Y, X = np.mgrid[:13, :15]


def gaussian(u, v):
    return np.exp(-((X - u) ** 2 + (Y - v) ** 2) / (2 * SIGMA**2))


def rows(seed, *shape):
    return np.random.default_rng(seed).uniform(0.1, 1, shape)


def tensors(*arrays):
    return [torch.from_numpy(a) for a in arrays]


def target():
    codec = SDTHeatmap((15, 13), (15, 13), sigma=SIGMA)  # input and heatmap pixels are the same
    return codec.encode(np.array([[[6.3, 5.8]]]))['heatmaps'][0], gaussian(6.3, 5.8)


def js(p, q):
    m = (p + q) / 2
    return ((p * np.log(p / m)).sum(-1) + (q * np.log(q / m)).sum(-1)) / 2


def divergence():
    p, q = rows(0, 3, 7), rows(1, 3, 7)
    return jensen_shannon_divergence(*tensors(p, q)), js(p, q)


def kullback_leibler():
    p, q = (x / x.sum(-1, keepdims=True) for x in (rows(0, 3, 7), rows(1, 3, 7)))
    return kullback_leibler_divergence(*tensors(p, q)), (q * np.log(q / p)).sum(-1)


def literal_maps():
    """Two output heatmaps, near their targets, and these."""
    targets = np.stack([gaussian(6.3, 5.8), gaussian(7.9, 6.4)])
    return targets * 0.97 + 0.01 * rows(2, 2, 13, 15), targets


def literal_loss(make, **arguments):
    maps, targets = tensors(*literal_maps())
    loss = make(distribution='sigmoid', **arguments)
    return loss(torch.logit(maps)[None], targets[None])


def jsd_loss():
    return literal_loss(HeatmapJSDLoss), js(*(x.reshape(2, -1) for x in literal_maps())).mean()


def kld_loss():
    p, q = literal_maps()
    return literal_loss(HeatmapKLDLoss), (q * np.log(q / p) - q + p).sum((1, 2)).mean()


def eq_13_center(heatmap, constraint):
    """The rows of Eq. 13 by numpy's least squares, weighted as in Eq. 15; Eq. 18 or 19-20."""
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    near = (abs(X - column) <= 4) & (abs(Y - row) <= 4) & (heatmap > 0)
    x, y, f = X[near], Y[near], heatmap[near]
    one, squares = np.ones_like(f), x * x + y * y
    basis, log_f = dict(
        free=([one, x, y, x * x, y * y], np.log(f)),
        unit_peak=([one, x, y, squares], np.log(f)),
        known_sigma=([one, x, y], np.log(f) + squares / (2 * SIGMA**2)),
    )[constraint]
    c = np.linalg.lstsq(f[:, None] * np.stack(basis, 1), f * log_f, rcond=None)[0]
    if constraint == 'free':
        return -c[1:3] / (2 * c[3:5])
    if constraint == 'unit_peak':
        assert c[0] < 0  # the lower branch
        return -2 * c[0] / (c[1] ** 2 + c[2] ** 2) * c[1:3]
    return SIGMA**2 * c[1:3]


def fit(constraint):
    """Also where the patch is cut by the border."""
    maps = [gaussian(u, v) for u, v in ((6.3, 5.8), (0.4, 11.7), (14.2, 3.1))]
    maps = np.stack(maps) * 0.95 + 0.03 * rows(5, 3, 13, 15)
    found = fit_gaussian(torch.from_numpy(maps), SIGMA, constraint=constraint)
    assert found.fitted.all()
    return found.centers, np.stack([eq_13_center(f, constraint) for f in maps])


def fine_detection():
    maps, targets = literal_maps()
    centers = np.stack([eq_13_center(f, 'unit_peak') for f in maps])
    return centers - [[6.3, 5.8], [7.9, 6.4]], maps, targets


LITERAL = dict(sigma=SIGMA, constraint='unit_peak', gate_fdl=False)


def fdl():
    apart, maps, targets = fine_detection()
    loss = SubpixelDetectionLoss(distribution='sigmoid', **LITERAL)
    maps, targets = tensors(maps, targets)
    return loss.fine_detection(torch.logit(maps), targets), (apart**2).sum(-1)


def sdl():
    apart, maps, targets = fine_detection()
    terms = js(maps.reshape(2, -1), targets.reshape(2, -1)) + 1 / 16 * (apart**2).sum(-1)
    found = literal_loss(SubpixelDetectionLoss, loss_weight=2.0, **LITERAL)
    return found, terms.sum()  # the sums of the paper over two landmarks of one image


def attended(p, o, scale):
    z = scale * (p @ p.swapaxes(-1, -2) + o @ o.swapaxes(-1, -2) + p @ o.swapaxes(-1, -2))
    weights = np.exp(z - z.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ o


def attention():
    p, o = rows(3, 2, 11, 5), rows(4, 2, 11, 5)
    return multi_order_attention(*tensors(p, o)), attended(p, o, 1)


def attention_of_maps():
    p, o = rows(3, 2, 5, 4, 3), rows(4, 2, 5, 4, 3)
    module = MultiOrderAttention(channels=5, scale=0.3).double()
    torch.nn.init.constant_(module.gamma, 0.7)
    p_rows, o_rows = (x.reshape(2, 5, 12).swapaxes(1, 2) for x in (p, o))
    expected = o + 0.7 * attended(p_rows, o_rows, 0.3).swapaxes(1, 2).reshape(o.shape)
    return module(*tensors(p, o)), expected


EQUATIONS = [
    (SDTHeatmap.encode, '(Eq. 1)', target),
    (jensen_shannon_divergence, '(Eq. 2)', divergence),
    (HeatmapJSDLoss, '(JSDL, Eq. 2)', jsd_loss),
    (kullback_leibler_divergence, '(Table V)', kullback_leibler),
    (HeatmapKLDLoss, '(KLDL, Table V)', kld_loss),
    (SubpixelDetectionLoss.fine_detection, 'FDL (Eq. 5)', fdl),
    (SubpixelDetectionLoss, '(SDL, Eq. 6 and 10)', sdl),
    (multi_order_attention, '(Eq. 7-9)', attention),
    (MultiOrderAttention, '(Eq. 7-9)', attention_of_maps),
    (fit_gaussian, 'the width is `sigma`, three unknowns', partial(fit, 'known_sigma')),
    (fit_gaussian, '`free`: five unknowns (Eq. 18)', partial(fit, 'free')),
    (fit_gaussian, 'four unknowns (Eq. 19-20)', partial(fit, 'unit_peak')),
]


@pytest.mark.parametrize(
    'symbol, citation, formula', EQUATIONS, ids=lambda x: getattr(x, '__name__', x)
)
def test_a_symbol_computes_the_equation_it_cites(symbol, citation, formula):
    text = ' '.join(symbol.__doc__.split())
    assert citation in text
    found, expected = formula()
    found = np.asarray(found.detach() if isinstance(found, torch.Tensor) else found)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)

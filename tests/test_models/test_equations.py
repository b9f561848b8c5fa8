"""The paper's equations: where each is cited, and the formula that must stand there."""

from functools import partial

import numpy as np
import pytest
import torch

from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.models import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.models.backbones.mcg_hourglass import MultiOrderAttention
from mhhn_mmpose.ops import fit_gaussian

SIGMA = 2.0
CENTERS = [[6.3, 5.8], [7.9, 6.4]]
Y, X = np.mgrid[:13, :15]


def gaussian(u, v):
    return np.exp(-((X - u) ** 2 + (Y - v) ** 2) / (2 * SIGMA**2))


def rows(seed, *shape):
    return np.random.default_rng(seed).uniform(0.1, 1, shape)


def target():
    codec = SDTHeatmap((15, 13), (15, 13), sigma=SIGMA)  # input and heatmap pixels are the same
    return codec.encode(np.array([CENTERS[:1]]))['heatmaps'][0], gaussian(*CENTERS[0])


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


def literal_loss(loss):
    """The loss of two maps near their targets, and both."""
    targets = np.stack([gaussian(*center) for center in CENTERS])
    maps = targets * 0.97 + 0.01 * rows(2, 2, 13, 15)
    found = loss(torch.from_numpy(maps).logit()[None], torch.from_numpy(targets)[None])
    return found, maps, targets


def js(p, q):
    m = (p + q) / 2
    return (p * np.log(p / m) + q * np.log(q / m)).sum((1, 2)) / 2


def jsd_loss():
    found, p, q = literal_loss(HeatmapJSDLoss('sigmoid'))
    return found, js(p, q).mean()


def kld_loss():
    found, p, q = literal_loss(HeatmapKLDLoss('sigmoid'))
    return found, (q * np.log(q / p) - q + p).sum((1, 2)).mean()


def sdl():
    """The sums of the paper, over two landmarks of one image."""
    literal = dict(constraint='unit_peak', distribution='sigmoid', gate_fdl=False)
    found, p, q = literal_loss(SubpixelDetectionLoss(SIGMA, loss_weight=2.0, **literal))
    apart = np.stack([eq_13_center(f, 'unit_peak') for f in p]) - CENTERS
    return found, (js(p, q) + 1 / 16 * (apart**2).sum(-1)).sum()


def attention():
    maps = rows(3, 2, 2, 5, 4, 3)
    module = MultiOrderAttention(channels=5, scale=0.3).double()
    torch.nn.init.constant_(module.gamma, 0.7)
    p, o = maps.reshape(2, 2, 5, 12).swapaxes(2, 3)
    z = np.exp(0.3 * (p @ p.swapaxes(1, 2) + o @ o.swapaxes(1, 2) + p @ o.swapaxes(1, 2)))
    attended = z / z.sum(-1, keepdims=True) @ o
    found = module(*torch.from_numpy(maps))
    return found, maps[1] + 0.7 * attended.swapaxes(1, 2).reshape(maps[1].shape)


EQUATIONS = [
    (SDTHeatmap.encode, '(Eq. 1)', target),
    (HeatmapJSDLoss, '(JSDL, Eq. 2)', jsd_loss),
    (HeatmapKLDLoss, '(KLDL, Table V)', kld_loss),
    (SubpixelDetectionLoss, '(SDL, Eq. 6 and 10)', sdl),
    (MultiOrderAttention, '(Eq. 7-9)', attention),
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

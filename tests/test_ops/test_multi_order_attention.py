"""Gradients and precision; the formula, Eq. 7-9: test_models/test_equations.py."""

import pytest
import torch

from mhhn_mmpose.ops import multi_order_attention


def inputs(*shape, factor=1.0, dtype=torch.float64):
    x = factor * torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    return [part.to(dtype).requires_grad_() for part in x]


@pytest.mark.parametrize('shape', [(2, 7, 3), (3, 1, 4)])
def test_gradcheck(shape):
    p, o = inputs(*shape)
    assert torch.autograd.gradcheck(lambda p, o: multi_order_attention(p, o, 0.3), (p, o))


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_large_logits_stay_finite(dtype):
    p, o = inputs(2, 37, 96, factor=100.0, dtype=dtype)
    out = multi_order_attention(p, o)  # logits of 1e6: the softmax is one-hot
    out.sum().backward()
    assert all(torch.isfinite(x).all() for x in (out, p.grad, o.grad))
    exact = multi_order_attention(p.double(), o.double())
    torch.testing.assert_close(out.double(), exact, rtol=1e-2, atol=1e-6)

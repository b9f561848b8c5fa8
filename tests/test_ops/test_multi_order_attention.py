"""The attention against the formula written out; what holds for any input is in test_properties."""

import pytest
import torch

from mhhn_mmpose.ops import multi_order_attention


def eq_7_to_9(p, o, scale=1.0):
    """The formula written out, with its three N x N matrices."""
    z = p @ p.mT + o @ o.mT + p @ o.mT
    return (scale * z).softmax(-1) @ o


def inputs(batch, positions, channels, factor=1.0, dtype=torch.float64):
    random = torch.Generator().manual_seed(0)
    shape = (2, batch, positions, channels)
    x = factor * torch.randn(shape, generator=random, dtype=torch.float64)
    return [part.to(dtype).requires_grad_() for part in x]


@pytest.mark.parametrize('arguments', [(), (0.3,)])
@pytest.mark.parametrize('shape', [(2, 35, 6), (3, 1, 4), (1, 130, 7)])
def test_equals_the_formula_with_its_gradients(shape, arguments):
    p, o = inputs(*shape)
    probe = torch.linspace(-1, 1, o.numel(), dtype=o.dtype).view_as(o)
    found, expected = (f(p, o, *arguments) for f in (multi_order_attention, eq_7_to_9))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    grads = [torch.autograd.grad((out * probe).sum(), (p, o)) for out in (found, expected)]
    torch.testing.assert_close(*grads, rtol=0, atol=1e-10)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_large_logits_stay_finite(dtype):
    p, o = inputs(2, 37, 96, factor=100.0, dtype=dtype)
    out = multi_order_attention(p, o)  # logits of 1e6: the softmax is one-hot
    out.sum().backward()
    assert all(torch.isfinite(x).all() for x in (out, p.grad, o.grad))
    torch.testing.assert_close(
        out.double(), eq_7_to_9(p.double(), o.double()), rtol=1e-2, atol=1e-6
    )


def test_compiled_it_is_the_same_and_one_graph():
    p, o = inputs(1, 35, 6, dtype=torch.float32)
    compiled = torch.compile(multi_order_attention, fullgraph=True, backend='aot_eager')
    outs = compiled(p, o, 0.3), multi_order_attention(p, o, 0.3)
    torch.testing.assert_close(*outs)
    torch.testing.assert_close(*(torch.autograd.grad(out.sum(), (p, o)) for out in outs))


def test_torch_func_takes_its_gradient():
    p, o = inputs(2, 50, 4)
    found = torch.func.grad(lambda p: multi_order_attention(p, o, 0.3).square().sum())(p)
    (expected,) = torch.autograd.grad(multi_order_attention(p, o, 0.3).square().sum(), p)
    torch.testing.assert_close(found, expected)

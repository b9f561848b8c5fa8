import pytest
import torch

from mhhn_mmpose.ops import multi_order_attention


def eq_7_to_9(p, o, scale):
    """The formula written out, with its three N x N matrices."""
    z = p @ p.mT + o @ o.mT + p @ o.mT
    return (scale * z).softmax(-1) @ o


def inputs(batch, positions, channels, factor=1.0):
    random = torch.Generator().manual_seed(0)
    shape = (2, batch, positions, channels)
    return (factor * torch.randn(shape, generator=random, dtype=torch.float64)).unbind()


@pytest.mark.parametrize('scale', [1.0, 0.3])
@pytest.mark.parametrize('shape', [(2, 35, 6), (3, 1, 4), (1, 130, 7)])
def test_equals_the_formula(shape, scale):
    p, o = (x.requires_grad_() for x in inputs(*shape))
    out, expected = multi_order_attention(p, o, scale), eq_7_to_9(p, o, scale)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)
    probe = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    grads = torch.autograd.grad((out * probe).sum(), (p, o))
    references = torch.autograd.grad((expected * probe).sum(), (p, o))
    for grad, reference in zip(grads, references, strict=True):
        torch.testing.assert_close(grad, reference, rtol=0, atol=1e-10)


def test_scale_is_one_by_default():
    p, o = inputs(2, 11, 5)
    assert torch.equal(multi_order_attention(p, o), multi_order_attention(p, o, 1.0))
    assert not torch.allclose(multi_order_attention(p, o), multi_order_attention(p, o, 0.5))


def test_it_is_not_symmetric_in_its_arguments():
    p, o = inputs(2, 11, 5)
    assert not torch.allclose(multi_order_attention(p, o), multi_order_attention(o, p))


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_large_logits_stay_finite(dtype):
    p, o = (x.to(dtype).requires_grad_() for x in inputs(2, 37, 96, factor=100.0))
    out = multi_order_attention(p, o)  # logits of 1e6: the softmax is one-hot
    out.sum().backward()
    assert all(torch.isfinite(x).all() for x in (out, p.grad, o.grad))
    with torch.no_grad():
        rows = eq_7_to_9(p.double(), o.double(), 1.0)
    torch.testing.assert_close(out.double(), rows, rtol=1e-2, atol=1e-6)

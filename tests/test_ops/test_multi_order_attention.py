from functools import partial

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mhhn_mmpose.ops import multi_order_attention
from mhhn_mmpose.ops.dot_product_attention import chunked_attention, fused_attention


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


@pytest.fixture
def small_chunks(monkeypatch):
    """One image at a time, 128 rows of it."""
    monkeypatch.setattr('mhhn_mmpose.ops.dot_product_attention._MAX_ELEMENTS', 1)


def assert_same_with_gradients(functions, inputs):
    """Results and gradients of two functions, by a probe that no symmetry cancels."""
    outs = [function(*inputs) for function in functions]
    torch.testing.assert_close(*outs, rtol=0, atol=1e-10)
    probe = torch.linspace(-1, 1, outs[0].numel(), dtype=outs[0].dtype).view_as(outs[0])
    wanted = [x for x in inputs if x.requires_grad]
    found, expected = (torch.autograd.grad((out * probe).sum(), wanted) for out in outs)
    for grad, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(grad, reference, rtol=0, atol=1e-10)


@pytest.mark.usefixtures('small_chunks')
def test_in_chunks_it_equals_the_formula():
    p, o = (x.requires_grad_() for x in inputs(2, 300, 5))  # of 128, 128 and 44 rows
    functions = [lambda p, o, f=f: f(p, o, 0.3) for f in (multi_order_attention, eq_7_to_9)]
    assert_same_with_gradients(functions, (p, o))


def attend(query, key, value):
    return (0.3 * query @ key.mT).softmax(-1) @ value


@pytest.mark.usefixtures('small_chunks')
@pytest.mark.parametrize('wanted', [(0, 1, 2), (0,), (1,), (2,)])
def test_sizes_may_differ_and_not_all_gradients_be_wanted(wanted):
    random = torch.Generator().manual_seed(0)
    sizes = (2, 150, 7), (2, 40, 7), (2, 40, 3)
    tensors = [torch.randn(x, generator=random, dtype=torch.float64) for x in sizes]
    for i in wanted:
        tensors[i].requires_grad_()
    chunked = partial(chunked_attention, scale=0.3)
    assert_same_with_gradients((chunked, attend), tensors)
    assert_same_with_gradients((partial(fused_attention, scale=0.3), attend), tensors)


def test_torch_func_takes_its_gradient():
    p, o = inputs(2, 150, 4)
    found = torch.func.grad(lambda p: multi_order_attention(p, o, 0.3).square().sum())(p)
    p.requires_grad_()
    (expected,) = torch.autograd.grad(multi_order_attention(p, o, 0.3).square().sum(), p)
    torch.testing.assert_close(found, expected)


def test_backward_may_run_under_autocast():
    p, o = (x.float().requires_grad_() for x in inputs(2, 35, 6))
    out = multi_order_attention(p, o, 0.3)
    expected = torch.autograd.grad(out.sum(), (p, o), retain_graph=True)
    with torch.autocast('cpu', torch.bfloat16):
        found = torch.autograd.grad(out.sum(), (p, o))
    assert all(map(torch.equal, found, expected))


def test_no_weight_is_denormal():
    """They would make it several times as slow on a CPU."""
    p, o = (x.float() for x in inputs(1, 200, 96))  # logits far enough apart
    logits = p @ p.mT + o @ o.mT + p @ o.mT
    assert ((logits - logits.amax(-1, keepdim=True)).exp() < 1e-37).any()
    found = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.aten.bmm.default:
                found.append(args[0].abs())
            return func(*args, **(kwargs or {}))

    with Products():
        multi_order_attention(p, o)
    weights = found[-1]
    assert weights.shape == (1, 200, 200)
    assert 1e-37 < weights.min() < 1e-20


@pytest.mark.parametrize('grad', [True, False])
def test_largest_tensor_is_linear_in_the_positions(grad):
    positions, channels = 8192, 8

    class Sizes(TorchDispatchMode):
        largest = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            for x in tree_leaves(out):
                self.largest = max(self.largest, x.numel())
            return out

    p, o = (x.float().requires_grad_(grad) for x in inputs(1, positions, channels))
    with Sizes() as sizes:
        out = multi_order_attention(p, o)
        if grad:
            out.sum().backward()
    assert 0 < sizes.largest <= positions * 256 < positions**2 / 30


FUSED = 'aten::_scaled_dot_product_flash_attention_for_cpu'


def kernels_of(function):
    """Names of the operators a call runs."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        function()
    return {event.key for event in profile.key_averages()}


@pytest.mark.parametrize(
    ('dtype', 'autocast', 'fused'),
    [
        (torch.float32, False, False),
        (torch.float64, False, False),
        (torch.bfloat16, False, True),
        (torch.float32, True, True),
    ],
)
def test_bfloat16_takes_the_fused_kernel_of_torch(dtype, autocast, fused):
    p, o = (x.to(dtype) for x in inputs(2, 35, 6))

    def run():
        with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
            out = multi_order_attention(p, o, 0.3)
        torch.testing.assert_close(
            out.double(), eq_7_to_9(*inputs(2, 35, 6), 0.3), rtol=0, atol=0.05
        )

    assert (FUSED in kernels_of(run)) == fused


def test_compiled_it_is_the_same_and_one_graph():
    p, o = (x.float().requires_grad_() for x in inputs(1, 35, 6))
    compiled = torch.compile(multi_order_attention, fullgraph=True, backend='aot_eager')
    found, expected = compiled(p, o, 0.3), multi_order_attention(p, o, 0.3)
    torch.testing.assert_close(found, expected)
    assert FUSED in kernels_of(lambda: compiled(p, o, 0.3))
    for grad, reference in zip(
        torch.autograd.grad(found.sum(), (p, o)),
        torch.autograd.grad(expected.sum(), (p, o)),
        strict=True,
    ):
        torch.testing.assert_close(grad, reference)


@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
def test_traced_it_is_one_operator():
    p, o = (x.float() for x in inputs(1, 35, 6))
    traced = torch.jit.trace(multi_order_attention, (p, o))
    assert 'scaled_dot_product_attention' in str(traced.graph)
    torch.testing.assert_close(traced(p, o), multi_order_attention(p, o))


@pytest.mark.usefixtures('small_chunks')
@pytest.mark.parametrize('positions', [5, 131])
def test_second_derivatives(positions):
    p, o = (x.requires_grad_() for x in inputs(1, positions, 2, factor=0.3))
    assert torch.autograd.gradgradcheck(multi_order_attention, (p, o), fast_mode=True)

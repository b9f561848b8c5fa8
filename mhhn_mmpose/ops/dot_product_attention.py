"""Dot-product attention whose keys and values have different sizes, without its whole matrix.

Two ways to the same result: torch's kernel, and chunks of rows, as in Rabe and Staats,
"Self-attention Does Not Need O(n^2) Memory", 2021, but without their chunks of keys.

Axis letters: B batch, N positions, M of them seen, d channels, c compared, R rows of a chunk.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

# Fewer rows make slow products; more elements leave the cache.
_MIN_ROWS, _MAX_ELEMENTS = 128, 2**20
_LOWEST_LOGIT = -60.0  # below the largest: exp(-60) = 1e-26


def dot_product_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Return softmax(scale * Q K') V by the faster way: on a CPU, in float32, by chunks.

    Args:
        query: (B, N, c).
        key: (B, M, c).
        value: (B, M, d).
        scale: Factor of the logits.

    Returns:
        Tensor: (B, N, d).
    """
    by_chunks = (
        value.device.type == 'cpu'
        and value.dtype in (torch.float32, torch.float64)
        and not torch.is_autocast_enabled('cpu')
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )
    return (chunked_attention if by_chunks else fused_attention)(query, key, value, scale)


def fused_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """The same by torch's kernel."""
    channels = value.shape[-1]
    if value.device.type == 'cpu':
        # torch's blockwise CPU kernel wants equal sizes; without the zeros it falls back to N x N
        # matrices (N = 4096, d = 96, forward and backward: 452 MB against 74 MB, at the same time).
        width = max(channels, query.shape[-1])
        query, key, value = (F.pad(x, (0, width - x.shape[-1])) for x in (query, key, value))
    out = F.scaled_dot_product_attention(
        query[:, None], key[:, None], value[:, None], scale=float(scale)
    )
    return out[:, 0, :, :channels]


def chunked_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """The same, gradients too, with some rows of the matrix at a time: large products, no zeros.

    It has no rule for `torch.func.vmap`; `fused_attention` does.
    """
    if scale != 1:
        query = scale * query
    # Several small matrices at once, or some rows of a large one.
    images = max(1, _MAX_ELEMENTS // max(1, query.shape[1] * key.shape[1]))
    if images >= len(query):
        return _ChunkedAttention.apply(query, key, value)
    parts = zip(*(x.split(images) for x in (query, key, value)), strict=True)
    return torch.cat([_ChunkedAttention.apply(*part) for part in parts])


class _ChunkedAttention(torch.autograd.Function):
    """The backward pass computes the matrix again, as torch's blockwise kernels do.

    It is made of differentiable operators, so that second derivatives exist; they build the matrix.
    Results have their place beforehand: kept piece by piece, each would stay behind where a matrix
    was freed, so that the next finds no room there, and memory grows by a matrix a chunk.
    """

    @staticmethod
    def forward(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        out = query.new_empty(*query.shape[:2], value.shape[-1])
        for rows in _chunks(query, key):
            out[:, rows] = _weights(query[:, rows], key) @ value
        return out

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: FunctionCtx, grad_out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value, out = ctx.saved_tensors
        grad_query, grad_key, grad_value = (torch.zeros_like(x) for x in (query, key, value))
        with torch.autocast(query.device.type, enabled=False):  # whatever it is under
            # What the softmax takes away from a row of gradients, sum_m W dW, is O dO.
            taken = (grad_out * out).sum(-1, keepdim=True)
            for rows in _chunks(query, key):
                q, grad_o = query[:, rows], grad_out[:, rows]
                weights = _weights(q, key)
                grad_value.baddbmm_(weights.mT, grad_o)
                grad_z = (grad_o @ value.mT).sub_(taken[:, rows]).mul_(weights)
                grad_query[:, rows] = grad_z @ key
                grad_key.baddbmm_(grad_z.mT, q)
        return grad_query, grad_key, grad_value


def _chunks(query: Tensor, key: Tensor) -> list[slice]:
    """Of so many rows that (B, R, M) is no more than `_MAX_ELEMENTS`, if these are not too few."""
    count = max(_MIN_ROWS, _MAX_ELEMENTS // max(1, key.shape[0] * key.shape[1]))
    return [slice(start, start + count) for start in range(0, query.shape[1], count)]


def _weights(query: Tensor, key: Tensor) -> Tensor:
    """(B, R, c) and (B, M, c) -> (B, R, M)."""
    logits = query @ key.mT
    logits -= logits.detach().amax(-1, keepdim=True)
    # The smallest weights do not count, but would be denormal: a CPU computes with such numbers
    # many times as slowly, and logits of a scale of 1 make many of them.
    return torch.softmax(logits.clamp_min_(_LOWEST_LOGIT), -1)

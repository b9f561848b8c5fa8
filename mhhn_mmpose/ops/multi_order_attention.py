"""Multi-order cross attention between the input and the output of an hourglass (MHHN, Eq. 7-9).

Axis letters: B batch, N positions (H * W), M of them seen, d channels, c compared.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def multi_order_attention(p: Tensor, o: Tensor, scale: float = 1.0) -> Tensor:
    """Return softmax(scale * Z) O, Z = P P' + O O' + P O' (Eq. 7-9), softmax over the last axis.

    Args:
        p: (B, N, d) input of the hourglass.
        o: (B, N, d) its output.
        scale: Factor of the logits; 1 in the paper.

    Returns:
        Tensor: (B, N, d).
    """
    return multi_order_cross_attention((p, o), (p, o), o, scale)


def multi_order_cross_attention(
    queries: tuple[Tensor, Tensor],
    keys: tuple[Tensor, Tensor],
    value: Tensor,
    scale: float = 1.0,
) -> Tensor:
    """The same, with Z between different positions or of fewer channels than the values.

    Z = P P' + O O' + P O' = P (P + O)' + O O' = [P | O] [P + O | O]', so this is scaled dot-product
    attention with queries [P | O], keys [P + O | O] and values O. No (N, M) matrix is built.

    Args:
        queries: P and O where the result is wanted, (B, N, c) each.
        keys: P and O where it comes from, (B, M, c) each.
        value: (B, M, d).
        scale: Factor of the logits.

    Returns:
        Tensor: (B, N, d).
    """
    (p, o), channels = keys, value.shape[-1]
    query, key = torch.cat(queries, -1), torch.cat((p + o, o), -1)
    if value.device.type == 'cpu':
        # torch's blockwise CPU kernel wants equal sizes; without the zeros it falls back to N x N
        # matrices (N = 4096, d = 96, forward and backward: 452 MB against 74 MB, at the same time).
        width = max(channels, query.shape[-1])
        query, key, value = (F.pad(x, (0, width - x.shape[-1])) for x in (query, key, value))
    out = F.scaled_dot_product_attention(
        query[:, None], key[:, None], value[:, None], scale=float(scale)
    )
    return out[:, 0, :, :channels]

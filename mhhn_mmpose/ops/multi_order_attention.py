"""Multi-order cross attention between the input and the output of an hourglass (MHHN, Eq. 7-9).

Axis letters: B batch, N positions (H * W), M of them seen, d channels, c compared.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .dot_product_attention import dot_product_attention


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
    p, o = keys
    return dot_product_attention(
        torch.cat(queries, -1), torch.cat((p + o, o), -1), value, float(scale)
    )

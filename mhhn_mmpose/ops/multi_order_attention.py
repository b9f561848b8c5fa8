"""Multi-order cross attention between the input and the output of an hourglass (MHHN, Eq. 7-9).

Axis letters: B batch, N positions (H * W), d channels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def multi_order_attention(p: Tensor, o: Tensor, scale: float = 1.0) -> Tensor:
    """Return softmax(scale * Z) O, Z = P P' + O O' + P O' (Eq. 7-9), softmax over the last axis.

    Z = P (P + O)' + O O' = [P | O] [P + O | O]', so this is scaled dot-product attention with
    queries [P | O], keys [P + O | O] and values O, and Z is one product.

    Args:
        p: (B, N, d) input of the hourglass.
        o: (B, N, d) its output.
        scale: Factor of the logits; 1 in the paper.

    Returns:
        Tensor: (B, N, d).

    >>> p, o = torch.tensor([[[[0.0], [1.0]]], [[[2.0], [3.0]]]])  # Z = [[4, 6], [8, 13]]
    >>> multi_order_attention(p, o)
    tensor([[[2.8808],
             [2.9933]]])
    """
    query, key = torch.cat((p, o), -1), torch.cat((p + o, o), -1)
    # Not one call of scaled_dot_product_attention: no flash kernel takes queries of 2 d channels
    # with values of d, or heads of 512. It takes about as long on a CPU and 8 times as long on a
    # GPU; values padded to 2 d train 1.3 times as slowly on a CPU (docs/performance.md).
    logits = (scale * query) @ key.transpose(1, 2)  # .mT has no ONNX
    with torch.autocast(o.device.type, enabled=False):  # it would keep N x N weights in float32
        weights = logits.softmax(-1)
    return weights @ o

"""Many small weighted least-squares problems at once.

Axis letters: N problems, P rows, Q unknowns.
"""

from __future__ import annotations

import torch
from torch import Tensor

# A pivot below this share of its diagonal entry means that the pixels do not determine the unknown:
# float32 carries 6e-8, and the corner of a map, a quarter of a patch, has pivots of 1e-3.
_MIN_PIVOT = 1e-6


def weighted_least_squares(
    weights: Tensor, target: Tensor, basis: Tensor, pairs: Tensor
) -> tuple[Tensor, Tensor]:
    """Minimise sum_p weights_p (target_p - basis_p c)^2 by the normal equations.

    The L D L' factors are written out in elementary operations, since Q is at most 5 and, unlike
    `torch.linalg.solve`, they export to ONNX.

    Args:
        weights: (N, P), at least 0.
        target: (N, P).
        basis: (P, Q).
        pairs: (P, Q (Q + 1) / 2) products of two columns i >= j, row by row of the lower triangle.

    Returns:
        c (N, Q), and (N,) False where the pixels do not determine it (c is then meaningless but
        finite).
    """
    size = basis.shape[1]
    moments = (weights @ pairs).unbind(-1)
    b = list(((weights * target) @ basis).unbind(-1))
    a = {ij: moments[n] for n, ij in enumerate((i, j) for i in range(size) for j in range(i + 1))}
    holds = torch.ones_like(b[0], dtype=torch.bool)
    pivots, lower = [], {}
    for j in range(size):
        pivot = a[j, j]
        for k in range(j):
            pivot = pivot - lower[j, k].square() * pivots[k]
        regular = pivot > _MIN_PIVOT * a[j, j]
        holds = holds & regular
        pivots.append(torch.where(regular, pivot, torch.ones_like(pivot)))
        for i in range(j + 1, size):
            entry = a[i, j]
            for k in range(j):
                entry = entry - lower[i, k] * lower[j, k] * pivots[k]
            lower[i, j] = entry / pivots[j]
    for i in range(size):  # L z = b
        for k in range(i):
            b[i] = b[i] - lower[i, k] * b[k]
    c = [b[i] / pivots[i] for i in range(size)]
    for i in reversed(range(size)):  # L' c = D^-1 z
        for k in range(i + 1, size):
            c[i] = c[i] - lower[k, i] * c[k]
    return torch.stack(c, -1), holds

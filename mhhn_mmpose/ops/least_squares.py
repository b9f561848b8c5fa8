"""Weighted least-squares fits of quadratics, many small ones at once, from moments.

Axis letters: N problems, Q unknowns. A quadratic is the sum of c_k u^i v^j over `BASIS`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

BASIS = ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2))
"""The powers (i, j) of a quadratic u^i v^j, in the order of its coefficients."""

PRODUCTS = tuple(dict.fromkeys((i + k, j + m) for i, j in BASIS for k, m in BASIS))
"""The powers that products of two of them have: 13."""

# A pivot below this share of its diagonal entry means that the pixels do not determine the unknown:
# float32 carries 6e-8, and the corner of a map, a quarter of a patch, has pivots of 1e-3.
_MIN_PIVOT = 1e-6

Column = tuple[tuple[int, int], ...]
"""The powers that one unknown multiplies: one, or several with the same coefficient."""


class Moments(NamedTuple):
    """All that a fit needs of its pixels p with weights w_p and targets t_p."""

    products: Tensor  # (N, 13) sum_p w_p u^i v^j over PRODUCTS
    targets: Tensor  # (N, 5) sum_p w_p t_p u^i v^j over BASIS


def solve_quadratic(
    moments: Moments, columns: tuple[Column, ...], given: float | None = None
) -> tuple[Tensor, Tensor]:
    """Minimise sum_p w_p (t_p - quadratic(u_p, v_p))^2 by the normal equations.

    Args:
        moments: Of the pixels.
        columns: What is to be found.
        given: Coefficient of u^2 and v^2 where these are not among the columns.

    Returns:
        The quadratic's coefficients (N, 5), and (N,) False where the pixels do not determine them
        (they are then meaningless but finite).
    """
    products = dict(zip(PRODUCTS, moments.products.unbind(-1), strict=True))
    targets = dict(zip(BASIS, moments.targets.unbind(-1), strict=True))
    a = {
        (i, j): _total(products[_times(p, q)] for p in columns[i] for q in columns[j])
        for i in range(len(columns))
        for j in range(i + 1)
    }
    b = [_total(targets[p] for p in column) for column in columns]
    if given is not None:
        b = [
            value - given * _total(products[_times(p, q)] for p in column for q in BASIS[3:])
            for value, column in zip(b, columns, strict=True)
        ]
    c, holds = _solve(a, b)
    by_power = {power: x for column, x in zip(columns, c, strict=True) for power in column}
    missing = torch.full_like(c[0], given or 0.0)
    return torch.stack([by_power.get(power, missing) for power in BASIS], -1), holds


def _times(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
    return p[0] + q[0], p[1] + q[1]


def _total(terms) -> Tensor:
    first, *others = terms
    for term in others:
        first = first + term
    return first


def _solve(a: dict[tuple[int, int], Tensor], b: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """Solve A c = b for the lower triangle (i, j) -> (N,) of A; see `solve_quadratic`.

    The L D L' factors are written out in elementary operations, since Q is at most 5 and, unlike
    `torch.linalg.solve`, they export to ONNX.
    """
    size, b = len(b), list(b)
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
    return c, holds

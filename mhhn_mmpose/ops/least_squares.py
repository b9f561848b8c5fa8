"""Weighted least-squares fits of quadratics, many small ones at once, from moments.

Axis letters: N problems, Q unknowns. A quadratic is the sum of c_k u^i v^j over `BASIS`. Problems
are the last axis, so that one operation serves all of them without a stride.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from .arrays import Array, at_least, namespace, product

BASIS = ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2))
"""The powers (i, j) of a quadratic u^i v^j, in the order of its coefficients."""

PRODUCTS = tuple(dict.fromkeys((i + k, j + m) for i, j in BASIS for k, m in BASIS))
"""The powers that products of two of them have: 13."""

NUM_MOMENTS = len(PRODUCTS) + len(BASIS)
"""Of pixels p with weights w_p and targets t_p: sum w u^i v^j over PRODUCTS, sum w t u^i v^j over
BASIS."""

# A pivot below this share of its diagonal entry means that the pixels do not determine the unknown:
# float32 carries 6e-8, and the corner of a map, a quarter of a patch, has pivots of 1e-3.
_MIN_PIVOT = 1e-6

Column = tuple[tuple[int, int], ...]
"""The powers that one unknown multiplies: one, or several with the same coefficient."""


class NormalEquations(NamedTuple):
    """Which moments make up the normal equations, and how their solution is a quadratic."""

    system: Array  # (Q (Q + 1), 18) times the moments is [A | b], row by row
    expansion: Array | None  # (5, Q) times the solution is the quadratic; None for the identity
    given: Array  # (5, 1) what is added to that
    units: tuple[Array, ...]  # Q columns (Q, 1) of the identity


def normal_equations(
    columns: tuple[Column, ...], given: float, dtype: torch.dtype, device: torch.device
) -> NormalEquations:
    """Set up the fit of some unknowns.

    Args:
        columns: What is to be found.
        given: Coefficient of u^2 and v^2 where these are not among the columns.
        dtype: Of the tensors.
        device: Of the tensors.
    """
    size, known = len(columns), [p for p in BASIS if not any(p in c for c in columns)]
    system = torch.zeros(size, size + 1, NUM_MOMENTS, dtype=dtype)
    for row, factors in enumerate(columns):
        for p in factors:
            for column, others in enumerate(columns):
                for q in others:
                    system[row, column, _product(p, q)] += 1
            system[row, size, len(PRODUCTS) + BASIS.index(p)] += 1
            for q in known:
                system[row, size, _product(p, q)] -= given
    expansion = torch.tensor([[float(p in c) for c in columns] for p in BASIS], dtype=dtype)
    rest = torch.tensor([[given if p in known else 0.0] for p in BASIS], dtype=dtype)
    units = torch.eye(size, dtype=dtype, device=device)[:, :, None].unbind()
    return NormalEquations(
        system.flatten(0, 1).to(device),
        expansion.to(device) if size < len(BASIS) else None,
        rest.to(device),
        units,
    )


def _product(p: tuple[int, int], q: tuple[int, int]) -> int:
    return PRODUCTS.index((p[0] + q[0], p[1] + q[1]))


def solve_quadratic(moments: Array, equations: NormalEquations) -> tuple[Array, Array]:
    """Minimise sum_p w_p (t_p - quadratic(u_p, v_p))^2.

    Gauss and Jordan's elimination is written out: Q is at most 5, and unlike `torch.linalg.solve`
    it exports to ONNX. It needs no exchange of rows, since normal equations are positive definite.

    Args:
        moments: (18, N), see `NUM_MOMENTS`.
        equations: The unknowns.

    Returns:
        The quadratic's coefficients (5, N), and (N,) False where the pixels do not determine them
        (they are then meaningless but finite).
    """
    size = len(equations.units)
    a = product(equations.system, moments).reshape(size, size + 1, -1)
    # The floor, for maps without weight, keeps quotients finite; the brightest pixel has weight 1.
    # It is not added instead: exporters to ONNX take an added 1e-9 for 0 and drop it.
    smallest = at_least(_MIN_PIVOT * a.diagonal().T, 1e-9)
    xp, pivots = namespace(a), []
    for j, (unit, least) in enumerate(zip(equations.units, smallest, strict=True)):
        column, rest = a[:, 0], a[:, 1:]
        pivots.append(column[j])
        row = rest[j] / xp.maximum(pivots[-1], least)
        # Row j becomes `row`, the others lose their entry in this column, which is then dropped.
        a = rest - (column - unit)[:, None] * row
    regular = (xp.stack(pivots) > smallest).all(0)
    if equations.expansion is None:
        return a[:, 0], regular
    return product(equations.expansion, a[:, 0]) + equations.given, regular

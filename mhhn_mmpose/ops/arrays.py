"""One text for numpy and torch: the functions whose names they do not share.

On a CPU, where neither a gradient nor a graph is wanted, numpy does the fit: its calls take half
the time of torch's, which is what counts for one face, and its logarithms a quarter.
"""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

Array = Tensor | np.ndarray


def is_recording() -> bool:
    """Whether a graph is made: by tracing, `torch.compile` or an export."""
    return torch.jit.is_tracing() or torch.compiler.is_compiling()


def is_eager_on_cpu(x: Array) -> bool:
    """Whether a branch on the data is cheap: no wait for a GPU, no graph that must hold both."""
    return not isinstance(x, Tensor) or (x.device.type == 'cpu' and not is_recording())


def suits_numpy(x: Tensor) -> bool:
    """Whether numpy can do what follows."""
    return is_eager_on_cpu(x) and not (x.requires_grad and torch.is_grad_enabled())


def namespace(x: Array) -> ModuleType:
    """The module whose functions take `x`."""
    return torch if isinstance(x, Tensor) else np


def clip_(x: Array, low: float, high: float) -> Array:
    """Clip in place: of many small patches memory is what costs."""
    # torch's clamp is twice as fast as numpy's clip.
    (x if isinstance(x, Tensor) else torch.from_numpy(x)).clamp_(low, high)
    return x


def at_least(x: Array, low: float) -> Array:
    """x, or `low` where that is larger."""
    return x.clamp_min(low) if isinstance(x, Tensor) else np.maximum(x, low)


def exp_(x: Array) -> Array:
    """Exponentiate in place."""
    return x.exp_() if isinstance(x, Tensor) else np.exp(x, out=x)


def product(a: Array, b: Array) -> Array:
    """The matrix product."""
    if isinstance(a, Tensor):
        return a @ b
    # torch multiplies thin matrices, 5 or 13 lines of 81, four times as fast as numpy; and in full
    # where the result has its place, whatever autocast says.
    out = np.empty((len(a), b.shape[1]), a.dtype)
    torch.mm(*map(torch.from_numpy, (a, b)), out=torch.from_numpy(out))
    return out


def like(x: Array, y: Array) -> Array:
    """`y` in the type of `x`, which numpy's already is."""
    return y.to(x.dtype) if isinstance(y, Tensor) else y


def all_finite(x: Array) -> bool:
    """Whether the sum is finite, and so every element; a sum that overflows says no as well."""
    return math.isfinite(x.detach().sum() if isinstance(x, Tensor) else x.sum())


def as_numpy(constants: object) -> object:
    """The same named tuple, or dict, or tensor, with arrays for its tensors."""
    if isinstance(constants, Tensor):
        return constants.numpy()
    if isinstance(constants, dict):
        return {name: as_numpy(value) for name, value in constants.items()}
    if isinstance(constants, tuple):
        values = map(as_numpy, constants)
        return type(constants)(*values) if hasattr(constants, '_fields') else tuple(values)
    return constants

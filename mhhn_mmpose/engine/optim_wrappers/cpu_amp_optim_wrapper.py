"""Mixed precision on a CPU, which MMEngine's `AmpOptimWrapper` refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """`OptimWrapper` whose forward passes run under torch's autocast to bfloat16.

    Faster on CPUs that compute in bfloat16 (AMX, AVX512_BF16), slower on others. Weights and
    optimizer stay in float32.

    Args:
        optimizer: As in `OptimWrapper`.
        dtype: 'bfloat16' or None; `AmpOptimWrapper` has this option.
        loss_scale: Without effect, for configs made for `AmpOptimWrapper`: bfloat16 has float32's
            range, so gradients need no scaling.
        kwargs: As in `OptimWrapper`.

    Raises:
        ValueError: For another `dtype`.

    >>> layer = torch.nn.Linear(2, 3)
    >>> with CpuAmpOptimWrapper(torch.optim.SGD(layer.parameters())).optim_context(layer):
    ...     layer(torch.zeros(1, 2)).dtype
    torch.bfloat16
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        dtype: str | torch.dtype | None = None,
        loss_scale: str | float | dict | None = None,
        **kwargs: object,
    ) -> None:
        if dtype not in (None, 'bfloat16', torch.bfloat16):
            raise ValueError(f'a CPU trains in bfloat16, got dtype={dtype!r}; leave it out')
        super().__init__(optimizer, **kwargs)

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Autocast beside what `OptimWrapper` does; entered by `train_step`."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield

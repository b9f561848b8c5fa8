"""Mixed precision on a CPU, which MMEngine's `AmpOptimWrapper` refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """`OptimWrapper` whose forward passes and losses run in bfloat16 where autocast would have it.

    For CPUs that compute in bfloat16 (AMX, AVX512_BF16); others get slower by it. Its numbers have
    float32's range, so nothing scales the loss. Weights and optimizer stay in float32.

    Args:
        kwargs: As in `OptimWrapper`.
    """

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Autocast beside what `OptimWrapper` does; entered by `train_step`."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield

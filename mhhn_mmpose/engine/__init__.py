"""How a training runs: hooks, loops, optimizer wrappers, resuming, the process itself."""

from .hooks import (
    AtomicCheckpointHook,
    EpochSeedHook,
    FaceVisualizationHook,
    FiniteLossHook,
    NonFiniteLossError,
    ValidationCheckHook,
)
from .loops import TimeBudgetLoop
from .optim_wrappers import CpuAmpOptimWrapper

__all__ = [
    'AtomicCheckpointHook',
    'CpuAmpOptimWrapper',
    'EpochSeedHook',
    'FaceVisualizationHook',
    'FiniteLossHook',
    'NonFiniteLossError',
    'TimeBudgetLoop',
    'ValidationCheckHook',
]

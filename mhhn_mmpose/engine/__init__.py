"""How a training runs: hooks, loops, optimizer wrappers, resuming, the process itself."""

from .hooks.atomic_checkpoint_hook import AtomicCheckpointHook
from .hooks.epoch_seed_hook import EpochSeedHook
from .hooks.face_visualization_hook import FaceVisualizationHook
from .hooks.finite_loss_hook import FiniteLossHook
from .hooks.validation_check_hook import ValidationCheckHook
from .loops.time_budget_loop import TimeBudgetLoop
from .optim_wrappers.cpu_amp_optim_wrapper import CpuAmpOptimWrapper

__all__ = [
    'AtomicCheckpointHook',
    'CpuAmpOptimWrapper',
    'EpochSeedHook',
    'FaceVisualizationHook',
    'FiniteLossHook',
    'TimeBudgetLoop',
    'ValidationCheckHook',
]

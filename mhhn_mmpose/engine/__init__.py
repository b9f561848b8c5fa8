"""What a training is run by: hooks, resuming, what happens when a process ends early."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .cpu_amp_optim_wrapper import CpuAmpOptimWrapper
from .epoch_seed_hook import EpochSeedHook
from .face_visualization_hook import FaceVisualizationHook
from .finite_loss_hook import FiniteLossHook, NonFiniteLossError

__all__ = [
    'AtomicCheckpointHook',
    'CpuAmpOptimWrapper',
    'EpochSeedHook',
    'FaceVisualizationHook',
    'FiniteLossHook',
    'NonFiniteLossError',
]

"""Hooks: what a run does besides training."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .epoch_seed_hook import EpochSeedHook
from .face_visualization_hook import FaceVisualizationHook
from .finite_loss_hook import FiniteLossHook, NonFiniteLossError
from .validation_check_hook import ValidationCheckHook

__all__ = [
    'AtomicCheckpointHook',
    'EpochSeedHook',
    'FaceVisualizationHook',
    'FiniteLossHook',
    'NonFiniteLossError',
    'ValidationCheckHook',
]

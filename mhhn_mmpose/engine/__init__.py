"""What a training is run by: hooks, resuming, what happens when a process ends early."""

from .hooks import AtomicCheckpointHook, EpochSeedHook

__all__ = ['AtomicCheckpointHook', 'EpochSeedHook']

"""Batch sampler that fills the last batch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler, Sampler


@DATA_SAMPLERS.register_module()
class FullBatchSampler(BatchSampler):
    """Batches of one size for testing: the last one repeats its own faces until it is full.

    A network's last bits depend on the size of a batch (kernels are chosen by it), not on the faces
    beside one, so with equal sizes the scores do not depend on the number of processes. MMEngine
    drops the repeated results before scoring.

    Args:
        sampler: Deals faces to processes, without repeating any.
        batch_size: Faces in a batch.

    >>> list(FullBatchSampler(range(5), batch_size=3))
    [[0, 1, 2], [3, 4, 3]]
    """

    def __init__(self, sampler: Sampler, batch_size: int) -> None:
        super().__init__(sampler, batch_size, drop_last=False)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield indices, `batch_size` at a time."""
        for batch in super().__iter__():
            yield list(islice(cycle(batch), self.batch_size))

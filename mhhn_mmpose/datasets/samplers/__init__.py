from .full_batch_sampler import FullBatchSampler

__all__ = ['FullBatchSampler']

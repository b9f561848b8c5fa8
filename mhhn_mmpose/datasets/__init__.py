"""What MMPose's datasets lack: checks of annotations, whole photos, batches of one size."""

from .datasets.face import (
    CheckedAFLWDataset,
    CheckedCOFWDataset,
    CheckedFace300WDataset,
    CheckedWFLWDataset,
)
from .samplers.full_batch_sampler import FullBatchSampler
from .transforms.loading import LoadFaceImage

__all__ = [
    'CheckedAFLWDataset',
    'CheckedCOFWDataset',
    'CheckedFace300WDataset',
    'CheckedWFLWDataset',
    'FullBatchSampler',
    'LoadFaceImage',
]

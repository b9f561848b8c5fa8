"""What MMPose's datasets lack: checks of annotations, whole photos, batches of one size."""

from .datasets import (
    CheckedAFLWDataset,
    CheckedCOFWDataset,
    CheckedFace300WDataset,
    CheckedWFLWDataset,
)
from .samplers import FullBatchSampler
from .transforms import LoadFaceImage

__all__ = [
    'CheckedAFLWDataset',
    'CheckedCOFWDataset',
    'CheckedFace300WDataset',
    'CheckedWFLWDataset',
    'FullBatchSampler',
    'LoadFaceImage',
]

"""What MMPose's datasets lack: checks, converters and generated faces."""

from .face import (
    CheckedAFLWDataset,
    CheckedCOFWDataset,
    CheckedFace300WDataset,
    CheckedWFLWDataset,
)
from .loading import LoadFaceImage
from .samplers import FullBatchSampler

__all__ = [
    'CheckedAFLWDataset',
    'CheckedCOFWDataset',
    'CheckedFace300WDataset',
    'CheckedWFLWDataset',
    'FullBatchSampler',
    'LoadFaceImage',
]

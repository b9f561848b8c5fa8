from .face import (
    CheckedAFLWDataset,
    CheckedCOFWDataset,
    CheckedFace300WDataset,
    CheckedWFLWDataset,
)

__all__ = [
    'CheckedAFLWDataset',
    'CheckedCOFWDataset',
    'CheckedFace300WDataset',
    'CheckedWFLWDataset',
]

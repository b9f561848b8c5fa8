"""From the original archives of face datasets to the annotation files MMPose reads."""

from .aflw2coco import convert_aflw
from .cofw2coco import convert_cofw
from .face_300w import convert_300w
from .wflw2coco import convert_wflw

__all__ = ['convert_300w', 'convert_aflw', 'convert_cofw', 'convert_wflw']

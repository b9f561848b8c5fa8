"""From the original archives of face datasets to the annotation files MMPose reads."""

from .aflw import convert_aflw
from .coco_json import BadSampleError, Problems, photo_size
from .cofw import convert_cofw
from .face_300w import convert_300w
from .wflw import convert_wflw

__all__ = [
    'BadSampleError',
    'Problems',
    'convert_300w',
    'convert_aflw',
    'convert_cofw',
    'convert_wflw',
    'photo_size',
]

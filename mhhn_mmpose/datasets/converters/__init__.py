from .aflw import convert_aflw
from .coco_json import BadSampleError, Problems, photo_size
from .cofw import convert_cofw
from .face_300w import collect_300w, convert_300w
from .wflw import convert_wflw

__all__ = [
    'BadSampleError',
    'Problems',
    'collect_300w',
    'convert_300w',
    'convert_aflw',
    'convert_cofw',
    'convert_wflw',
    'photo_size',
]

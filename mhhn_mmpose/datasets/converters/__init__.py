from .coco_json import BadSampleError, Problems, photo_size
from .face_300w import collect_300w, convert_300w

__all__ = [
    'BadSampleError',
    'Problems',
    'collect_300w',
    'convert_300w',
    'photo_size',
]

from .coco_json import BadSampleError, Problems, coco_dict, face_annotation, photo_size
from .face_300w import collect_300w, convert_300w

__all__ = [
    'BadSampleError',
    'Problems',
    'coco_dict',
    'collect_300w',
    'convert_300w',
    'face_annotation',
    'photo_size',
]

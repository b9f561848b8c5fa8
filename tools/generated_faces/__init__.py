"""Drawn faces with exact landmarks: the default data, so that nothing need be downloaded.

A face (`params`) has curves (`geometry`), from which the landmarks (`schemes`) and the patches of
its picture (`features`, `attire`, `occluders`, painted by `render`) are taken.

>>> face = random_face(7)
>>> picture, points = render(face), landmarks(face, '300w')
"""

from .archives import archive_face, write_archive, write_pts
from .params import DrawnFace, Expression, Patch, Pose, Shape
from .render import render
from .sampling import random_face
from .schemes import SCHEMES, landmarks, occluded

__all__ = [
    'SCHEMES', 'Expression', 'DrawnFace', 'Patch', 'Pose', 'Shape',
    'archive_face', 'landmarks', 'occluded', 'random_face', 'render', 'write_archive', 'write_pts',
]  # fmt: skip

"""Drawn faces with exact landmarks: the default data, so that nothing need be downloaded.

>>> face = random_face(7)
>>> picture, points = render(face), landmarks(face, '300w')
"""

from .archives import write_300w_archive, write_pts, write_wflw_archive
from .matlab_archives import write_aflw_archive, write_cofw_archive
from .params import Expression, Face, Look, Patch, Pose, Shape
from .render import render
from .sampling import random_face
from .schemes import SCHEMES, landmarks, occluded

__all__ = [
    'SCHEMES', 'Expression', 'Face', 'Look', 'Patch', 'Pose', 'Shape',
    'landmarks', 'occluded', 'random_face', 'render', 'write_300w_archive', 'write_aflw_archive',
    'write_cofw_archive', 'write_pts', 'write_wflw_archive',
]  # fmt: skip

"""The four landmark schemes, all sampled from the same curves of one face."""

import re

import cv2
import numpy as np

from .geometry import at, curves, project
from .params import DrawnFace

# Landmarks in MMPose's order: the curve (of two, their mean), its side (left, right), and where
# along it: 1/2 is half its length, 3:0/4 means 3/4, 2/4, 1/4 and 0.
_NOSE = 'bridge L 0:3/3, nose_base L 0:2/2, nose_base R 1:0/2, '
_MOUTH = """
    lip_top L 0:3/3, lip_top R 2:0/3, lip_bottom R 1:3/3, lip_bottom L 2:1/3,
    mouth_top L 0:2/2, mouth_top R 1:0/2, mouth_bottom R 1:2/2, mouth_bottom L 1/2"""
SCHEMES = {
    '300w': f"""jaw L 0:8/8, jaw R 7:0/8, brow_top L 0:4/4, brow_top R 4:0/4, {_NOSE}
        eye_top L 0:3/3, eye_bottom L 2:1/3, eye_top R 3:0/3, eye_bottom R 1:2/3, {_MOUTH}""",
    'wflw': f"""jaw L 0:16/16, jaw R 15:0/16, brow_top L 0:4/4, brow_bottom L 4:1/4,
        brow_top R 4:0/4, brow_bottom R 1:4/4, {_NOSE} eye_top L 0:4/4, eye_bottom L 3:1/4,
        eye_top R 4:0/4, eye_bottom R 1:3/4, {_MOUTH}, pupil LR 0""",
    'cofw': """brow_top LR 0, brow_top LR 1, brow_top L 1/2, brow_bottom L 1/2, brow_top R 1/2,
        brow_bottom R 1/2, eye_top LR 0, eye_top LR 1, eye_top L 1/2, eye_bottom L 1/2,
        eye_top R 1/2, eye_bottom R 1/2, pupil LR 0, nose_base LR 0, bridge L 1, nose_base L 1,
        lip_top LR 0, lip_top L 1, mouth_top L 1, mouth_bottom L 1, lip_bottom L 1, jaw L 1""",
    'aflw': """brow_top L 0, brow_top+brow_bottom L 1/2, brow_top LR 1, brow_top+brow_bottom R 1/2,
        brow_top R 0, eye_top L 0, pupil L 0, eye_top LR 1, pupil R 0, eye_top R 0, nose_base L 0,
        bridge L 1, nose_base R 0, lip_top L 0, mouth_top+mouth_bottom L 1, lip_top R 0, jaw L 1""",
}
_PIECE = re.compile(r'([\w+]+) ([LR]+) (\d+)(?::(\d+))?(?:/(\d+))?')


def landmarks(face: DrawnFace, scheme: str) -> np.ndarray:
    """Return the face's true landmarks (K, 2), picture pixels; the first pixel's centre is (0, 0).

    The scheme is `300w` (68 points), `wflw` (98), `cofw` (29) or `aflw` (19), in MMPose's order.
    """
    points, known = [], curves(face)
    for names, sides, first, last, of in _PIECE.findall(SCHEMES[scheme]):
        first, last = int(first), int(last or first)
        where = np.linspace(first, last, abs(last - first) + 1) / int(of or 1)
        for side in sides:
            pairs = [known[name] for name in names.split('+')]
            points.append(np.mean([at(pair['LR'.index(side)], where) for pair in pairs], axis=0))
    return project(face, np.vstack(points))


def occluded(face: DrawnFace, scheme: str) -> np.ndarray:
    """Which landmarks lie under something opaque before the face: (K,) bool.

    Glasses' frames and clear lenses do not count; neither do landmarks that the turned head hides.
    """
    points = landmarks(face, scheme).astype(np.float32)
    hidden = np.zeros(len(points), dtype=bool)
    for patch in face.front:
        if not patch.width and patch.alpha >= 0.5:
            polygon = project(face, patch.points).astype(np.float32)
            hidden |= [cv2.pointPolygonTest(polygon, p, False) >= 0 for p in points.tolist()]
    return hidden

"""A parametric head: its smooth 3D curves and their weak-perspective picture.

Curves are (N, 3) in head units, see `params`. Paired curves come as (left, right) and run from
the outside in: ear to chin, outer to inner corner, mouth corner to the middle.
"""

from functools import lru_cache

import numpy as np

from .params import DrawnFace, Pose

PIVOT = np.array([0.0, 0.55, -0.35])  # the head turns about it; pose.center is its picture
SEGMENT_SAMPLES = 16  # a curve's chords then stay within 0.01 px of the spline at 80 px a unit
CHEEK_DEPTH = 0.95  # depth over width of the head's horizontal section, which shapes the far cheek
SIDES = (-1.0, 1.0)
# Catmull-Rom: the weights (16, 4) of the two points before and the two after each step.
BASIS = (
    np.vander(np.arange(SEGMENT_SAMPLES) / SEGMENT_SAMPLES, 4, increasing=True)
    @ np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
    / 2.0
)

Half = dict[str, np.ndarray]
Curves = dict[str, tuple[np.ndarray, np.ndarray]]


def spline(control: np.ndarray, to_middle: bool = False) -> np.ndarray:
    """Return a Catmull-Rom spline ((M - 1) * 16 + 1, 3) through control points (M, 3).

    With `to_middle` it ends on the midline and goes on mirrored, hence level, beyond it.
    """
    before, after = 2.0 * control[0] - control[1], 2.0 * control[-1] - control[-2]
    if to_middle:
        after[1:] = control[-2, 1:]  # level, however the middle is shifted
    p = np.vstack([before, control, after])
    windows = np.stack([p[i : len(p) - 3 + i] for i in range(4)], 1)
    return np.vstack([(BASIS @ windows).reshape(-1, 3), control[-1:]])


def half(side: float, x, y, z, to_middle: bool = False) -> np.ndarray:
    """Return the spline of one side, -1 or 1, through M points: x of the right side, y and z."""
    return spline(np.stack(np.broadcast_arrays(side * np.asarray(x), y, z), 1), to_middle)


def whole(pair: tuple[np.ndarray, np.ndarray] | list[np.ndarray]) -> np.ndarray:
    """Join the left curve inwards with the right one outwards."""
    return np.vstack([pair[0], pair[1][-2::-1]])


def at(curve: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Return the (K, 3) points at fractions 0..1 of the curve's length in space."""
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    return np.stack([np.interp(fractions * length[-1], length, x) for x in curve.T], axis=1)


def slide(face: DrawnFace, curve: np.ndarray, side: float) -> np.ndarray:
    """Move an outline of the head along its skin to where the turned head's outline is seen.

    Each level is an ellipse of half axes |x| and `CHEEK_DEPTH` |x|; on the far side of a turned
    head the seen outline lies `angle` before its widest point, as people annotate it. On the
    near side, it hardly moves, for the line from chin to ear remains in view.
    """
    angle = np.arctan(CHEEK_DEPTH * np.tan(np.deg2rad(face.pose.yaw) * side))
    angle = angle if angle > 0 else 0.2 * angle
    x, y, z = curve.T
    return np.stack([x * np.cos(angle), y, z + CHEEK_DEPTH * np.abs(x) * np.sin(angle)], 1)


def _outline(face: DrawnFace, side: float) -> Half:
    s, drop = face.shape, 0.2 * face.expression.mouth_open
    jaw, chin = s.width * s.jaw_width, s.width * s.chin_width
    y = np.array([0.05, 0.35, 0.68, 0.98, 1.24, 1.44, 1.53])
    y += np.array([0, 0, 0.1, 0.4, 0.7, 0.95, 1]) * 0.6 * (s.chin_length - 1.0)
    y += np.array([0, 0, 0.1, 0.45, 0.8, 1, 1]) * drop
    x = [s.width, 0.985 * s.width, 0.93 * jaw, 0.81 * jaw, 0.61 * jaw, 0.33 * chin, 0]
    lower = half(side, x, y * s.height, [-0.62, -0.6, -0.52, -0.38, -0.2, -0.03, 0.06], True)
    x = np.array([1.0, 1.0, 0.9, 0.56, 0.0]) * s.width
    y = np.array([0.05, -0.3, -0.7, -1.0, -1.1]) * s.height
    upper = half(side, x, y, [-0.62, -0.6, -0.45, -0.25, -0.12], True)
    return dict(jaw=slide(face, lower, side), skull=slide(face, upper, side))


def _brow(face: DrawnFace, side: float) -> Half:
    s, e = face.shape, face.expression
    raised = e.brow_raise + side * face.asymmetry.brow_raise
    x = (0.5 + np.array([0.34, 0.2, 0.02, -0.15, -0.3]) * s.brow_length) * s.eye_spacing
    x[-2:] -= np.array([0.01, 0.03]) * e.frown
    arch = np.array([0.02, -0.09, -0.12, -0.08, -0.01]) * s.brow_arch
    y = -0.27 + s.brow_height + arch - np.array([0.04, 0.1, 0.12, 0.11, 0.09]) * raised
    y += np.array([-0.02, -0.02, 0.0, 0.04, 0.07]) * e.frown
    z = [-0.22, -0.06, 0.07, 0.13, 0.15]
    thick = np.array([0.0, 0.055, 0.085, 0.09, 0.08]) * s.brow_thickness
    return dict(brow_top=half(side, x, y, z), brow_bottom=half(side, x, y + thick, z))


def _eye(face: DrawnFace, side: float) -> Half:
    s, e, a = face.shape, face.expression, face.asymmetry
    middle = 0.44 * s.eye_spacing
    x = middle + np.array([0.19, 0.115, 0.0, -0.11, -0.19]) * s.eye_size
    z = [-0.14, -0.06, 0.0, 0.0, -0.03]
    level = np.array([1.0, 0.5, 0.0, -0.5, -1.0]) * -s.eye_tilt + side * a.eye_height
    level += [0.0, 0.0, 0.0, 0.01, 0.02]
    low = np.array([0.0, 0.042, 0.055, 0.035, 0.0]) * s.eye_size
    wide = np.array([0.0, -0.078, -0.1, -0.07, 0.0]) * s.eye_size
    shut = np.array([0.0, 0.032, 0.042, 0.025, 0.0]) * s.eye_size
    up = shut + (wide - shut) * max(0.0, e.eye_open + side * a.eye_open)
    pupil = side * (middle + side * 0.06 * e.gaze_x), level[2] - 0.015 + 0.03 * e.gaze_y, 0.03
    top, bottom = half(side, x, level + up, z), half(side, x, level + low, z)
    return dict(eye_top=top, eye_bottom=bottom, pupil=np.array([pupil]))


def _nose(face: DrawnFace, side: float) -> Half:
    s = face.shape
    y = np.array([-0.03, 0.17, 0.36, 0.54]) * s.nose_length
    bridge = half(side, 0.0, y, np.array([0.1, 0.2, 0.33, 0.46]) * s.nose_depth)
    x = np.array([0.21, 0.11, 0.0]) * s.nose_width * (1.0 + 0.06 * face.expression.smile)
    y = np.array([0.64, 0.685, 0.71]) * s.nose_length
    base = half(side, x, y, np.array([0.16, 0.25, 0.3]) * s.nose_depth, to_middle=True)
    return dict(bridge=bridge, nose_base=base)


def _mouth(face: DrawnFace, side: float) -> Half:
    s, e = face.shape, face.expression
    smile = e.smile + side * face.asymmetry.smile
    level = 1.0 * s.height + 0.4 * (s.nose_length - 1.0) + s.mouth_height
    width = 0.36 * s.mouth_width * (1 + 0.22 * smile - 0.3 * e.pucker - 0.08 * e.mouth_open)
    height = -0.1 * smile + 0.07 * e.mouth_open

    def lip(corner_x: float, corner_z: float, *rest: tuple[float, float, float]) -> np.ndarray:
        # The corner's height and width fade towards the middle.
        rows = [(f * width, y + height * f, z) for f, y, z in rest]
        x, y, z = np.array([(corner_x, height, corner_z), *rows]).T
        return half(side, x, y + level, z, to_middle=True)

    outer, inner = (width, -0.02 - 0.05 * smile), (width * 0.87, -0.02 - 0.05 * smile + 0.02)
    drop, thin = 0.38 * e.mouth_open, 1.0 - 0.25 * min(1.0, max(0.0, e.smile))
    up, low = 0.115 * s.upper_lip * thin, 0.14 * s.lower_lip * thin
    lift, z = -0.03 * e.mouth_open, 0.16 + 0.05 * e.pucker
    bow = (0.58, -0.62 * up + lift, z - 0.06), (0.21, -up + lift, z)
    bowl = (0.6, 0.72 * low + 0.75 * drop, z - 0.08), (0, low + drop, z)
    return dict(
        lip_top=lip(*outer, *bow, (0, -0.8 * up + lift, z + 0.01)),
        lip_bottom=lip(*outer, *bowl),
        mouth_top=lip(*inner, (0.45, -0.006 + 0.8 * lift, z - 0.04), (0, lift - 0.002, z)),
        mouth_bottom=lip(*inner, (0.45, 0.006 + 0.8 * drop, z - 0.05), (0, 0.006 + drop, z)),
    )


@lru_cache(maxsize=8)
def _curves(face: DrawnFace) -> Curves:
    parts = (_outline, _brow, _eye, _nose, _mouth)
    left, right = ({k: v for part in parts for k, v in part(face, s).items()} for s in SIDES)
    return {name: (left[name], right[name]) for name in left}


def curves(face: DrawnFace) -> Curves:
    """Return the face's curves in head units as (left, right) pairs; the bridge is its own twin."""
    # Only what bends a curve is part of the cache's key.
    return _curves(DrawnFace(face.shape, face.expression, face.asymmetry, Pose(face.pose.yaw)))


@lru_cache(maxsize=8)
def _camera(pose: Pose) -> np.ndarray:
    """(3, 2) from head units about the pivot to pixels about the centre."""
    yaw, pitch, roll = np.deg2rad([pose.yaw, pose.pitch, pose.roll])
    tilt = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    turn = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    spin = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0]]
    return pose.scale * (np.array(spin) @ turn @ tilt).T


def project(face: DrawnFace, points: np.ndarray) -> np.ndarray:
    """Head units (..., 3) to picture coordinates (..., 2) in pixels."""
    moved = points - PIVOT
    moved[..., 0] += face.asymmetry.bend * np.maximum(points[..., 1], 0.0) ** 2
    moved[..., 2] *= face.shape.depth
    return moved @ _camera(face.pose) + (face.pose.center_x, face.pose.center_y)

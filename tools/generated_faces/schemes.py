"""The four landmark schemes, all sampled from the same curves of one face."""

from collections.abc import Callable

import cv2
import numpy as np

from .geometry import Curves, at, curves, project
from .params import Face


def _ends(count: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, count)


def _across(pair: tuple[np.ndarray, np.ndarray], count: int) -> np.ndarray:
    """(2 * count - 1, 3): the left curve inwards, then the right one outwards."""
    left, right = (at(curve, _ends(count)) for curve in pair)
    return np.vstack([left, right[-2::-1]])


def _eyes(c: Curves, count: int) -> np.ndarray:
    """Both outlines clockwise, ``count`` points a lid with both corners."""
    f = _ends(count)
    top = [at(curve, f) for curve in c['eye_top']]
    low = [at(curve, f) for curve in c['eye_bottom']]
    left = [top[0], low[0][-2:0:-1]]
    right = [top[1][::-1], low[1][1:-1]]
    return np.vstack(left + right)


def _mouth(c: Curves) -> np.ndarray:
    """Outer then inner lips, 20 points, clockwise from the left corner."""
    rings = [('lip_top', 4, 'lip_bottom', 4), ('mouth_top', 3, 'mouth_bottom', 3)]
    out = []
    for top, top_count, bottom, bottom_count in rings:
        out += [_across(c[top], top_count), _across(c[bottom], bottom_count)[-2:0:-1]]
    return np.vstack(out)


def _ibug68(c: Curves) -> np.ndarray:
    brows = [at(c['brow_top'][0], _ends(5)), at(c['brow_top'][1], _ends(5))[::-1]]
    nose = [at(c['bridge'][0], _ends(4)), _across(c['nose_base'], 3)]
    return np.vstack([_across(c['jaw'], 9), *brows, *nose, _eyes(c, 4), _mouth(c)])


def _wflw98(c: Curves) -> np.ndarray:
    top = [at(curve, _ends(5)) for curve in c['brow_top']]
    low = [at(curve, [0.25, 0.5, 0.75, 1.0]) for curve in c['brow_bottom']]
    brows = [top[0], low[0][::-1], top[1][::-1], low[1]]
    nose = [at(c['bridge'][0], _ends(4)), _across(c['nose_base'], 3)]
    jaw = _across(c['jaw'], 17)
    return np.vstack([jaw, *brows, *nose, _eyes(c, 5), _mouth(c), *c['pupil']])


def _both(pair: tuple[np.ndarray, np.ndarray], fraction: float) -> np.ndarray:
    return np.vstack([at(curve, [fraction]) for curve in pair])


def _cofw29(c: Curves) -> np.ndarray:
    top, low = _both(c['brow_top'], 0.5), _both(c['brow_bottom'], 0.5)
    lid, bag = _both(c['eye_top'], 0.5), _both(c['eye_bottom'], 0.5)
    middle = [c[k][0][-1] for k in ('lip_top', 'mouth_top', 'mouth_bottom', 'lip_bottom')]
    return np.vstack([
        _both(c['brow_top'], 0.0), _both(c['brow_top'], 1.0), top[0], low[0], top[1], low[1],
        _both(c['eye_top'], 0.0), _both(c['eye_top'], 1.0), lid[0], bag[0], lid[1], bag[1],
        *c['pupil'], _both(c['nose_base'], 0.0), c['bridge'][0][-1], c['nose_base'][0][-1],
        _both(c['lip_top'], 0.0), *middle, c['jaw'][0][-1],
    ])  # fmt: skip


def _aflw19(c: Curves) -> np.ndarray:
    brow = (_both(c['brow_top'], 0.5) + _both(c['brow_bottom'], 0.5)) / 2.0
    brow_out, brow_in = _both(c['brow_top'], 0.0), _both(c['brow_top'], 1.0)
    eye_out, eye_in = _both(c['eye_top'], 0.0), _both(c['eye_top'], 1.0)
    nose, corner = _both(c['nose_base'], 0.0), _both(c['lip_top'], 0.0)
    mouth = (c['mouth_top'][0][-1] + c['mouth_bottom'][0][-1]) / 2.0
    left, right = c['pupil']
    return np.vstack([
        brow_out[0], brow[0], brow_in[0], brow_in[1], brow[1], brow_out[1],
        eye_out[0], left, eye_in[0], eye_in[1], right, eye_out[1],
        nose[0], c['bridge'][0][-1], nose[1], corner[0], mouth, corner[1], c['jaw'][0][-1],
    ])  # fmt: skip


SCHEMES: dict[str, Callable[[Curves], np.ndarray]] = {
    '300w': _ibug68, 'wflw': _wflw98, 'cofw': _cofw29, 'aflw': _aflw19,
}  # fmt: skip


def landmarks(face: Face, scheme: str) -> np.ndarray:
    """The face's true landmarks.

    Args:
        face: The face.
        scheme: ``300w`` (68 points), ``wflw`` (98), ``cofw`` (29) or ``aflw`` (19), in MMPose's
            order.

    Returns:
        (K, 2) float64 picture coordinates in pixels; the first pixel's centre is (0, 0).

    Raises:
        ValueError: The scheme is unknown.
    """
    if scheme not in SCHEMES:
        raise ValueError(f'scheme must be one of {sorted(SCHEMES)}, got {scheme!r}')
    return project(face, SCHEMES[scheme](curves(face)))


def occluded(face: Face, scheme: str) -> np.ndarray:
    """Which landmarks lie under something opaque before the face: (K,) bool.

    Glasses' frames and clear lenses do not count; neither do landmarks that the turned head hides.
    """
    points = landmarks(face, scheme).astype(np.float32)
    hidden = np.zeros(len(points), dtype=bool)
    for patch in face.look.front:
        if patch.width or patch.alpha < 0.5:
            continue
        polygon = project(face, patch.points).astype(np.float32)
        hidden |= [cv2.pointPolygonTest(polygon, tuple(p), False) >= 0 for p in points.tolist()]
    return hidden

"""The patches of the bare face: skin, mouth, eyes, brows and nose, on its curves."""

from collections.abc import Callable, Iterator

import numpy as np

from .geometry import SIDES, curves, project, whole
from .params import Color, DrawnFace, Patch

Light = Callable[[np.ndarray], float]  # in the middle of (N, 2) pixels
Patches = Iterator[Patch]


def disc(center: np.ndarray, radius: float, stretch: float = 1.0, count: int = 32) -> np.ndarray:
    """(count, 3) circle about `center` in the head's frontal plane, `stretch` times taller."""
    angle = np.arange(count) * (2 * np.pi / count)
    ring = np.stack([np.cos(angle), np.sin(angle) * stretch, np.zeros(count)], 1)
    return np.asarray(center) + radius * ring


def _ring(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.vstack([top, bottom[::-1]])


def dark(color: Color, factor: float) -> np.ndarray:
    """Return a colour times a factor, a little less red than before when darkened."""
    return np.asarray(color) * factor * (factor**0.2, factor**0.1, 1.0)


def soft(points: np.ndarray, color: Color, alpha: float, blur: float) -> Patch:
    """Return a blurred patch, for shadows and blushes."""
    return Patch(points, color, alpha=alpha, blur=blur)


def line(points: np.ndarray, color: Color, width: float, alpha=1.0, blur=0.0) -> Patch:
    """Return an open stroke."""
    return Patch(points, color, alpha=alpha, width=width, blur=blur, closed=False)


def _skin(face: DrawnFace, light: Light) -> Patches:
    """Yield the head's front with its soft relief: cheeks, sockets, temples, beard."""
    c, look, skin = curves(face), face.look, np.asarray(face.look.skin)
    jaw, lip = whole(c['jaw']), whole(c['lip_top'])
    yield Patch(np.vstack([jaw, whole(c['skull'])[::-1]]), None)
    # A thin darker rim keeps the contour visible where neck or background match the skin.
    yield line(jaw, dark(skin, 0.45), 0.025, alpha=0.5, blur=0.012)
    for side, eye in zip(SIDES, c['eye_top'], strict=True):
        yield soft(disc(eye.mean(0), 0.27, 0.62), dark(skin, 0.55), 0.4, 0.07)
        yield soft(disc((side * 0.52, 0.6, 0.1), 0.2), skin * (0.8, 0.82, 1.0), 0.4, 0.1)
    if look.beard > 0:
        upper = lip[[-1, -31, len(lip) // 2, 30, 0]] + (0, -0.13, 0)
        inner = (jaw * (0.9, 1.0, 1.0))[36:-36]
        yield soft(np.vstack([inner, upper]), look.hair, look.beard, 0.05)
        chin = c['jaw'][0][-1] + (0, -0.1, 0.05)
        yield soft(disc(chin, 0.2), look.hair, 0.4 * look.beard, 0.08)


def _mouth(face: DrawnFace, light: Light) -> Patches:
    """Lips, the open mouth's dark, teeth and tongue, and the folds about it."""
    c, look, opened = curves(face), face.look, face.expression.mouth_open
    top, bottom, lower = whole(c['mouth_top']), whole(c['mouth_bottom']), whole(c['lip_bottom'])
    yield soft(lower[6:-6] + (0.0, 0.07, 0.0), dark(look.skin, 0.5), 0.4, 0.035)
    outer = _ring(whole(c['lip_top']), lower)
    yield Patch(outer, dark(look.lips, 0.82), look.lips, blur=0.006)
    gleam = (np.vstack(c['lip_bottom']) + np.vstack(c['mouth_bottom'])).mean(0) / 2.0
    bright = np.minimum(255.0, np.asarray(look.lips) + 45.0)
    yield soft(disc(gleam, 0.11, 0.25), bright, 0.5, 0.02)
    inside = _ring(top, bottom)
    yield Patch(inside, (28.0, 22.0, 60.0))
    if opened > 0.08:
        lit = light(project(face, inside))
        teeth = _ring(top, top + (0.0, 0.1 + 0.05 * opened, 0.0))
        yield Patch(teeth, np.array([205, 218, 224]) * lit, clip=inside)
        tongue = disc(bottom[len(bottom) // 2] + (0, 0.02, -0.05), 0.2, 0.5)
        yield Patch(tongue, np.array([80, 80, 165]) * lit, blur=0.02, clip=inside)
    yield line(top, dark(look.lips, 0.4), 0.02, 0.8)
    for side, corner, wing in zip(SIDES, c['lip_top'], c['nose_base'], strict=True):
        start = wing[0] + (side * 0.07, -0.02, -0.02)
        fold = np.stack([start, start + (side * 0.12, 0.14, -0.03), corner[0] + (side * 0.1, 0, 0)])
        depth = 0.15 + 0.35 * look.age + 0.3 * max(0.0, face.expression.smile)
        yield line(fold, dark(look.skin, 0.5), 0.03, depth, blur=0.02)


def _eyes(face: DrawnFace, light: Light) -> Patches:
    c, look = curves(face), face.look
    radius = 0.088 * face.shape.iris_size * face.shape.eye_size
    for top, bottom, (center,) in zip(c['eye_top'], c['eye_bottom'], c['pupil'], strict=True):
        opening = _ring(top, bottom)
        white = max(0.45, light(project(face, opening)))
        glint = center + (0.5 * radius * np.sign(look.light_x or 1.0), -0.5 * radius, 0.0)
        yield Patch(opening, (222.0, 225.0, 228.0))
        for points, color, alpha, blur in (
            (disc(center, radius), dark(look.iris, 0.45), 1.0, 0.0),
            (disc(center, 0.84 * radius), look.iris, 1.0, 0.0),
            (disc(center, 0.45 * radius), look.pupil, 1.0, 0.0),
            (_ring(top, top + (0, 0.045, 0)), (40.0, 40.0, 45.0), 0.45, 0.02),
            (disc(glint, 0.17 * radius), (255.0, 255.0, 255.0), 0.85, 0.0),
            (disc(top[-1], 0.035), (120.0, 120.0, 190.0), 0.7, 0.008),
        ):
            shade = np.minimum(255.0, white * np.asarray(color))
            yield Patch(points, shade, alpha=alpha, blur=blur, clip=opening)
        yield line(bottom, dark(look.skin, 0.5), 0.018, 0.6)
        yield line(top, dark(look.brow, 0.45), 0.034, 0.9)
        yield line(top[4:-4] + (0.0, -0.055, 0.0), dark(look.skin, 0.5), 0.018, 0.55)  # crease
        bag = bottom[6:-6] + (0.0, 0.075, 0.0)
        yield line(bag, dark(look.skin, 0.6), 0.03, 0.45 * look.age)


def _brows(face: DrawnFace, light: Light) -> Patches:
    c, brow = curves(face), face.look.brow
    for top, bottom in zip(c['brow_top'], c['brow_bottom'], strict=True):
        yield Patch(_ring(top, bottom), brow, alpha=0.85, blur=0.012)
        for i in range(6, len(top) - 2, 10):
            yield line(np.stack([bottom[i], top[max(i - 5, 0)]]), dark(brow, 0.6), 0.014, 0.6)


def _nose(face: DrawnFace, light: Light) -> Patches:
    """Bridge, shaded flank, tip, wings and nostrils; in profile it stands before the far cheek."""
    c, look = curves(face), face.look
    bridge, base, skin = c['bridge'][0], whole(c['nose_base']), np.asarray(look.skin)
    sides = [bridge[::8] + (s * 0.1 * face.shape.nose_width, 0.01, -0.06) for s in SIDES]
    wings = [b[0] + (s * 0.03, -0.08, 0.0) for s, b in zip(SIDES, c['nose_base'], strict=True)]
    yield soft(base + (0.0, 0.05, -0.05), dark(skin, 0.4), 0.5, 0.045)
    body = np.vstack([sides[0], wings[0], base, wings[1], sides[1][::-1]])
    yield Patch(body, None, blur=0.025)
    lit = -1.0 if look.light_x < 0 else 1.0  # the side that the light comes from
    far = 1 if lit < 0 else 0
    flank = np.vstack([bridge[8:], base[len(base) // 2], wings[far], sides[far][::-1]])
    yield soft(flank, dark(skin, 0.5), 0.25 + 0.5 * abs(look.light_x) * look.contrast, 0.035)
    glow = np.minimum(255.0, 1.25 * skin + 12.0)
    yield line(bridge[6:] + (0.02 * lit, 0.0, 0.0), glow, 0.05, 0.5, blur=0.025)
    yield soft(disc(bridge[-1] + (0.02 * lit, -0.02, 0.0), 0.06), glow, 0.6, 0.025)
    yield line(base, dark(skin, 0.4), 0.022, 0.75)
    for side, wing, curve in zip(SIDES, wings, c['nose_base'], strict=True):
        arc = np.stack([curve[0], curve[0] + (side * 0.035, -0.05, 0), wing + (0, -0.03, 0)])
        yield line(arc, dark(skin, 0.45), 0.022, 0.7)
        hole = curve[len(curve) // 2] + (0.0, -0.025, 0.0)
        yield soft(disc(hole, 0.055, 0.5), (18.0, 20.0, 40.0), 0.9, 0.008)


def bare_face(face: DrawnFace, light: Light) -> Patches:
    """Yield the whole bare face, from the skin up."""
    for part in (_skin, _mouth, _eyes, _brows, _nose):
        yield from part(face, light)

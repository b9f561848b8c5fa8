"""Drawing of the bare face: skin, brows, eyes, nose and mouth, on the curves of ``geometry``."""

from dataclasses import dataclass, field

import numpy as np

from .canvas import coverage, paint
from .geometry import SIDES, curves, project
from .params import Face, Patch

Pair = tuple[np.ndarray, np.ndarray]


def disc(center: np.ndarray, radius: float, *, stretch: float = 1.0, count: int = 32) -> np.ndarray:
    """(count, 3) circle about ``center`` in the head's frontal plane, ``stretch`` times taller."""
    angle = np.arange(count) * (2 * np.pi / count)
    ring = np.stack([np.cos(angle), np.sin(angle) * stretch, np.zeros(count)], 1)
    return np.asarray(center) + radius * ring


def _ring(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.vstack([top, bottom[::-1]])


def _whole(pair: Pair) -> np.ndarray:
    return np.vstack([pair[0], pair[1][-2::-1]])


@dataclass
class Drawing:
    """A picture (H, W, 3) float32 in the making, with the face's geometry at hand."""

    face: Face
    image: np.ndarray
    lit_skin: np.ndarray  # (H, W, 3) skin under the face's light
    shade: np.ndarray  # (H, W) the light itself
    curves: dict[str, Pair] = field(init=False)

    def __post_init__(self) -> None:
        self.curves = curves(self.face)

    def light_at(self, points: np.ndarray) -> float:
        """The light's strength in the middle of (N, 2) pixels."""
        x, y = (points.sum(0) / len(points)).tolist()
        height, width = self.shade.shape
        row, column = min(max(round(y), 0), height - 1), min(max(round(x), 0), width - 1)
        return float(self.shade[row, column])

    def add(self, patch: Patch) -> None:
        """Paints a patch given in head units; a patch without colour shows the lit skin."""
        scale, points = self.face.pose.scale, project(self.face, patch.points)
        color, end = patch.color, patch.color_end
        if color is not None:
            light = self.light_at(points)
            color = tuple(light * c for c in color)
            end = end and tuple(light * c for c in end)
        paint(
            self.image, points, self.lit_skin if color is None else color, color_end=end,
            alpha=patch.alpha, blur=patch.blur * scale, width=patch.width * scale,
            closed=patch.closed,
        )  # fmt: skip

    def soft(
        self, points: np.ndarray, color: tuple | np.ndarray, alpha: float, blur: float
    ) -> None:
        """A blurred patch, for shadows and blushes."""
        if alpha > 0.01:
            self.add(Patch(points, tuple(color), alpha=alpha, blur=blur))

    def line(self, points: np.ndarray, color: tuple, width: float, alpha: float = 1.0) -> None:
        """An open stroke of ``width`` head units."""
        self.add(Patch(points, color, alpha=alpha, width=width, closed=False))


def dark(color: tuple, factor: float) -> tuple:
    """The colour times a factor, a little less red than before when darkened."""
    b, g, r = color
    return (b * factor * factor**0.2, g * factor * factor**0.1, r * factor)


def draw_skin(d: Drawing) -> None:
    """The head's front with its soft relief: cheeks, sockets, temples, beard."""
    c, look = d.curves, d.face.look
    jaw, skull = _whole(c['jaw']), _whole(c['skull'])
    d.add(Patch(np.vstack([jaw, skull[::-1]]), None))
    # A thin darker rim keeps the contour visible where neck or background match the skin.
    d.add(Patch(jaw, dark(look.skin, 0.45), alpha=0.5, width=0.025, blur=0.012, closed=False))
    for side, eye in zip(SIDES, c['eye_top'], strict=True):
        middle = eye.mean(0)
        d.soft(disc(middle, 0.27, stretch=0.62), dark(look.skin, 0.55), 0.4, 0.07)
        cheek = (side * 0.52, 0.6, 0.1)
        d.soft(disc(cheek, 0.2), (look.skin[0] * 0.8, look.skin[1] * 0.82, look.skin[2]), 0.4, 0.1)
    if look.beard > 0:
        chin = c['jaw'][0][-1]
        inner = jaw * (0.9, 1.0, 1.0)
        lip = _whole(c['lip_top'])[[0, 30, len(_whole(c['lip_top'])) // 2, -31, -1]]
        upper = (lip + (0, -0.13, 0))[::-1]
        points = np.vstack([inner[36:-36], upper])
        d.soft(points, look.hair, look.beard, 0.05)
        d.soft(disc(chin + (0, -0.1, 0.05), 0.2), look.hair, 0.4 * look.beard, 0.08)


def draw_brows(d: Drawing) -> None:
    """Tapered brows with a few hairs across them."""
    look = d.face.look
    for top, bottom in zip(d.curves['brow_top'], d.curves['brow_bottom'], strict=True):
        d.add(Patch(_ring(top, bottom), look.brow, alpha=0.85, blur=0.012))
        for i in range(6, len(top) - 2, 10):
            hair = np.stack([bottom[i], top[max(i - 5, 0)]])
            d.line(hair, dark(look.brow, 0.6), 0.014, 0.6)


def _draw_eye(d: Drawing, side: int) -> None:
    c, face = d.curves, d.face
    look, scale = face.look, face.pose.scale
    top, bottom, center = c['eye_top'][side], c['eye_bottom'][side], c['pupil'][side][0]
    opening, outline = _ring(top, bottom), project(face, _ring(top, bottom))
    white, inside = max(0.45, d.light_at(outline)), coverage(d.image, outline)
    radius = 0.088 * face.shape.iris_size * face.shape.eye_size

    def clipped(points: np.ndarray, color: tuple, alpha: float = 1.0, blur: float = 0.0) -> None:
        shade = tuple(min(255.0, white * v) for v in color)
        polygon = project(face, points)
        paint(d.image, polygon, shade, alpha=alpha, blur=blur * scale, clip=inside)

    d.add(Patch(opening, (222.0, 225.0, 228.0)))
    clipped(disc(center, radius), dark(look.iris, 0.45))
    clipped(disc(center, 0.84 * radius), look.iris)
    clipped(disc(center, 0.45 * radius), look.pupil)
    clipped(np.vstack([top, top[::-1] + (0, 0.045, 0)]), (40.0, 40.0, 45.0), 0.45, 0.02)
    glint = center + (0.5 * radius * np.sign(look.light[0] or 1.0), -0.5 * radius, 0.0)
    clipped(disc(glint, 0.17 * radius), (255.0, 255.0, 255.0), 0.85)
    inner = top[-1]
    clipped(disc(inner, 0.035), (120.0, 120.0, 190.0), 0.7, 0.008)
    d.line(bottom, dark(look.skin, 0.5), 0.018, 0.6)
    d.line(top, dark(look.brow, 0.45), 0.034, 0.9)
    # Above a closing lid the crease fades out.
    crease = top[4:-4] + (0.0, -0.055, 0.0)
    d.line(crease, dark(look.skin, 0.5), 0.018, 0.55)


def draw_eyes(d: Drawing) -> None:
    """Both eyes: ball, iris, pupil, lids, lashes and bags."""
    for side in (0, 1):
        _draw_eye(d, side)
        bag = d.curves['eye_bottom'][side] + (0.0, 0.075, 0.0)
        d.line(bag[6:-6], dark(d.face.look.skin, 0.6), 0.03, 0.45 * d.face.look.age)


def draw_nose(d: Drawing) -> None:
    """Bridge, shaded flank, tip, wings and nostrils; in profile it stands before the far cheek."""
    c, look, shape = d.curves, d.face.look, d.face.shape
    bridge, base = c['bridge'][0], _whole(c['nose_base'])
    tip, left, right = bridge[-1], c['nose_base'][0][0], c['nose_base'][1][0]
    narrow = 0.1 * shape.nose_width
    sides = [bridge[::8] + (s * narrow, 0.01, -0.06) for s in SIDES]
    wings = [w + (s * 0.03, -0.08, 0.0) for s, w in zip(SIDES, (left, right), strict=True)]
    d.soft(base + (0.0, 0.05, -0.05), dark(look.skin, 0.4), 0.5, 0.045)
    body = np.vstack([sides[0], wings[0], base, wings[1], sides[1][::-1]])
    d.add(Patch(body, None, blur=0.025))
    lit = -1.0 if look.light[0] < 0 else 1.0  # the side that the light comes from
    far = 1 if lit < 0 else 0
    flank = np.vstack([bridge[8:], base[len(base) // 2][None], wings[far], sides[far][::-1]])
    d.soft(flank, dark(look.skin, 0.5), 0.25 + 0.5 * abs(look.light[0]) * look.contrast, 0.035)
    glow = tuple(min(255.0, 1.25 * v + 12.0) for v in look.skin)
    ridge = bridge[6:] + (0.02 * lit, 0.0, 0.0)
    d.add(Patch(ridge, glow, alpha=0.5, width=0.05, blur=0.025, closed=False))
    d.soft(disc(tip + (0.02 * lit, -0.02, 0.0), 0.06), glow, 0.6, 0.025)
    d.line(base, dark(look.skin, 0.4), 0.022, 0.75)
    for side, wing, curve in zip(SIDES, wings, c['nose_base'], strict=True):
        arc = np.stack([curve[0], curve[0] + (side * 0.035, -0.05, 0), wing + (0, -0.03, 0)])
        d.line(arc, dark(look.skin, 0.45), 0.022, 0.7)
        hole = curve[len(curve) // 2] + (0.0, -0.025, 0.0)
        d.soft(disc(hole, 0.055, stretch=0.5), (18.0, 20.0, 40.0), 0.9, 0.008)


def draw_mouth(d: Drawing) -> None:
    """Lips, the open mouth's dark, teeth and tongue, and the folds about it."""
    c, look, opened = d.curves, d.face.look, d.face.expression.mouth_open
    outer = _ring(_whole(c['lip_top']), _whole(c['lip_bottom']))
    top, bottom = _whole(c['mouth_top']), _whole(c['mouth_bottom'])
    below = _whole(c['lip_bottom'])[6:-6] + (0.0, 0.07, 0.0)
    d.soft(below, dark(look.skin, 0.5), 0.4, 0.035)
    d.add(Patch(outer, dark(look.lips, 0.82), color_end=look.lips, blur=0.006))
    gleam = (np.vstack(c['lip_bottom']) + np.vstack(c['mouth_bottom'])).mean(0) / 2.0
    d.soft(
        disc(gleam, 0.11, stretch=0.25), tuple(min(255.0, v + 45.0) for v in look.lips), 0.5, 0.02
    )
    inner = _ring(top, bottom)
    d.add(Patch(inner, (28.0, 22.0, 60.0)))
    if opened > 0.08:
        hole = project(d.face, inner)
        light, clip = d.light_at(hole), coverage(d.image, hole)
        teeth = np.vstack([top, top[::-1] + (0.0, 0.1 + 0.05 * opened, 0.0)])
        paint(d.image, project(d.face, teeth), (205 * light, 218 * light, 224 * light), clip=clip)
        tongue = disc(bottom[len(bottom) // 2] + (0, 0.02, -0.05), 0.2, stretch=0.5)
        paint(d.image, project(d.face, tongue), (80 * light, 80 * light, 165 * light), clip=clip,
              blur=0.02 * d.face.pose.scale)  # fmt: skip
    d.line(top, dark(look.lips, 0.4), 0.02, 0.8)
    for side, corner, wing in zip(SIDES, c['lip_top'], c['nose_base'], strict=True):
        start = wing[0] + (side * 0.07, -0.02, -0.02)
        fold = np.stack([start, start + (side * 0.12, 0.14, -0.03), corner[0] + (side * 0.1, 0, 0)])
        depth = 0.15 + 0.35 * look.age + 0.3 * max(0.0, d.face.expression.smile)
        d.add(Patch(fold, dark(look.skin, 0.5), alpha=depth, width=0.03, blur=0.02, closed=False))


def draw_face(d: Drawing) -> None:
    """The whole bare face, from the skin up."""
    draw_skin(d)
    draw_mouth(d)
    draw_eyes(d)
    draw_brows(d)
    draw_nose(d)

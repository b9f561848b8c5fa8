"""Patches that belong to a person: neck, clothes, ears, hair, glasses."""

import dataclasses

import numpy as np

from .features import dark, disc
from .geometry import SIDES, curves, project, slide, spline
from .params import Color, Face, Patch


def _color(values: np.ndarray | tuple) -> Color:
    b, g, r = (float(min(255.0, max(0.0, v))) for v in values)
    return b, g, r


def _outline(face: Face, x: list, y: list, z: list) -> np.ndarray:
    """Closed outline through both sides' mirrored control points, from the left's first on."""
    halves = [
        slide(face, spline(np.stack([side * np.array(x), y, z], 1), to_middle=True), side)
        for side in SIDES
    ]
    return np.vstack([halves[0], halves[1][-2::-1]])


def body(face: Face, rng: np.random.Generator) -> list[Patch]:
    """Shoulders and neck, the latter dark under the chin."""
    skin, clothes = face.look.skin, rng.uniform(15, 235, 3)
    slope, broad = rng.uniform(0.1, 0.5), rng.uniform(1.7, 2.4)
    x = [broad, broad, 0.95 * broad, 0.55, 0.0]
    y = [6.0, 3.0, 2.3 + slope, 2.05, 2.25]
    back = np.array([spline(np.stack([s * np.array(x), y, np.full(5, -0.6)], 1)) for s in SIDES])
    shoulders = np.vstack([back[0], back[1][::-1]])
    neck = np.array([
        (-0.7, 0.7, -0.6), (-0.6, 1.5, -0.6), (-0.66, 2.3, -0.6), (0.0, 2.6, -0.5),
        (0.66, 2.3, -0.6), (0.6, 1.5, -0.6), (0.7, 0.7, -0.6),
    ]) * (face.shape.width, 1.0, 1.0)  # fmt: skip
    return [
        Patch(neck, dark(skin, 0.55), color_end=dark(skin, 0.9)),
        Patch(shoulders, _color(clothes), color_end=_color(clothes * rng.uniform(0.5, 1.0))),
    ]


def ears(face: Face) -> list[Patch]:
    """Both ears; the face is drawn over the far one."""
    out = []
    for side in SIDES:
        center = np.array([side * 1.02 * face.shape.width, 0.2, -0.66])
        out.append(Patch(disc(center, 0.13, stretch=1.9), None))
        rim = disc(center, 0.125, stretch=1.9)
        out.append(Patch(rim, dark(face.look.skin, 0.5), alpha=0.6, width=0.03))
        out.append(Patch(disc(center, 0.06, stretch=2.2), dark(face.look.skin, 0.5), alpha=0.6,
                         blur=0.02))  # fmt: skip
    return out


def hair_behind(face: Face, volume: float, length: float) -> list[Patch]:
    """The hair behind the head; ``length`` 0 ends at the ears, 1 on the shoulders."""
    w = face.shape.width * (1.0 + volume)
    end = 0.25 + 1.9 * length
    x = [0.75 * w, 1.05 * w, 1.06 * w, 1.06 * w, 0.93 * w, 0.58 * w, 0.0]
    y = [end + 0.1, end, 0.6 * end, -0.3, -0.78 - volume, -1.13 - volume, -1.25 - volume]
    points = _outline(face, x, y, [-0.9, -0.85, -0.8, -0.75, -0.6, -0.45, -0.35])
    return [Patch(points, dark(face.look.hair, 1.1), color_end=dark(face.look.hair, 0.6))]


def hair_before(
    face: Face, rng: np.random.Generator, volume: float, fringe: float, parting: float
) -> list[Patch]:
    """The hair over the forehead down to ``fringe`` (0 hairline, 1 brows), and its strands."""
    w, h, hair = face.shape.width, face.shape.height, face.look.hair
    crown = _outline(
        face,
        [1.03 * w, 1.05 * w * (1 + 0.5 * volume), 0.94 * w, 0.58 * w, 0.0],
        [0.2, -0.32, (-0.78 - volume) * h, (-1.13 - volume) * h, (-1.25 - volume) * h],
        [-0.62, -0.6, -0.48, -0.32, -0.25],
    )
    x = np.linspace(-1.0, 1.0, 9)
    drop = fringe * 0.42 * (1 - x**2) + rng.normal(0, 0.03, 9)
    y = (-0.86 + 0.5 * np.abs(x) ** 3) * h + drop - 0.12 * np.exp(-(((x - parting) / 0.2) ** 2))
    y[[0, -1]], y[[1, -2]] = 0.16, np.minimum(y[[1, -2]], -0.25)
    z = 0.18 - 0.78 * np.abs(x) ** 1.7
    line = spline(np.stack([x * w * 0.99, y, z], 1))
    # The hairline's ends slide with the head's outline, so that it does not leave the far temple.
    side = 1.0 if face.pose.yaw > 0 else -1.0
    far = np.clip(side * line[:, :1] / w, 0.0, 1.0) ** 2
    line = line + far * (slide(face, line, side) - line)
    out = [Patch(np.vstack([crown, line[::-1]]), hair, color_end=dark(hair, 0.75))]
    root = crown[len(crown) // 2] * 0.6 + (parting * 0.5, -0.35, 0.0)
    for i in np.linspace(6, len(line) - 7, 10).astype(int):
        i = int(np.clip(i + rng.integers(-4, 5), 2, len(line) - 3))
        middle = 0.5 * (root + line[i]) + (0.25 * line[i, 0], -0.12, 0.1)
        strand = spline(np.stack([root, middle, line[i]]))
        tone = rng.choice([0.6, 0.75, 1.3, 1.6])
        width = rng.uniform(0.02, 0.06)
        out.append(Patch(strand, _color(np.array(hair) * tone + (tone > 1) * 8), alpha=0.45,
                         width=width, closed=False))  # fmt: skip
    return out


def _lens(face: Face, side: float, size: float, square: float) -> np.ndarray:
    angle = np.arange(32) * (np.pi / 16)
    c, s = np.cos(angle), np.sin(angle)
    x = np.sign(c) * np.abs(c) ** square * 0.31 * size
    y = np.sign(s) * np.abs(s) ** square * 0.23 * size
    z = 0.16 - 0.28 * np.clip(x / (0.31 * size), -1, 1)
    return np.stack([side * (0.45 * face.shape.eye_spacing + x), 0.04 + y, z], 1)


def glasses(face: Face, rng: np.random.Generator, *, sun: bool) -> list[Patch]:
    """Clear or dark lenses, their frames, the bridge and the temples."""
    frame = _color(rng.choice([[20, 20, 25], [30, 45, 90], [150, 150, 155], [60, 90, 140]]))
    size, square, width = rng.uniform(0.9, 1.2), rng.uniform(0.45, 1.0), rng.uniform(0.025, 0.06)
    tint = _color(rng.uniform(8, 50, 3)) if sun else (235.0, 235.0, 230.0)
    out, inner = [], []
    for side in SIDES:
        lens = _lens(face, side, size, square)
        out.append(Patch(lens, tint, color_end=_color(np.array(tint) * 1.6),
                         alpha=0.94 if sun else 0.1))  # fmt: skip
        if sun:
            shine = lens.mean(0) + (lens[18:23] - lens.mean(0)) * 0.75
            out.append(Patch(shine, (200.0, 200.0, 200.0), alpha=0.35, width=0.04, closed=False))
        out.append(Patch(lens, frame, width=width))
        inner.append(lens[16])
        if side * face.pose.yaw < 25.0:  # the far temple is behind the head
            hinge = lens[30]
            ear = curves(face)['jaw'][int(side > 0)][0] + (0.0, -0.02, 0.0)
            out.append(Patch(np.stack([hinge, ear]), frame, width=width, closed=False))
    bridge = spline(np.stack([inner[0], (0.0, -0.02, 0.26), inner[1]]))
    return [*out, Patch(bridge, frame, width=width, closed=False)]


def dress(face: Face, rng: np.random.Generator) -> Face:
    """The face with a random body, ears, hair and now and then glasses."""
    volume, parting = rng.uniform(0.02, 0.22), rng.uniform(-0.5, 0.5)
    back, front = [], []
    bald = rng.random() < 0.1
    length = float(rng.choice([0.0, 0.0, rng.uniform(0.3, 1.0)]))
    if not bald:
        back += hair_behind(face, volume, length)
    back += body(face, rng)
    if length < 0.3 or rng.random() < 0.3:
        back += ears(face)
    if not bald:
        fringe = float(rng.choice([0.0, rng.uniform(0.0, 0.4), rng.uniform(0.4, 1.0)]))
        front += hair_before(face, rng, volume, fringe, parting)
    if rng.random() < 0.2:
        front += glasses(face, rng, sun=rng.random() < 0.3)
    look = dataclasses.replace(
        face.look, back=(*face.look.back, *back), front=(*face.look.front, *front)
    )
    return dataclasses.replace(face, look=look)


def extent(face: Face) -> np.ndarray:
    """(2, 2) least and greatest picture coordinates of jaw and brows."""
    c = curves(face)
    points = project(face, np.vstack([*c['jaw'], *c['brow_top'], *c['bridge']]))
    return np.stack([points.min(0), points.max(0)])

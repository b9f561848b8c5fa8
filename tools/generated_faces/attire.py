"""Patches that belong to a person: neck, clothes, ears, hair, glasses."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from .features import Patches, dark, disc, line
from .geometry import SIDES, curves, half, slide, spline, whole
from .params import DrawnFace, Patch


def _outline(face: DrawnFace, x: list[float], y: list[float], z: list[float]) -> np.ndarray:
    """Close an outline through both sides' mirrored control points, from the left's first on."""
    return whole([slide(face, half(side, x, y, z, to_middle=True), side) for side in SIDES])


def _body(face: DrawnFace, rng: Generator) -> Patches:
    """Shoulders and neck, the latter dark under the chin."""
    skin, clothes = face.look.skin, rng.uniform(15, 235, 3)
    slope, broad = rng.uniform(0.1, 0.5), rng.uniform(1.7, 2.4)
    x = np.array([0.7, 0.6, 0.66, 0.0]) * face.shape.width
    neck = np.stack([x, [0.7, 1.5, 2.3, 2.6], [-0.6, -0.6, -0.6, -0.5]], 1)
    neck = whole([neck * (-1, 1, 1), neck])
    yield Patch(neck, dark(skin, 0.55), dark(skin, 0.9))
    x = [broad, broad, 0.95 * broad, 0.55, 0.0]
    left, right = (half(side, x, [6.0, 3.0, 2.3 + slope, 2.05, 2.25], -0.6) for side in SIDES)
    yield Patch(np.vstack([left, right[::-1]]), clothes, clothes * rng.uniform(0.5, 1.0))


def _ears(face: DrawnFace) -> Patches:
    """Both ears; the face is drawn over the far one."""
    shadow = dark(face.look.skin, 0.5)
    for side in SIDES:
        center = side * 1.02 * face.shape.width, 0.2, -0.66
        yield Patch(disc(center, 0.13, 1.9), None)
        yield Patch(disc(center, 0.125, 1.9), shadow, alpha=0.6, width=0.03)
        yield Patch(disc(center, 0.06, 2.2), shadow, alpha=0.6, blur=0.02)


def _hair_behind(face: DrawnFace, volume: float, length: float) -> Patch:
    """Return the hair behind the head; `length` 0 ends at the ears, 1 on the shoulders."""
    w, end = face.shape.width * (1.0 + volume), 0.25 + 1.9 * length
    x = [0.75 * w, 1.05 * w, 1.06 * w, 1.06 * w, 0.93 * w, 0.58 * w, 0.0]
    y = [end + 0.1, end, 0.6 * end, -0.3, -0.78 - volume, -1.13 - volume, -1.25 - volume]
    points = _outline(face, x, y, [-0.9, -0.85, -0.8, -0.75, -0.6, -0.45, -0.35])
    return Patch(points, dark(face.look.hair, 1.1), dark(face.look.hair, 0.6))


def _hair_before(
    face: DrawnFace, rng: Generator, volume: float, fringe: float, parting: float
) -> Patches:
    """Yield the hair over the forehead down to `fringe` (0 hairline, 1 brows), and its strands."""
    w, h, hair = face.shape.width, face.shape.height, np.asarray(face.look.hair)
    x = [1.03 * w, 1.05 * w * (1 + 0.5 * volume), 0.94 * w, 0.58 * w, 0.0]
    y = [0.2, -0.32, (-0.78 - volume) * h, (-1.13 - volume) * h, (-1.25 - volume) * h]
    crown = _outline(face, x, y, [-0.62, -0.6, -0.48, -0.32, -0.25])
    x = np.linspace(-1.0, 1.0, 9)
    drop = fringe * 0.42 * (1 - x**2) + rng.normal(0, 0.03, 9)
    y = (-0.86 + 0.5 * np.abs(x) ** 3) * h + drop - 0.12 * np.exp(-(((x - parting) / 0.2) ** 2))
    y[[0, -1]], y[[1, -2]] = 0.16, np.minimum(y[[1, -2]], -0.25)
    edge = spline(np.stack([x * w * 0.99, y, 0.18 - 0.78 * np.abs(x) ** 1.7], 1))
    # The hairline's ends slide with the head's outline, so that it does not leave the far temple.
    side = 1.0 if face.pose.yaw > 0 else -1.0
    far = np.clip(side * edge[:, :1] / w, 0.0, 1.0) ** 2
    edge = edge + far * (slide(face, edge, side) - edge)
    yield Patch(np.vstack([crown, edge[::-1]]), hair, dark(hair, 0.75))
    root = crown[len(crown) // 2] * 0.6 + (parting * 0.5, -0.35, 0.0)
    for i in np.linspace(6, len(edge) - 7, 10).astype(int):
        end = edge[np.clip(i + rng.integers(-4, 5), 2, len(edge) - 3)]
        middle = 0.5 * (root + end) + (0.25 * end[0], -0.12, 0.1)
        tone, width = rng.choice([0.6, 0.75, 1.3, 1.6]), rng.uniform(0.02, 0.06)
        color = np.clip(hair * tone + (tone > 1) * 8, 0, 255)
        yield line(spline(np.stack([root, middle, end])), color, width, 0.45)


def _lens(face: DrawnFace, side: float, size: float, square: float) -> np.ndarray:
    angle = np.arange(32) * (np.pi / 16)
    c, s = np.cos(angle), np.sin(angle)
    x = np.sign(c) * np.abs(c) ** square * 0.31 * size
    y = np.sign(s) * np.abs(s) ** square * 0.23 * size
    z = 0.16 - 0.28 * np.clip(x / (0.31 * size), -1, 1)
    return np.stack([side * (0.45 * face.shape.eye_spacing + x), 0.04 + y, z], 1)


def _glasses(face: DrawnFace, rng: Generator, sun: bool) -> Patches:
    """Clear or dark lenses, their frames, the bridge and the temples."""
    frame = rng.choice([[20, 20, 25], [30, 45, 90], [150, 150, 155], [60, 90, 140]])
    size, square, width = rng.uniform(0.9, 1.2), rng.uniform(0.45, 1.0), rng.uniform(0.025, 0.06)
    tint = rng.uniform(8, 50, 3) if sun else np.array([235.0, 235.0, 230.0])
    lenses = [_lens(face, side, size, square) for side in SIDES]
    for side, lens in zip(SIDES, lenses, strict=True):
        yield Patch(lens, tint, np.minimum(255.0, tint * 1.6), alpha=0.94 if sun else 0.1)
        if sun:
            shine = lens.mean(0) + (lens[18:23] - lens.mean(0)) * 0.75
            yield line(shine, (200.0, 200.0, 200.0), 0.04, 0.35)
        yield Patch(lens, frame, width=width)
        if side * face.pose.yaw < 25.0:  # the far temple is behind the head
            ear = curves(face)['jaw'][int(side > 0)][0] + (0.0, -0.02, 0.0)
            yield line(np.stack([lens[30], ear]), frame, width)
    left, right = (lens[16] for lens in lenses)
    yield line(spline(np.stack([left, (0.0, -0.02, 0.26), right])), frame, width)


def dress(face: DrawnFace, rng: Generator) -> DrawnFace:
    """Return the face with a random body, ears, hair and now and then glasses."""
    volume, parting = rng.uniform(0.02, 0.22), rng.uniform(-0.5, 0.5)
    bald = rng.random() < 0.1
    length = float(rng.choice([0.0, 0.0, rng.uniform(0.3, 1.0)]))
    back, front = [] if bald else [_hair_behind(face, volume, length)], []
    back += _body(face, rng)
    if length < 0.3 or rng.random() < 0.3:
        back += _ears(face)
    if not bald:
        fringe = float(rng.choice([0.0, rng.uniform(0.0, 0.4), rng.uniform(0.4, 1.0)]))
        front += _hair_before(face, rng, volume, fringe, parting)
    if rng.random() < 0.2:
        front += _glasses(face, rng, sun=rng.random() < 0.3)
    return replace(face, back=tuple(back), front=tuple(front))

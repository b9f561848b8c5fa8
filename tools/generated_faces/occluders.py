"""Things that come before a face: hands, strands of hair, masks, boards, blobs."""

import numpy as np
from numpy.random import Generator

from .features import Patches, dark, disc, line, soft
from .geometry import SIDES, curves, spline
from .params import DrawnFace, Patch


def _tube(start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """(24, 3) outline of a finger between two points of the plane in front of the face."""
    along = (end - start) / np.linalg.norm(end - start)
    across = np.array([-along[1], along[0], 0.0])
    angle = np.linspace(-np.pi / 2, np.pi / 2, 12)
    cap = np.cos(angle)[:, None] * along + np.sin(angle)[:, None] * across
    return np.vstack([end + radius * cap, start - radius * cap])


def _hand(face: DrawnFace, rng: Generator) -> Patches:
    skin, side = face.look.skin, rng.choice([-1.0, 1.0])
    palm = np.array([side * rng.uniform(0.45, 1.0), rng.uniform(0.9, 1.7), 0.45])
    aim = np.array([rng.uniform(-0.2, 0.2) * side, rng.uniform(-0.3, 0.6), 0.45]) - palm
    toward = np.arctan2(aim[1], aim[0])
    wrist = palm - 1.8 * np.array([np.cos(toward) * 0.4, -0.9, 0.0])
    arm = [_tube(wrist, palm, 0.27), disc(palm, 0.33)]
    yield from (Patch(part, dark(skin, 0.45), width=0.03) for part in arm)
    yield from (Patch(part, None) for part in arm)
    for spread, length in zip(np.linspace(-0.42, 0.42, 4), (0.62, 0.74, 0.72, 0.58), strict=True):
        reach = length * rng.uniform(0.85, 1.1)
        turn = np.array([toward + 1.6 * spread, toward + spread])
        across, ahead = np.stack([np.cos(turn), np.sin(turn), np.zeros(2)], 1)
        root = palm + 0.2 * across
        finger = _tube(root, root + reach * ahead, 0.095)
        yield Patch(finger, dark(skin, 0.45), width=0.03)
        yield Patch(finger, None)
    yield soft(disc(palm, 0.3), dark(skin, 0.75), 0.6, 0.05)


def _strands(face: DrawnFace, rng: Generator) -> Patches:
    root = np.array([rng.uniform(-0.5, 0.5), -0.95, 0.1])
    for _ in range(rng.integers(2, 6)):
        end = root + (rng.uniform(-0.9, 0.9), rng.uniform(0.8, 2.0), 0.15)
        middle = 0.5 * (root + end) + (rng.uniform(-0.3, 0.3), 0.0, 0.3)
        hair = spline(np.stack([root, middle, end]))
        width = 0.09 * np.sin(np.linspace(0.4, np.pi, len(hair)))[:, None] * (1.0, 0.0, 0.0)
        color = np.asarray(face.look.hair) * rng.uniform(0.6, 1.4)
        yield Patch(np.vstack([hair - width, (hair + width)[::-1]]), color)


def _mask(face: DrawnFace, rng: Generator) -> Patches:
    color = rng.choice([[225, 220, 205], [200, 175, 130], [45, 45, 48], [130, 120, 200]])
    jaws, y = curves(face)['jaw'], rng.uniform(0.28, 0.5)
    left, right = (jaw[jaw[:, 1] > 0.5] * (1.0, 1.02, 1.0) for jaw in jaws)
    nose = [(0.42, y + 0.1, 0.15), (0.0, y, 0.42), (-0.42, y + 0.1, 0.15)]
    top = spline(np.stack([right[0], *nose, left[0]]))
    yield Patch(np.vstack([left, right[-2::-1], top]), color, color * 0.75)
    for y in (0.75, 0.95, 1.15):
        fold = spline(np.array([(-0.6, y, 0.0), (0.0, y + 0.06, 0.35), (0.6, y, 0.0)]))
        yield line(fold, color * 0.75, 0.02, 0.7)
    for side, jaw in zip(SIDES, jaws, strict=True):
        if side * face.pose.yaw < 20.0:
            yield line(np.stack([jaw[jaw[:, 1] > 0.5][0], jaw[0]]), color * 0.9, 0.025)


def _board(face: DrawnFace, rng: Generator) -> Patches:
    center = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-0.3, 1.5), 0.5])
    half, turn = rng.uniform(0.15, 0.55, 2), rng.uniform(-0.6, 0.6)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = center + np.hstack([corners @ spin, np.zeros((4, 1))])
    color, end = rng.uniform(10, 245, (2, 3))
    yield Patch(points, color)
    yield Patch(center + (points - center) * 0.7, end, color)


def _blob(face: DrawnFace, rng: Generator) -> Patches:
    center = np.array([rng.uniform(-1.0, 1.0), rng.uniform(-0.6, 1.6), 0.5])
    ring = disc(np.zeros(3), 1.0, count=40)
    angle = np.arctan2(ring[:, 1], ring[:, 0])
    waves = sum(rng.uniform(0, 0.2) * np.cos(k * angle + rng.uniform(0, 6)) for k in (1, 2, 3, 5))
    points = center + ring * (rng.uniform(0.2, 0.45) * (1.0 + waves))[:, None]
    yield Patch(points, *rng.uniform(10, 245, (2, 3)))


KINDS = {_hand: 0.3, _strands: 0.2, _mask: 0.12, _board: 0.18, _blob: 0.2}  # and how often


def occluder(face: DrawnFace, rng: Generator) -> tuple[Patch, ...]:
    """One random thing before the face."""
    kind = list(KINDS)[rng.choice(len(KINDS), p=list(KINDS.values()))]
    return tuple(kind(face, rng))

"""Random faces: what a seed draws."""

import dataclasses
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from .attire import dress
from .geometry import curves, project
from .occluders import occluder
from .params import Asymmetry, Camera, DrawnFace, Expression, Look, Pose, Shape

T = TypeVar('T')
SKINS = np.array([
    [150, 180, 232], [128, 165, 224], [105, 145, 208], [85, 125, 190], [65, 98, 160],
    [48, 72, 122], [36, 52, 88],
])  # fmt: skip
HAIRS = np.array([
    [18, 18, 22], [25, 35, 52], [35, 52, 88], [62, 98, 148], [105, 160, 205], [35, 60, 150],
    [150, 152, 155], [205, 208, 210],
])  # fmt: skip
IRISES = np.array([[35, 55, 90], [45, 75, 115], [150, 115, 75], [90, 120, 90], [25, 35, 55]])


def _normal(rng: Generator, deviation: float) -> float:
    """Draw a normal number about 0, cut at two and a half deviations."""
    return deviation * np.clip(rng.standard_normal(), -2.5, 2.5)


def _normals(cls: type[T], rng: Generator, strength: float = 1.0) -> T:
    """Draw a `Shape` or `Asymmetry`, its fields about their means."""
    values = {
        field.name: field.default + strength * _normal(rng, field.metadata['deviation'])
        for field in dataclasses.fields(cls)
    }
    return cls(**values)


def _sometimes(rng: Generator, chance: float, low: float, high: float) -> float:
    """Uniform with that chance, otherwise 0."""
    value = rng.uniform(low, high)
    return rng.choice([0.0, value], p=[1 - chance, chance])


def _expression(rng: Generator, strength: float) -> Expression:
    mouth = rng.choice([0.0, rng.uniform(0, 0.3), rng.uniform(0.2, 1.0)], p=[0.5, 0.3, 0.2])
    wide = rng.choice([rng.uniform(0.75, 1.1), rng.uniform(0.0, 0.75)], p=[0.82, 0.18])
    smile = rng.uniform(-0.25, 0.25) if rng.random() < 0.5 else rng.uniform(0.2, 1.0)
    return Expression(
        mouth_open=min(1.1, mouth * strength),
        smile=np.clip(smile * strength, -0.6, 1.1),
        pucker=_sometimes(rng, 0.15, 0, 0.8) * (smile < 0.3),
        brow_raise=np.clip(_normal(rng, 0.35) * strength, -0.5, 1.0),
        frown=_sometimes(rng, 0.3, 0, 1),
        eye_open=wide,
        gaze_x=_normal(rng, 0.4),
        gaze_y=_normal(rng, 0.35),
    )


def _look(rng: Generator, hard: bool) -> Look:
    place = rng.uniform(0, len(SKINS) - 1)
    skin = SKINS[int(place)] + (place % 1) * (SKINS[int(place) + 1] - SKINS[int(place)])
    skin = skin * rng.uniform(0.92, 1.08) * (1 + rng.normal(0, 0.03, 3))
    hair = HAIRS[rng.integers(len(HAIRS))] * rng.uniform(0.75, 1.25)
    blend = rng.uniform(0.15, 0.75)
    stubble = 0.35 if hair.mean() > skin.mean() else 0.75  # a pale beard hides less
    lips = skin * (0.78, 0.68, 0.92) * (1 - blend) + np.array([75, 60, 175]) * blend
    lips *= np.clip(skin[2] / 190.0, 0.6, 1.05)
    direction = rng.uniform(0, 2 * np.pi)
    oblique = rng.uniform(0.1, 1.0 if hard else 0.7)
    iris = IRISES[rng.integers(len(IRISES))] * rng.uniform(0.8, 1.2)
    brow = 0.7 * np.minimum(hair, 130.0) + 0.12 * skin
    skin, hair, brow, lips, iris = np.clip([skin, hair, brow, lips, iris], 4.0, 250.0)
    return Look(
        skin, hair, brow, lips, iris,
        light_x=oblique * np.cos(direction),
        light_y=oblique * np.sin(direction),
        contrast=rng.uniform(0.2, 0.85 if hard else 0.6),
        beard=_sometimes(rng, 0.25, 0.1, stubble),
        age=rng.uniform(0, 1),
    )  # fmt: skip


def _camera(rng: Generator, hard: bool) -> Camera:
    rough = 2.0 if hard else 1.0
    return Camera(
        blur=_sometimes(rng, 0.5, 0.3 * rough, rough),
        noise=_sometimes(rng, 0.6, rough, 7 * rough),
        gamma=np.exp(_normal(rng, 0.16 * rough)),
        gain=rng.uniform(1 - 0.2 * rough, 1.15),
        gray=bool(rng.random() < 0.08),
    )


def _place(face: DrawnFace, rng: Generator) -> DrawnFace:
    """Chooses size and place: about 45% of the picture's side, off centre, wholly inside."""
    size, c = np.array([face.width, face.height]), curves(face)
    core = np.vstack([*c['jaw'], *c['brow_top'], *c['bridge']])
    target = rng.uniform(0.38, 0.55) * size.min()
    scale = face.pose.scale * target / np.sqrt(np.prod(np.ptp(project(face, core), axis=0)))
    face = replace(face, pose=replace(face.pose, scale=scale))
    points = project(face, core)
    low, high = points.min(0), points.max(0)
    room = (size - 1 - (high - low)) / 2
    off = np.clip(rng.normal(0, 0.07, 2) * size, -0.85 * room, 0.85 * room)
    x, y = (size - 1) / 2 - (low + high) / 2 + off + (face.pose.center_x, face.pose.center_y)
    return replace(face, pose=replace(face.pose, center_x=x, center_y=y))


def random_face(seed: int | list[int] | Generator, *, hard: bool = False) -> DrawnFace:
    """Draw a face with all that its picture needs; it is about 45% of its 270 to 330 px picture.

    A list of seeds such as [seed, index] gives each face its own stream, whatever else is drawn. A
    hard face has a larger pose, harsher light, more blur and occlusion (iBUG-like).
    """
    rng = np.random.default_rng(seed)
    strength = 1.4 if hard else 1.0
    yaw = rng.uniform(-50, 50) if hard else _normal(rng, 16.0)
    pose = Pose(yaw, _normal(rng, 10.0 if hard else 6.5), _normal(rng, 14.0 if hard else 7.0))
    width, height = rng.integers(270, 331, 2).tolist()
    face = DrawnFace(  # each argument draws from `rng`: their order is part of what a seed gives
        shape=_normals(Shape, rng), expression=_expression(rng, strength),
        asymmetry=_normals(Asymmetry, rng, strength), pose=pose, look=_look(rng, hard),
        camera=_camera(rng, hard), width=width, height=height,
        texture_seed=int(rng.integers(2**31)),
    )  # fmt: skip
    face = dress(_place(face, rng), rng)
    for chance in (0.7, 0.25) if hard else (0.18,):
        if rng.random() < chance:
            face = replace(face, front=face.front + occluder(face, rng))
    return face

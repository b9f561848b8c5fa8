"""Random faces: what a seed draws."""

import dataclasses
from dataclasses import replace

import numpy as np

from .attire import dress, extent
from .occluders import occluder
from .params import Asymmetry, Camera, Expression, Face, Look, Pose, Shape

# Standard deviations of the identity; factors lie about 1, the named shifts about 0.
SHAPE_SPREAD = dict(
    width=0.05, height=0.05, depth=0.06, jaw_width=0.035, chin_width=0.1, chin_length=0.1,
    eye_size=0.09, eye_spacing=0.05, eye_tilt=0.012, iris_size=0.07, nose_length=0.08,
    nose_width=0.13, nose_depth=0.1, mouth_width=0.09, mouth_height=0.025, upper_lip=0.22,
    lower_lip=0.2, brow_height=0.025, brow_arch=0.3, brow_thickness=0.25, brow_length=0.06,
)  # fmt: skip
SKINS = np.array([
    [150, 180, 232], [128, 165, 224], [105, 145, 208], [85, 125, 190], [65, 98, 160],
    [48, 72, 122], [36, 52, 88],
], dtype=float)  # fmt: skip
HAIRS = np.array([
    [18, 18, 22], [25, 35, 52], [35, 52, 88], [62, 98, 148], [105, 160, 205], [35, 60, 150],
    [150, 152, 155], [205, 208, 210],
], dtype=float)  # fmt: skip
IRISES = np.array([[35, 55, 90], [45, 75, 115], [150, 115, 75], [90, 120, 90], [25, 35, 55]], float)


def _normal(rng: np.random.Generator, deviation: float) -> float:
    """Normal about 0, cut at two and a half deviations."""
    return float(deviation * np.clip(rng.standard_normal(), -2.5, 2.5))


def _rgb(values: np.ndarray) -> tuple[float, float, float]:
    b, g, r = np.clip(values, 4.0, 250.0).tolist()
    return b, g, r


def _shape(rng: np.random.Generator) -> Shape:
    base = dataclasses.asdict(Shape())
    return Shape(**{k: base[k] + _normal(rng, spread) for k, spread in SHAPE_SPREAD.items()})


def _expression(rng: np.random.Generator, strength: float) -> Expression:
    mouth = float(rng.choice([0.0, rng.uniform(0, 0.3), rng.uniform(0.2, 1.0)], p=[0.5, 0.3, 0.2]))
    wide = float(rng.choice([rng.uniform(0.75, 1.1), rng.uniform(0.0, 0.75)], p=[0.82, 0.18]))
    smile = rng.uniform(-0.25, 0.25) if rng.random() < 0.5 else rng.uniform(0.2, 1.0)
    return Expression(
        mouth_open=min(1.1, mouth * strength),
        smile=float(np.clip(smile * strength, -0.6, 1.1)),
        pucker=float(rng.choice([0.0, rng.uniform(0, 0.8)], p=[0.85, 0.15])) * (smile < 0.3),
        brow_raise=float(np.clip(_normal(rng, 0.35) * strength, -0.5, 1.0)),
        frown=float(rng.choice([0.0, rng.uniform(0, 1)], p=[0.7, 0.3])),
        eye_open=wide,
        gaze_x=_normal(rng, 0.4),
        gaze_y=_normal(rng, 0.35),
    )


def _asymmetry(rng: np.random.Generator, strength: float) -> Asymmetry:
    spread = (0.06, 0.08, 0.03, 0.006, 0.012)
    return Asymmetry(*(_normal(rng, s) * strength for s in spread))


def _look(rng: np.random.Generator, hard: bool) -> Look:
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
    return Look(
        skin=_rgb(skin),
        hair=_rgb(hair),
        brow=_rgb(0.7 * np.minimum(hair, 130.0) + 0.12 * skin),
        lips=_rgb(lips),
        iris=_rgb(IRISES[rng.integers(len(IRISES))] * rng.uniform(0.8, 1.2)),
        light=(float(oblique * np.cos(direction)), float(oblique * np.sin(direction))),
        contrast=float(rng.uniform(0.2, 0.85 if hard else 0.6)),
        beard=float(rng.choice([0.0, rng.uniform(0.1, stubble)], p=[0.75, 0.25])),
        age=float(rng.uniform(0, 1)),
    )


def _camera(rng: np.random.Generator, hard: bool) -> Camera:
    rough = 2.0 if hard else 1.0
    return Camera(
        blur=float(rng.choice([0.0, rng.uniform(0.3, 1.0) * rough], p=[0.5, 0.5])),
        noise=float(rng.choice([0.0, rng.uniform(1, 7) * rough], p=[0.4, 0.6])),
        gamma=float(np.exp(_normal(rng, 0.16 * rough))),
        gain=float(rng.uniform(1 - 0.2 * rough, 1.15)),
        gray=bool(rng.random() < 0.08),
    )


def _place(face: Face, rng: np.random.Generator) -> Face:
    """Chooses size and place: about 45% of the picture's side, off centre, wholly inside."""
    size = np.array([face.width, face.height])
    low, high = extent(face)
    target = rng.uniform(0.38, 0.55) * size.min()
    scale = face.pose.scale * target / np.sqrt(np.prod(high - low))
    face = replace(face, pose=replace(face.pose, scale=float(scale)))
    low, high = extent(face)
    room = (size - 1 - (high - low)) / 2
    off = np.clip(rng.normal(0, 0.07, 2) * size, -0.85 * room, 0.85 * room)
    x, y = (size - 1) / 2 - (low + high) / 2 + off + (face.pose.center_x, face.pose.center_y)
    return replace(face, pose=replace(face.pose, center_x=float(x), center_y=float(y)))


def random_face(seed: int | list[int] | np.random.Generator, *, hard: bool = False) -> Face:
    """Draws a face with everything that its picture needs.

    Args:
        seed: A seed for, or itself, numpy's Generator. A list such as [seed, index] gives each
            face its own stream, whatever else is drawn.
        hard: Larger pose and expression, harsher light, more blur and occlusion (iBUG-like).

    Returns:
        The face, about 45% of its 270 to 330 px picture.
    """
    rng = np.random.default_rng(seed)
    strength = 1.4 if hard else 1.0
    yaw = rng.uniform(-50, 50) if hard else _normal(rng, 16.0)
    pose = Pose(
        yaw=float(yaw),
        pitch=_normal(rng, 10.0 if hard else 6.5),
        roll=_normal(rng, 14.0 if hard else 7.0),
    )
    width, height = (int(v) for v in rng.integers(270, 331, 2))
    face = Face(
        shape=_shape(rng), expression=_expression(rng, strength),
        asymmetry=_asymmetry(rng, strength), pose=pose, look=_look(rng, hard),
        camera=_camera(rng, hard), width=width, height=height,
        texture_seed=int(rng.integers(2**31)),
    )  # fmt: skip
    face = dress(_place(face, rng), rng)
    for chance in (0.7, 0.25) if hard else (0.18,):
        if rng.random() < chance:
            look = face.look
            face = replace(face, look=replace(look, front=look.front + occluder(face, rng)))
    return face

"""What determines one drawn face.

Head coordinates: x to the picture's right, y down, z towards the viewer, y = 0 at the eye line;
one unit is half the face's width at the ears. Picture coordinates are in pixels, 0-based, the
first pixel's centre at (0, 0). "Left" and "right" are the picture's, never the person's.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

Color = tuple[float, float, float] | np.ndarray  # B, G, R in 0..255


def _normal(name: str, doc: str, **fields: tuple[float, float]) -> type:
    """A frozen dataclass of floats, each with its mean, the default, and its deviation."""
    columns = [
        (key, float, field(default=mean, metadata=dict(deviation=deviation)))
        for key, (mean, deviation) in fields.items()
    ]
    return dataclasses.make_dataclass(name, columns, frozen=True, namespace=dict(__doc__=doc))


Shape = _normal(
    'Shape', 'Identity: factors about 1, shifts and tilts about 0 (head units).',
    width=(1, 0.05), height=(1, 0.05), depth=(1, 0.06), jaw_width=(1, 0.035), chin_width=(1, 0.1),
    chin_length=(1, 0.1), eye_size=(1, 0.09), eye_spacing=(1, 0.05), eye_tilt=(0, 0.012),
    iris_size=(1, 0.07), nose_length=(1, 0.08), nose_width=(1, 0.13), nose_depth=(1, 0.1),
    mouth_width=(1, 0.09), mouth_height=(0, 0.025), upper_lip=(1, 0.22), lower_lip=(1, 0.2),
    brow_height=(0, 0.025), brow_arch=(1, 0.3), brow_thickness=(1, 0.25), brow_length=(1, 0.06),
)  # fmt: skip
Asymmetry = _normal(
    'Asymmetry', 'Added on the right side, taken off the left; bend bows the midline to the right.',
    smile=(0, 0.06), brow_raise=(0, 0.08), eye_open=(0, 0.03), eye_height=(0, 0.006),
    bend=(0, 0.012),
)  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """Muscles: 0 at rest, about 1 at full strength; ``eye_open`` is 1 at rest, 0 when shut."""

    mouth_open: float = 0.0
    smile: float = 0.0
    pucker: float = 0.0
    brow_raise: float = 0.0
    frown: float = 0.0
    eye_open: float = 1.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@dataclass(frozen=True)
class Pose:
    """Weak perspective: angles in degrees, ``scale`` in pixels per head unit, centre in pixels.

    Positive yaw looks to the picture's right, positive pitch down, positive roll turns clockwise.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 80.0
    center_x: float = 150.0
    center_y: float = 150.0


@dataclass(frozen=True)
class Patch:
    """A piece of the drawing: a polygon, or a stroke along it.

    A face is a list of patches with (N, 3) points in head units; each is painted with (N, 2)
    points in pixels. ``width`` and the standard deviation ``blur`` are in the same unit.
    """

    points: np.ndarray
    color: Color | None  # None shows the lit skin, for which an (H, W, 3) picture is painted
    color_end: Color | None = None  # at the bottom, reached linearly
    alpha: float = 1.0
    width: float = 0.0  # of the stroke; 0 fills the polygon
    blur: float = 0.0
    closed: bool = True
    clip: np.ndarray | None = None  # a polygon that limits the patch, whose colour is lit already


@dataclass(frozen=True)
class Look:
    """Colours, light and what lies behind (``back``) or before (``front``) the bare face."""

    skin: Color = (140.0, 170.0, 215.0)
    hair: Color = (30.0, 40.0, 60.0)
    brow: Color = (35.0, 45.0, 65.0)
    lips: Color = (95.0, 95.0, 180.0)
    iris: Color = (60.0, 90.0, 110.0)
    pupil: Color = (12.0, 12.0, 14.0)
    light: tuple[float, float] = (-0.3, -0.4)
    contrast: float = 0.4
    beard: float = 0.0
    age: float = 0.3
    back: tuple[Patch, ...] = ()
    front: tuple[Patch, ...] = ()


@dataclass(frozen=True)
class Camera:
    """What is done to the finished drawing; blur in pixels, noise in grey levels."""

    blur: float = 0.0
    noise: float = 0.0
    gamma: float = 1.0
    gain: float = 1.0
    gray: bool = False


@dataclass(frozen=True)
class Face:
    """One face in one picture of ``width`` x ``height`` pixels."""

    shape: Shape = Shape()
    expression: Expression = Expression()
    asymmetry: Asymmetry = Asymmetry()
    pose: Pose = Pose()
    look: Look = Look()
    camera: Camera = Camera()
    width: int = 300
    height: int = 300
    texture_seed: int = 0

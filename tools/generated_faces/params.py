"""Everything that determines one generated face.

Head coordinates: x to the picture's right, y down, z towards the viewer, y = 0 at the eye line;
one unit is half the face's width at the ears. Picture coordinates are in pixels, 0-based, the
first pixel's centre at (0, 0). "Left" and "right" are the picture's, never the person's.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

Color = tuple[float, float, float]  # B, G, R in 0..255


# Identity: factors about 1, shifts and tilts about 0 (head units).
Shape = dataclasses.make_dataclass('Shape', [(name, float, default) for name, default in dict(
    width=1.0, height=1.0, depth=1.0, jaw_width=1.0, chin_width=1.0, chin_length=1.0,
    eye_size=1.0, eye_spacing=1.0, eye_tilt=0.0, iris_size=1.0, nose_length=1.0, nose_width=1.0,
    nose_depth=1.0, mouth_width=1.0, mouth_height=0.0, upper_lip=1.0, lower_lip=1.0,
    brow_height=0.0, brow_arch=1.0, brow_thickness=1.0, brow_length=1.0,
).items()], frozen=True)  # fmt: skip
Shape.__module__ = __name__  # by which pickle finds it


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
class Asymmetry:
    """Added on the right side, taken off the left; ``bend`` bows the midline to the right."""

    smile: float = 0.0
    brow_raise: float = 0.0
    eye_open: float = 0.0
    eye_height: float = 0.0
    bend: float = 0.0


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
    """A flat-coloured piece hung on the head: ``points`` (N, 3) in head units.

    ``color`` None takes the lit skin. ``width`` 0 fills the polygon, otherwise it is the width of
    the stroke along it. ``blur`` is in head units. ``color_end`` is the colour at the bottom.
    """

    points: np.ndarray
    color: Color | None
    color_end: Color | None = None
    alpha: float = 1.0
    width: float = 0.0
    blur: float = 0.0
    closed: bool = True


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
    """One face in one picture of ``width`` x ``height`` pixels; equal faces give equal pictures."""

    shape: Shape = field(default_factory=Shape)
    expression: Expression = field(default_factory=Expression)
    asymmetry: Asymmetry = field(default_factory=Asymmetry)
    pose: Pose = field(default_factory=Pose)
    look: Look = field(default_factory=Look)
    camera: Camera = field(default_factory=Camera)
    width: int = 300
    height: int = 300
    texture_seed: int = 0

"""What determines one drawn face.

Head coordinates: x to the picture's right, y down, z towards the viewer, y = 0 at the eye line;
one unit is half the face's width at the ears. Picture coordinates are in pixels, 0-based, the
first pixel's centre at (0, 0). "Left" and "right" are the picture's, never the person's.
"""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

Color = tuple[float, float, float] | np.ndarray  # B, G, R in 0..255


def _record(name: str, doc: str, **fields) -> type:
    """Make a frozen dataclass; a default that is a pair is a mean and a standard deviation."""
    columns = []
    for key, value in fields.items():
        mean, deviation = value if np.size(value) == 2 else (value, None)
        default = field(default=mean, metadata=dict(deviation=deviation))
        columns.append((key, type(mean), default))
    return dataclasses.make_dataclass(name, columns, frozen=True, namespace=dict(__doc__=doc))


Shape = _record(
    'Shape', 'Identity: factors about 1, shifts and tilts about 0 (head units).',
    width=(1, 0.05), height=(1, 0.05), depth=(1, 0.06), jaw_width=(1, 0.035), chin_width=(1, 0.1),
    chin_length=(1, 0.1), eye_size=(1, 0.09), eye_spacing=(1, 0.05), eye_tilt=(0, 0.012),
    iris_size=(1, 0.07), nose_length=(1, 0.08), nose_width=(1, 0.13), nose_depth=(1, 0.1),
    mouth_width=(1, 0.09), mouth_height=(0, 0.025), upper_lip=(1, 0.22), lower_lip=(1, 0.2),
    brow_height=(0, 0.025), brow_arch=(1, 0.3), brow_thickness=(1, 0.25), brow_length=(1, 0.06),
)  # fmt: skip
Asymmetry = _record(
    'Asymmetry', 'Added on the right side, taken off the left; bend bows the midline to the right.',
    smile=(0, 0.06), brow_raise=(0, 0.08), eye_open=(0, 0.03), eye_height=(0, 0.006),
    bend=(0, 0.012),
)  # fmt: skip
Expression = _record(
    'Expression', 'Muscles: 0 at rest, about 1 at full strength; the shut eye is 0 open.',
    mouth_open=0.0, smile=0.0, pucker=0.0, brow_raise=0.0, frown=0.0, eye_open=1.0,
    gaze_x=0.0, gaze_y=0.0,
)  # fmt: skip
Pose = _record(
    'Pose', 'Degrees, pixels per head unit and pixels; positive is right, down and clockwise.',
    yaw=0.0, pitch=0.0, roll=0.0, scale=80.0, center_x=150.0, center_y=150.0,
)  # fmt: skip
Look = _record(
    'Look', 'Colours, B, G, R in 0..255, and light.',
    skin=(140.0, 170.0, 215.0), hair=(30.0, 40.0, 60.0), brow=(35.0, 45.0, 65.0),
    lips=(95.0, 95.0, 180.0), iris=(60.0, 90.0, 110.0), pupil=(12.0, 12.0, 14.0),
    light_x=-0.3, light_y=-0.4, contrast=0.4, beard=0.0, age=0.3,
)  # fmt: skip
Camera = _record(
    'Camera', 'What is done to the finished drawing; blur in pixels, noise in grey levels.',
    blur=0.0, noise=0.0, gamma=1.0, gain=1.0, gray=False,
)  # fmt: skip


@dataclass(frozen=True)
class Patch:
    """A piece of the drawing: a polygon, or a stroke along it.

    Its points are (N, 3) in head units; to be painted, (N, 2) in pixels. `width` and the
    standard deviation `blur` are in the same unit.
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
class DrawnFace:
    """One face in one picture, with what lies behind (`back`) and before (`front`) it."""

    shape: Shape = Shape()
    expression: Expression = Expression()
    asymmetry: Asymmetry = Asymmetry()
    pose: Pose = Pose()
    look: Look = Look()
    camera: Camera = Camera()
    width: int = 300
    height: int = 300
    texture_seed: int = 0
    back: tuple[Patch, ...] = ()
    front: tuple[Patch, ...] = ()

"""From a `DrawnFace` to its picture: background, light, skin, patches, camera."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator

from .features import bare_face
from .geometry import project
from .params import Camera, DrawnFace, Patch

SUPER = 4  # enough for an edge within 0.02 px; strongly blurred shapes do without
SHIFT = 4  # fractional bits of cv2's coordinates: 1/16 of a large pixel


def _mask(
    points: np.ndarray, size: np.ndarray, width: float, closed: bool, times: int
) -> np.ndarray:
    """(H, W) float32 in 0..1: the polygon, or the stroke, drawn `times` larger and averaged."""
    large = np.zeros(size[::-1] * times, np.uint8)
    # The large pixel (0, 0) has its centre at -(times - 1) / (2 times) of a small one.
    fixed = np.round((points * times + (times - 1) / 2.0) * (1 << SHIFT)).astype(np.int32)[None]
    if width > 0:
        cv2.polylines(large, fixed, closed, 255, max(1, round(width * times)), cv2.LINE_AA, SHIFT)
    else:
        # cv2 fills every pixel that the outline touches; at half weight those average out, and the
        # shape's radius is right to 0.02 px instead of 0.15 px too large.
        cv2.fillPoly(large, fixed, 255, cv2.LINE_8, SHIFT)
        cv2.polylines(large, fixed, True, 127, 1, cv2.LINE_8, SHIFT)
    if times > 1:
        large = cv2.resize(large, size.tolist(), interpolation=cv2.INTER_AREA)
    return large.astype(np.float32) * np.float32(1.0 / 255.0)


def paint(image: np.ndarray, patch: Patch) -> None:
    """Paints a patch with points (N, 2) in pixels over the picture (H, W, 3) float32, in place."""
    margin = patch.width / 2.0 + 3.0 * patch.blur + 1.0
    low = np.maximum(np.floor(patch.points.min(0) - margin), 0).astype(int)
    high = np.ceil(patch.points.max(0) + margin).astype(int) + 1
    high = np.minimum(high, image.shape[1::-1])
    if (low >= high).any():
        return
    box, size = (slice(low[1], high[1]), slice(low[0], high[0])), high - low
    times = 1 if patch.blur > 1.5 else SUPER
    mask = _mask(patch.points - low, size, patch.width, patch.closed, times)
    if patch.blur > 0.2:
        mask = cv2.GaussianBlur(mask, (0, 0), patch.blur, borderType=cv2.BORDER_REPLICATE)
    if patch.clip is not None:
        mask *= _mask(patch.clip - low, size, 0.0, True, SUPER)
    region, color = image[box], np.asarray(patch.color, np.float32)
    if color.ndim == 3:
        color = color[box]
    elif patch.color_end is not None:
        t = np.linspace(0.0, 1.0, size[1], dtype=np.float32)[:, None, None]
        color = color * (1 - t) + np.asarray(patch.color_end, np.float32) * t
    color = np.full(region.shape, color)
    mask *= np.float32(patch.alpha)
    region[:] = cv2.blendLinear(region, color, 1.0 - mask, mask)


def _noise(rng: Generator, size: tuple[int, int], *knots: int) -> np.ndarray:
    """(H, W) or (H, W, 3) float32 noise in about 0..1, smooth between (cells, cells[, 3]) knots."""
    return cv2.resize(rng.random(knots, np.float32), size[::-1], interpolation=cv2.INTER_CUBIC)


def _shapes(rng: Generator, image: np.ndarray) -> None:
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(1, 6))):
        center = rng.uniform(0.0, 1.0, 2) * (width, height)
        corners = int(rng.choice([3, 4, 4, 24]))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        if corners == 24:
            angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        radius = rng.uniform(0.05, 0.4) * width * np.array([1.0, rng.uniform(0.3, 1.5)])
        points = center + radius * np.stack([np.cos(angle), np.sin(angle)], 1)
        color, end = rng.uniform(10, 245, (2, 3))
        blur, stroke = rng.choice([0.0, 1.5, 5.0]), rng.choice([0.0, 0.0, 4.0])
        paint(image, Patch(points, color, end, alpha=0.8, blur=blur, width=stroke))


def _background(rng: Generator, height: int, width: int) -> np.ndarray:
    """Draw a random (H, W, 3) float32 background in about 0..255."""
    low, high = np.sort(rng.uniform(0, 255, (2, 3)), axis=0).astype(np.float32)
    faded = np.float32(rng.uniform(0.2, 1.0))  # rooms and streets are seldom gaudy
    low, high = (c + faded * (c.mean() - c) for c in (low, high))
    half = (height + 1) // 2, (width + 1) // 2  # nothing here is finer than two pixels
    cells = rng.integers(2, 9)
    image = low + (high - low) * _noise(rng, half, cells, cells, 3)
    if rng.random() < 0.6:
        _shapes(rng, image)
    if rng.random() < 0.5:
        cells = rng.integers(20, 70)
        fine = _noise(rng, half, cells, cells)[:, :, None]
        image += (fine - 0.5) * np.float32(rng.uniform(10, 70))
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 2.5)))
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.4:
        _shapes(rng, image)
    return image


def _light(face: DrawnFace) -> np.ndarray:
    """(H, W) float32 light on an ellipsoid about the head, about 1 on average."""
    pose, look = face.pose, face.look
    center = project(face, np.array([0.0, 0.45, 0.0]))
    roll = np.deg2rad(pose.roll)
    # Light is smooth: every fourth pixel is enough, from the middle of the first four on.
    rows, columns = np.ogrid[1.5 : face.height + 2 : 4, 1.5 : face.width + 2 : 4]
    x, y = (columns - center[0]) / pose.scale, (rows - center[1]) / pose.scale
    u = (x * np.cos(roll) + y * np.sin(roll)) / 1.25
    v = (y * np.cos(roll) - x * np.sin(roll)) / 1.7
    r2 = np.minimum(u * u + v * v, 1.0)
    facing = u * look.light_x + v * look.light_y + np.sqrt(1.0 - r2) * 0.8
    light = 1.0 - look.contrast + look.contrast * 1.25 * np.maximum(facing, 0.0)
    fine = cv2.resize(light.astype(np.float32), None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    return fine[: face.height, : face.width]


def _skin(face: DrawnFace, shade: np.ndarray, rng: Generator) -> np.ndarray:
    """(H, W, 3) lit skin with a faint mottle; shadows turn a little redder."""
    light = shade * (1.0 + 0.06 * (_noise(rng, shade.shape, 70, 70) - 0.5))
    b, g, r = face.look.skin
    return cv2.merge([light * b * (0.85 + 0.15 * np.minimum(shade, 1.0)), light * g, light * r])


def _photograph(image: np.ndarray, camera: Camera, rng: Generator) -> np.ndarray:
    """Blur, exposure, noise and grey: (H, W, 3) float32 to uint8."""
    if camera.blur > 0.05:
        image = cv2.GaussianBlur(image, (0, 0), camera.blur)
    if camera.noise > 0:
        noise = rng.standard_normal((*image.shape[:2], 1), dtype=np.float32)
        image = image + noise * np.float32(camera.noise)
    image8 = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    levels = np.arange(256) / 255.0
    curve = 255.0 * np.clip(0.5 + (levels**camera.gamma - 0.5) * camera.gain, 0.0, 1.0)
    image8 = cv2.LUT(image8, np.rint(curve).astype(np.uint8))
    if camera.gray:
        image8 = cv2.cvtColor(cv2.cvtColor(image8, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return image8


def render(face: DrawnFace) -> np.ndarray:
    """Draw the face, (height, width, 3) uint8 BGR: its patches from the background to the glasses.

    Features lie on `landmarks(face, ...)` to within 0.1 px.
    """
    rng = np.random.default_rng(face.texture_seed)
    image = _background(rng, face.height, face.width)
    shade = _light(face)
    skin = _skin(face, shade, rng)

    def light(points: np.ndarray) -> float:
        """Return the light's strength in the middle of (N, 2) pixels."""
        x, y = points.mean(0).tolist()
        column, row = min(max(round(x), 0), face.width - 1), min(max(round(y), 0), face.height - 1)
        return float(shade[row, column])

    for patch in [*face.back, *bare_face(face, light), *face.front]:
        points, scale = project(face, patch.points), face.pose.scale
        color, end, clip = patch.color, patch.color_end, patch.clip
        strength = light(points) if clip is None else 1.0
        paint(image, replace(
            patch, points=points, width=patch.width * scale, blur=patch.blur * scale,
            color=skin if color is None else strength * np.asarray(color),
            color_end=end if end is None else strength * np.asarray(end),
            clip=clip if clip is None else project(face, clip),
        ))  # fmt: skip
    return _photograph(image, face.camera, rng)

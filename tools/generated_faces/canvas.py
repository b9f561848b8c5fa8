"""Anti-aliased painting on a float picture, centred on the stated coordinates.

Polygons (N, 2) are in picture coordinates, 0-based, pixel centres at whole numbers. A mask is
drawn ``times`` larger, then averaged down; the large pixel (0, 0) has its centre at
-(times - 1) / (2 times) of a small one, hence ``(times - 1) / 2`` in ``_fixed``.
"""

import math

import cv2
import numpy as np

SUPER = 4  # enough for an edge within 0.02 px; strongly blurred shapes do without
SHIFT = 4  # fractional bits of cv2's coordinates: 1/16 of a large pixel


def _fixed(points: np.ndarray, origin: np.ndarray, times: int) -> np.ndarray:
    large = (points - origin) * times + (times - 1) / 2.0
    return np.round(large * (1 << SHIFT)).astype(np.int32)[None]


def _box(image: np.ndarray, points: np.ndarray, margin: float) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom (exclusive) of what the picture shows of the points, or None."""
    height, width = image.shape[:2]
    (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
    left, top = max(math.floor(x0 - margin), 0), max(math.floor(y0 - margin), 0)
    right = min(math.ceil(x1 + margin) + 1, width)
    bottom = min(math.ceil(y1 + margin) + 1, height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _mask(
    points: np.ndarray,
    box: tuple[int, int, int, int],
    width: float = 0.0,
    closed: bool = True,
    times: int = SUPER,
) -> np.ndarray:
    left, top, right, bottom = box
    large = np.zeros(((bottom - top) * times, (right - left) * times), np.uint8)
    fixed = _fixed(points, np.array([left, top]), times)
    if width > 0:
        cv2.polylines(large, fixed, closed, 255, max(1, round(width * times)), cv2.LINE_AA, SHIFT)
    else:
        # cv2 fills every pixel that the outline touches; at half weight those average out, and the
        # shape's radius is right to 0.02 px instead of 0.15 px too large.
        cv2.fillPoly(large, fixed, 255, cv2.LINE_8, SHIFT)
        cv2.polylines(large, fixed, True, 127, 1, cv2.LINE_8, SHIFT)
    if times > 1:
        large = cv2.resize(large, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    return large.astype(np.float32) * np.float32(1.0 / 255.0)


def coverage(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(H, W) float32: how much of each of the picture's pixels lies within the polygon (N, 2)."""
    full = np.zeros(image.shape[:2], np.float32)
    box = _box(image, points, 1.0)
    if box is not None:
        left, top, right, bottom = box
        full[top:bottom, left:right] = _mask(points, box)
    return full


def paint(
    image: np.ndarray,
    points: np.ndarray,
    color: np.ndarray | tuple[float, ...],
    *,
    color_end: tuple[float, ...] | None = None,
    alpha: float = 1.0,
    blur: float = 0.0,
    width: float = 0.0,
    closed: bool = True,
    clip: np.ndarray | None = None,
) -> None:
    """Paints a polygon, or a stroke along it, over the picture in place.

    Args:
        image: (H, W, 3) float32.
        points: (N, 2) pixels.
        color: (3,) colour or an (H, W, 3) picture that shows through the shape.
        color_end: Colour at the shape's bottom, reached linearly.
        alpha: Opacity.
        blur: Softens the edge: standard deviation in pixels.
        width: Stroke width in pixels; 0 fills.
        closed: A stroke returns to its first point.
        clip: (H, W) float32 in 0..1 that limits the paint, see ``coverage``.
    """
    box = _box(image, points, width / 2.0 + 3.0 * blur + 1.0)
    if box is None:
        return
    left, top, right, bottom = box
    mask = _mask(points, box, width, closed, 1 if blur > 1.5 else SUPER)
    if blur > 0.2:
        mask = cv2.GaussianBlur(mask, (0, 0), blur, borderType=cv2.BORDER_REPLICATE)
    if clip is not None:
        mask *= clip[top:bottom, left:right]
    region = image[top:bottom, left:right]
    source = np.asarray(color, np.float32)
    if source.ndim == 3:
        source = source[top:bottom, left:right]
    elif color_end is not None:
        t = np.linspace(0.0, 1.0, bottom - top, dtype=np.float32)[:, None, None]
        column = source * (1 - t) + np.asarray(color_end, np.float32) * t
        source = np.repeat(column, right - left, axis=1)
    else:
        source = np.full(region.shape, source, np.float32)
    mask *= np.float32(alpha)
    region[:] = cv2.blendLinear(region, source, 1.0 - mask, mask)

"""Anti-aliased painting on a float picture, centred on the stated coordinates."""

import cv2
import numpy as np

from .params import Patch

SUPER = 4  # enough for an edge within 0.02 px; strongly blurred shapes do without
SHIFT = 4  # fractional bits of cv2's coordinates: 1/16 of a large pixel


def _mask(
    points: np.ndarray, size: np.ndarray, width: float, closed: bool, times: int
) -> np.ndarray:
    """(H, W) float32 in 0..1: the polygon, or the stroke, drawn ``times`` larger and averaged."""
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
    color = np.ascontiguousarray(np.broadcast_to(color, region.shape))
    mask *= np.float32(patch.alpha)
    region[:] = cv2.blendLinear(region, color, 1.0 - mask, mask)

"""What surrounds the head: smooth noise, shapes and grain."""

import cv2
import numpy as np

from .canvas import paint


def smooth_noise(
    rng: np.random.Generator, height: int, width: int, cells: int, channels: int
) -> np.ndarray:
    """(H, W, channels) float32 noise in about 0..1 with ``cells`` knots a side."""
    coarse = rng.random((cells, cells, channels), dtype=np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return fine.reshape(height, width, channels)


def _shapes(rng: np.random.Generator, image: np.ndarray) -> None:
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
        blur = float(rng.choice([0.0, 1.5, 5.0]))
        stroke = float(rng.choice([0.0, 0.0, 4.0]))
        paint(image, points, color, color_end=tuple(end), alpha=0.8, blur=blur, width=stroke)


def background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A random (H, W, 3) float32 background in about 0..255."""
    low, high = np.sort(rng.uniform(0, 255, (2, 3)), axis=0).astype(np.float32)
    faded = np.float32(rng.uniform(0.2, 1.0))  # rooms and streets are seldom gaudy
    low, high = (c + faded * (c.mean() - c) for c in (low, high))
    half = (height + 1) // 2, (width + 1) // 2  # nothing here is finer than two pixels
    image = low + (high - low) * smooth_noise(rng, *half, int(rng.integers(2, 9)), 3)
    if rng.random() < 0.6:
        _shapes(rng, image)
    if rng.random() < 0.5:
        fine = smooth_noise(rng, *half, int(rng.integers(20, 70)), 1)
        image += (fine - 0.5) * np.float32(rng.uniform(10, 70))
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 2.5)))
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.4:
        _shapes(rng, image)
    return image

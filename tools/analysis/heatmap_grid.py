"""Heatmaps one by one, laid over the face and bare, as in MHHN's Fig. 7.

L landmarks, (H, W) heatmap; points are (x, y) in photo pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
from analysis.figure import new_figure, save_figure

TILE, GAP = 112, 4  # of the picture, pixels
DPI = 120
DIM = 0.45  # brightness that is left to the photo


class HeatmapRow(NamedTuple):
    """One line of the picture.

    Attributes:
        title: At its left.
        photo: RGB, (h, w, 3) uint8.
        truth: True landmarks (L, 2), photo pixels.
        box: (left, top, right, bottom) of what the heatmaps span, photo pixels.
        heatmaps: (L, H, W), 1 where the target has its peak, see `absolute_heatmaps`.
    """

    title: str
    photo: np.ndarray
    truth: np.ndarray
    box: tuple[float, float, float, float]
    heatmaps: np.ndarray


def absolute_heatmaps(output: np.ndarray, activation: str | None, sigma: float) -> np.ndarray:
    """Return maps in units of the target's peak, so that those of all models compare.

    A distribution sums to 1, so the target's peak is 1 / (2 pi sigma^2): a spiky map exceeds 1, a
    blurred or a doubled one stays below it. MSE's and sigmoid's maps have that unit themselves.

    Args:
        output: The model's (L, H, W).
        activation: The codec's: None, 'softmax' or 'sigmoid'.
        sigma: Of the target, heatmap pixels.
    """
    maps = np.asarray(output, dtype=np.float64)
    if activation == 'softmax':
        maps = np.exp(maps - maps.max(axis=(1, 2), keepdims=True))
        return maps / maps.sum(axis=(1, 2), keepdims=True) * (2 * np.pi * sigma**2)
    if activation == 'sigmoid':
        return 0.5 * (1 + np.tanh(maps / 2))  # no overflow
    return maps.clip(0, None)


def plot_heatmap_grid(rows: Sequence[HeatmapRow], out_file: str | Path, title: str = '') -> None:
    """Draw a row per face and model: its landmarks' maps over the face, then the bare maps.

    A cross marks the truth, the number on a bare map is its peak. All share one scale: black is
    0, the brightest is 1 and more.

    Args:
        rows: With the same number of landmarks each.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        title: Above the picture.
    """
    count = len(rows[0].heatmaps)
    step = TILE + GAP
    picture = np.full((len(rows) * step - GAP, 2 * count * step - GAP, 3), 255, np.uint8)
    for line, row in enumerate(rows):
        face = _crop(row.photo, row.box)
        for index, heatmap in enumerate(row.heatmaps):
            colors = _colors(heatmap)
            strength = cv2.resize(heatmap.clip(0, 1), (TILE, TILE))[..., None]
            overlay = (face * (1 - strength) + colors * strength).astype(np.uint8)
            for column, tile in ((index, overlay), (count + index, colors.astype(np.uint8))):
                top, left = line * step, column * step
                picture[top : top + TILE, left : left + TILE] = tile
    height, width = picture.shape[:2]
    figure = new_figure(width / DPI + 1.0, height / DPI + 0.6)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.imshow(picture, interpolation='none')
    for line, row in enumerate(rows):
        middle = line * step + TILE / 2
        axes.text(-8, middle, row.title, ha='right', va='center', fontsize=7, rotation=90)
        low, high = np.reshape(row.box, (2, 2))
        for index, (point, heatmap) in enumerate(zip(row.truth, row.heatmaps, strict=True)):
            place = (point - low) / (high - low) * TILE - 0.5
            for column in (index, count + index):
                x, y = place + (column * step, line * step)
                for color, size, thick in (('black', 24, 1.4), ('white', 16, 0.6)):
                    axes.scatter(x, y, s=size, marker='+', color=color, linewidths=thick)
            left = (count + index) * step
            text = f'{heatmap.max():.2f}'
            axes.text(left + 4, line * step + 4, text, va='top', fontsize=6, color='white')
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    figure.suptitle(title, fontsize='small')
    save_figure(figure, out_file, DPI)


def _crop(photo: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Return what the box shows of the photo, grey and dimmed, as a tile of floats."""
    left, top, right, bottom = box
    zoom_x, zoom_y = TILE / (right - left), TILE / (bottom - top)
    # From photo pixels to the tile's, edges onto edges.
    warp = np.array(
        [
            [zoom_x, 0, -left * zoom_x - 0.5],
            [0, zoom_y, -top * zoom_y - 0.5],
        ]
    )
    shown = cv2.warpAffine(photo, warp, (TILE, TILE), flags=cv2.INTER_LINEAR)
    return np.repeat(shown.mean(axis=-1, keepdims=True) * DIM, 3, axis=-1)


def _colors(heatmap: np.ndarray) -> np.ndarray:
    """Return a map in colours, in [0, 255], as a tile."""
    enlarged = cv2.resize(heatmap.clip(0, 1), (TILE, TILE), interpolation=cv2.INTER_LINEAR)
    return 255 * matplotlib.colormaps['inferno'](enlarged)[..., :3]

"""Draw two heatmaps with one argmax and different centres, and what SDT makes of them (Fig. 3).

The digits are the maps' values; docs/method.md shows the picture.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.figure import new_figure, save_figure

from mhhn_landmarks.errors import exit_on_input_error
from mhhn_mmpose.codecs import SDTHeatmap

DPI = 120
SIZE, SHOWN, SIGMA = 15, 7, 1.5  # of the map and of what is drawn of it, pixels
CENTERS = ((6.65, 7.30), (7.40, 6.75))  # both nearest to pixel (7, 7)


def gaussian(x: float, y: float) -> np.ndarray:
    """Return a map (SIZE, SIZE) with its centre at (x, y)."""
    columns, rows = np.arange(SIZE), np.arange(SIZE)[:, None]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * SIGMA**2))


def locate(heatmap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return argmax and SDT's centre (x, y) of a map, in its pixels."""
    codec = SDTHeatmap(input_size=(SIZE, SIZE), heatmap_size=(SIZE, SIZE), sigma=SIGMA)
    fit = codec.locate(torch.from_numpy(heatmap).float()[None, None])
    return fit.argmax[0, 0].numpy(), fit.centers[0, 0].numpy()


def draw_map(axes: Axes, center: tuple[float, float]) -> str:
    """Draw one map with its digits and marks; say what was found."""
    heatmap = gaussian(*center)
    argmax, found = locate(heatmap)
    start = (SIZE - SHOWN) // 2
    axes.imshow(heatmap, cmap='viridis', vmin=0, vmax=1)
    for y in range(start, start + SHOWN):
        for x in range(start, start + SHOWN):
            value = heatmap[y, x]
            color = 'black' if value > 0.6 else 'white'
            axes.text(x, y - 0.3, f'{value:.2f}', ha='center', va='center', fontsize=6, color=color)
    # The three lie close: a square, a ring and a cross can be seen in one place.
    axes.plot(*argmax, 's', color='white', fillstyle='none', markersize=30)
    axes.plot(*center, 'o', color='#D55E00', fillstyle='none', markersize=11)
    axes.plot(*found, '+', color='black', markersize=9)
    axes.set(xlim=(start - 0.5, start + SHOWN - 0.5), ylim=(start + SHOWN - 0.5, start - 0.5))
    axes.set_title(
        f'centre ({center[0]:.2f}, {center[1]:.2f}), argmax ({argmax[0]:.0f}, {argmax[1]:.0f}),'
        f' SDT ({found[0]:.2f}, {found[1]:.2f})',
        fontsize=8,
    )
    return f'centre {center}: argmax {argmax.tolist()}, SDT {[round(float(v), 3) for v in found]}'


def main() -> None:
    """Draw both maps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', default='same_argmax.png', help='picture: .png, .pdf or .svg')
    args = parser.parse_args()
    figure = new_figure(8.4, 4.3)
    grid = figure.subplots(1, len(CENTERS))
    for axes, center in zip(grid, CENTERS, strict=True):
        print(draw_map(axes, center))
    figure.suptitle('Square: argmax. Ring: the true centre. Cross: SDT.', fontsize=9)
    save_figure(figure, args.out, DPI)


if __name__ == '__main__':
    exit_on_input_error('same_argmax', main)

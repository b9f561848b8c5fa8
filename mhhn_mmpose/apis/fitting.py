"""A landmark's heatmap and the Gaussian that was fitted to it, side by side with the photo."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from ..codecs import SDTHeatmap
from ..visualization.heatmaps import displayable
from .aligner import FaceLandmarks
from .drawing import heatmap_to_photo

REACH = 8.5  # heatmap pixels shown on each side of the argmax
FIT, ARGMAX = '#56B4E9', '#E69F00'  # of Okabe and Ito's palette
DPI = 110


def plot_fit(
    picture: np.ndarray, face: FaceLandmarks, codec: SDTHeatmap, landmark: int
) -> np.ndarray:
    """Draw one landmark: its heatmap's argmax, the fitted centre, and a circle of sigma about it.

    The circle is that of the codec's sigma, with which the model was trained.

    Args:
        picture: BGR, (h, w, 3) uint8.
        face: Of it, with heatmaps.
        codec: The model's.
        landmark: Which, from 0.

    Returns:
        np.ndarray: RGB picture, uint8.
    """
    heatmap = face.heatmaps[landmark].detach().cpu().float()
    with torch.no_grad():
        fit = codec.locate(face.heatmaps)
    center, argmax = fit.centers[landmark].cpu().numpy(), fit.argmax[landmark].cpu().numpy()
    figure = Figure(figsize=(7.6, 3.9), dpi=DPI, layout='constrained')
    canvas = FigureCanvasAgg(figure)
    shown, heat = figure.subplots(1, 2)
    to_photo = heatmap_to_photo(face, tuple(heatmap.shape))
    shown.imshow(picture[..., ::-1])
    step = float(to_photo[0, 0])
    x, y = to_photo[:, :2] @ argmax + to_photo[:, 2]
    shown.set(xlim=(x - REACH * step, x + REACH * step), ylim=(y + REACH * step, y - REACH * step))
    shown.set_facecolor('0.5')
    _mark(shown, to_photo, center, argmax, codec.sigma * step)
    shown.set_title('photo', fontsize='small')
    heat.imshow(displayable(heatmap[None].numpy(), codec.activation)[0], 'gray', vmin=0, vmax=1)
    heat.set(xlim=argmax[0] + np.array([-REACH, REACH]), ylim=argmax[1] + [REACH, -REACH])
    heat.set_facecolor('0.5')
    _mark(heat, np.eye(2, 3), center, argmax, codec.sigma)
    heat.set_title('heatmap', fontsize='small')
    figure.suptitle(
        f'landmark {landmark}: fitted ({center[0]:.2f}, {center[1]:.2f}), argmax'
        f' ({argmax[0]:.0f}, {argmax[1]:.0f}) heatmap px, score {face.scores[landmark]:.2f}',
        fontsize='medium',
    )
    figure.legend(*heat.get_legend_handles_labels(), loc='outside lower center', ncols=3)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _mark(
    axes: Axes, to_axes: np.ndarray, center: np.ndarray, argmax: np.ndarray, sigma: float
) -> None:
    """Mark the argmax, the centre, and a circle of sigma about the latter."""
    (x, y), (u, v) = (to_axes[:, :2] @ point + to_axes[:, 2] for point in (argmax, center))
    axes.plot([x], [y], 'x', ms=11, mew=2.5, color=ARGMAX, label='argmax')
    axes.plot([u], [v], '+', ms=13, mew=2.5, color=FIT, label='fitted centre')
    axes.add_patch(Circle((u, v), sigma, fill=False, color=FIT, lw=1.5))
    ring = dict(ms=11, mew=1.5, mfc='none', color=FIT)
    axes.plot([], [], 'o', label="codec's sigma", **ring)  # a patch's legend is a rectangle
    axes.set_xticks([])
    axes.set_yticks([])

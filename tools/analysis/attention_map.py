"""Measure the attention of a model on photos, and draw where a landmark's position looks (Eq. 7-9).

    python tools/analysis/attention_map.py PHOTO... --model CONFIG [CHECKPOINT] --out attention.png

The table has a row a stack, means over the photos' first faces: gamma; the standard deviation of
the logits Z; the entropy of a row of softmax(Z) in nats, and that of an even one; the largest
weight of a row; how many positions share the attention of all rows (e to the entropy of their
mean); the length of what attention adds, gamma softmax(Z) O, over that of O. The picture has a
column a photo and a row a stack: where the position in the ring looks.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.markdown import markdown

from mhhn_landmarks.aligner import Face
from mhhn_landmarks.arguments import add_model, new_parser
from mhhn_landmarks.crop import turn_about
from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.photos import read_bgr


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__)
    parser.add_argument('photos', nargs='+', help='the first face of each is taken')
    add_model(parser)
    parser.add_argument('--landmark', type=int, default=48, help='from 0; default: a mouth corner')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    return parser.parse_args()


ARGS = parse_args() if __name__ == '__main__' else None  # before imports that take seconds

import torch
from analysis.figure import new_figure, save_figure
from matplotlib.axes import Axes
from torch import Tensor

from mhhn_mmpose import FaceAligner
from mhhn_mmpose.models.backbones.mcg_hourglass import MultiOrderAttention


def measure(module: MultiOrderAttention, p: Tensor, o: Tensor) -> tuple[dict[str, float], Tensor]:
    """Measure what a module does with the first of its inputs P and O (B, d, H, W).

    Return the numbers, and the weights softmax(Z) of each position over all, (H, W, H, W).
    """
    size = p.shape[-2:]
    p, o = (x[0].flatten(1).T.double() for x in (p, o))  # (H W, d)
    z = module.scale * (p @ p.T + o @ o.T + p @ o.T)
    weights, gamma = z.softmax(-1), module.gamma.item()
    rows, mean = (torch.special.entr(w).sum(-1) for w in (weights, weights.mean(0)))
    measures = {
        'gamma': gamma,
        'std of Z': float(z.std()),
        'entropy': float(rows.mean()),
        'even': float(np.log(len(z))),
        'largest weight': float(weights.amax(-1).mean()),
        'positions': float(mean.exp()),
        'added / O': float((gamma * weights @ o).norm() / o.norm()),
    }
    return measures, weights.view(*size, *size)


def draw(axes: Axes, photo: np.ndarray, face: Face, landmark: int, weights: Tensor) -> None:
    """Draw a face's crop and, over it, where the position of a landmark looks."""
    crop = face.crop
    width, height = crop.size
    upright = turn_about(face.points[landmark], crop.center, -crop.angle)
    x, y = ((upright - crop.center) / crop.extent + 0.5) * crop.size
    rows, columns = weights.shape[:2]
    row = int(np.clip(y / height * rows, 0, rows - 1))
    column = int(np.clip(x / width * columns, 0, columns - 1))
    whole = (0, width, height, 0)
    axes.imshow(crop.cut(photo)[..., ::-1], extent=whole)
    axes.imshow(weights[row, column].numpy(), cmap='inferno', alpha=0.55, extent=whole)
    axes.plot(x, y, 'o', color='#56B4E9', fillstyle='none', markersize=10, markeredgewidth=2)
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))


def main(args: argparse.Namespace) -> None:
    """Measure, draw, print the table."""
    aligner = FaceAligner(*args.model, min_score=0)
    if not 0 <= args.landmark < aligner.num_landmarks:
        raise InputError(f'--landmark {args.landmark}: from 0 to {aligner.num_landmarks - 1}')
    stacks = [m for m in aligner.model.modules() if isinstance(m, MultiOrderAttention)]
    if not stacks:
        raise InputError('the model has no attention; give --model CONFIG, one with attention')
    inputs: dict[MultiOrderAttention, tuple[Tensor, Tensor]] = {}

    def keep(module: MultiOrderAttention, arguments: tuple[Tensor, Tensor], _: Tensor) -> None:
        inputs.setdefault(module, arguments)  # a second call is the flip test's

    for module in stacks:
        module.register_forward_hook(keep)
    figure = new_figure(3 * len(args.photos), 3 * len(stacks))
    grid = figure.subplots(len(stacks), len(args.photos), squeeze=False)
    found = []
    for column, path in zip(grid.T, args.photos, strict=True):
        inputs.clear()
        faces = aligner(photo := read_bgr(path))
        if not faces:
            raise InputError(f'{path}: no face found; leave it out')
        for module, axes in zip(stacks, column, strict=True):
            measures, weights = measure(module, *inputs[module])
            draw(axes, photo, faces[0], args.landmark, weights)
            found.append([*measures.values()])
    save_figure(figure, args.out, 100)
    means = np.reshape(found, (len(args.photos), len(stacks), -1)).mean(axis=0)
    rows = [[str(i), *(f'{v:.3g}' for v in row)] for i, row in enumerate(means, 1)]
    print(markdown(['stack', *measures], rows))


if __name__ == '__main__':
    exit_on_input_error('attention_map', lambda: main(ARGS))

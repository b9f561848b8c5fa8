"""Measure the attention of a model on photos, and draw where a landmark's position looks (Eq. 7-9).

    python tools/analysis/attention_map.py CONFIG CHECKPOINT PHOTO... --out attention.png

The table has a row a stack, means over the photos' faces: gamma; the standard deviation of the
logits Z; the entropy of a row of softmax(Z) in nats, and that of an even one; the largest weight of
a row; how many positions share the attention of all rows (e to the entropy of their mean); the
length of what attention adds, gamma softmax(Z) O, over that of O. The picture has a column a
photo and a row a stack: where the position in the ring looks. N positions, d channels, (H, W) map.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from mmengine.config import DictAction
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.figure import new_figure, save_figure
from analysis.markdown import markdown

from mhhn_landmarks.aligner import Face
from mhhn_landmarks.crop import turn_about
from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.photos import read_photo
from mhhn_mmpose import FaceAligner
from mhhn_mmpose.models.backbones.mcg_hourglass import MultiOrderAttention

COLUMNS = ('gamma', 'std of Z', 'entropy', 'even', 'largest weight', 'positions', 'added / O')


@dataclass
class Attention:
    """What one stack's attention does on one face; the columns of the table.

    Attributes:
        weights: (H, W, H, W) softmax(Z), of each position over all.
    """

    gamma: float
    logits_std: float
    entropy: float
    even: float
    largest: float
    positions: float
    added: float
    weights: Tensor

    @property
    def measures(self) -> np.ndarray:
        """The numbers, in the order of the columns."""
        return np.array(astuple(self)[:-1])


def measure(module: MultiOrderAttention, p: Tensor, o: Tensor) -> Attention:
    """Return what a module does with the first of its inputs P and O (B, d, H, W)."""
    height, width = p.shape[-2:]
    p, o = (x[0].flatten(1).T.double() for x in (p, o))  # (N, d)
    z = module.scale * (p @ p.T + o @ o.T + p @ o.T)
    weights = z.softmax(-1)
    gamma = module.gamma.item()
    return Attention(
        gamma=gamma,
        logits_std=float(z.std()),
        entropy=float(_entropy(weights).mean()),
        even=float(np.log(len(z))),
        largest=float(weights.amax(-1).mean()),
        positions=float(_entropy(weights.mean(0)).exp()),
        added=float((gamma * weights @ o).norm() / o.norm()),
        weights=weights.view(height, width, height, width),
    )


def _entropy(weights: Tensor) -> Tensor:
    return torch.special.entr(weights).sum(-1)


class Watch:
    """Keeps the attention of each stack while an aligner looks at one face."""

    def __init__(self, model: nn.Module) -> None:
        self.found: dict[MultiOrderAttention, Attention] = {}
        modules = [m for m in model.modules() if isinstance(m, MultiOrderAttention)]
        for module in modules:
            module.register_forward_hook(self._keep)
        if not modules:
            raise InputError("the model has no attention; take one whose backbone has 'all'")

    def _keep(self, module: MultiOrderAttention, inputs: tuple[Tensor, Tensor], _: Tensor) -> None:
        if module not in self.found:  # the second call is the flip test's
            self.found[module] = measure(module, *inputs)

    def take(self) -> list[Attention]:
        """Return the stacks' attentions of the face just seen, and forget them."""
        found, self.found = list(self.found.values()), {}
        return found


def draw(axes: Axes, photo: np.ndarray, face: Face, landmark: int, weights: Tensor) -> None:
    """Draw a face's crop and, over it, where the position of a landmark looks."""
    crop = face.crop
    width, height = crop.size
    upright = turn_about(face.points[landmark], crop.center, -crop.angle)
    x, y = ((upright - crop.center) / crop.extent + 0.5) * crop.size
    rows, columns = weights.shape[:2]
    row = int(np.clip(y / height * rows, 0, rows - 1))
    column = int(np.clip(x / width * columns, 0, columns - 1))
    axes.imshow(crop.cut(photo)[..., ::-1], extent=(0, width, height, 0))
    shown = dict(cmap='inferno', alpha=0.55, extent=(0, width, height, 0))
    axes.imshow(weights[row, column].numpy(), **shown)
    axes.plot(x, y, 'o', color='#56B4E9', fillstyle='none', markersize=10, markeredgewidth=2)
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of a model with attention')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('photos', nargs='+', help='the first face of each is taken')
    parser.add_argument('--landmark', type=int, default=48, help='from 0; default: a mouth corner')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')
    return parser.parse_args()


def main() -> None:
    """Measure, draw, print the table."""
    args = parse_args()
    aligner = FaceAligner(args.config, args.checkpoint, cfg_options=args.cfg_options, min_score=0)
    if not 0 <= args.landmark < aligner.num_landmarks:
        raise InputError(f'--landmark {args.landmark}: from 0 to {aligner.num_landmarks - 1}')
    watch, seen = Watch(aligner.model), []
    for photo in args.photos:
        faces = aligner(photo)
        if not faces:
            raise InputError(f'{photo}: no face found; leave it out')
        seen.append((photo, faces[0], watch.take()))
    stacks = len(seen[0][2])
    figure = new_figure(3 * len(seen), 3 * stacks)
    grid = figure.subplots(stacks, len(seen), squeeze=False)
    for column, (photo, face, attentions) in zip(grid.T, seen, strict=True):
        for axes, attention in zip(column, attentions, strict=True):
            draw(axes, read_photo(photo), face, args.landmark, attention.weights)
    save_figure(figure, args.out, 100)
    means = np.mean([[a.measures for a in attentions] for _, _, attentions in seen], 0)
    rows = [[str(i), *(f'{v:.3g}' for v in row)] for i, row in enumerate(means, 1)]
    print(markdown(['stack', *COLUMNS], rows))


if __name__ == '__main__':
    exit_on_input_error('attention_map', main)

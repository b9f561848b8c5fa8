"""Draw models on the same faces: their landmarks, or their heatmaps (MHHN, Fig. 1 and 7).

Landmarks: each model has a row, with the faces' NME; a line joins each annotated landmark to the
predicted one. --heatmaps: each landmark has a column over the face and a bare one; each face has a
row of targets and one for each model. On all maps 1, the brightest, is the target's peak; the
number on a map is its own peak. Faces are those of the first model's test set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import read_errors

from mhhn_landmarks.arguments import add_config_options, add_model, new_parser, split_models
from mhhn_landmarks.crop import Crop
from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.models import config_and_checkpoint
from mhhn_landmarks.photos import read_bgr

WORST = 3  # faces


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__)
    add_model(parser, positions=True, several=True)
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--heatmaps', type=int, nargs='+', metavar='LANDMARK', help='from 0')
    faces = parser.add_mutually_exclusive_group()
    faces.add_argument('--index', type=int, nargs='+', help='faces, from 0; default: 0 1 2')
    faces.add_argument(
        '--worst', metavar='ERRORS', help=f'the {WORST} worst of errors.json, or of its folder'
    )
    add_config_options(parser)
    return parser.parse_intermixed_args()


ARGS = parse_args() if __name__ == '__main__' else None  # before imports that take seconds

import torch
from analysis.figure import new_figure, save_figure
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmpose.registry import DATASETS, KEYPOINT_CODECS, METRICS
from mmpose.structures import PoseDataSample
from torch import nn

from mhhn_mmpose.apis.model_loading import load_config, load_model
from mhhn_mmpose.visualization.local_visualizer import displayable

# Of Okabe and Ito's palette the pair that stands off skin, hair and each other.
COLORS = {'annotated': '#56B4E9', 'predicted': '#F0E442'}
FACE, MAP, DPI = 2.5, 1.1, 120  # inch, inch; pixels an inch
MARGIN = 0.18  # round a face, of the larger side of its landmarks' box
DIM = 0.45  # brightness that is left to the photo below heatmaps


class Tested(NamedTuple):
    """A model with its weights, and its config's test faces."""

    name: str
    model: nn.Module
    dataset: BaseDataset

    def predict(self, faces: Sequence[int]) -> list[PoseDataSample]:
        """Return predictions, with their heatmaps, of the faces whose annotations have these ids.

        Raises:
            InputError: If the test set has no such face.
        """
        places = {self.dataset.get_data_info(i)['id']: i for i in range(len(self.dataset))}
        if missing := [face for face in faces if face not in places]:
            raise InputError(f'the test set of {self.name} has no face with id {missing[0]}')
        with torch.inference_mode():
            return self.model.test_step(pseudo_collate([self.dataset[places[f]] for f in faces]))

    def nmes(self, samples: Sequence[PoseDataSample]) -> list[float]:
        """Return the faces' NME in percent, by the first normaliser of the config's metric."""
        metric = METRICS.build({**self.model.cfg.test_evaluator, 'ann_file': self.dataset.ann_file})
        metric.dataset_meta = self.dataset.metainfo
        metric.process(None, [sample.to_dict() for sample in samples])
        lengths = [next(iter(result['normalizers'].values())) for result in metric.results]
        distances = [result['distances'][result['visible']].mean() for result in metric.results]
        return [100 * float(d / length) for d, length in zip(distances, lengths, strict=True)]


def open_model(name: str, config: Config, checkpoint: str | Path) -> Tested:
    """Load a model and its test set.

    Raises:
        InputError: If a file is missing or of another model.
    """
    model = load_model(config, checkpoint)
    model.test_cfg['output_heatmaps'] = True
    return Tested(name, model, DATASETS.build(config.test_dataloader.dataset))


def true_points(sample: PoseDataSample) -> np.ndarray:
    """Return a face's annotated landmarks (K, 2), photo pixels."""
    return np.asarray(sample.gt_instances.keypoints)[0]


def photo_of(sample: PoseDataSample) -> np.ndarray:
    """Return the whole photo, RGB (h, w, 3) uint8."""
    return np.ascontiguousarray(read_bgr(sample.img_path)[..., ::-1])


def draw_faces(models: Sequence[Tested], faces: Sequence[int], out_file: str | Path) -> None:
    """Draw a row of the faces with these ids for each model, with their NME."""
    figure = new_figure(FACE * len(faces), (FACE + 0.25) * len(models) + 0.5)
    grid = figure.subplots(len(models), len(faces), squeeze=False)
    for row, model in zip(grid, models, strict=True):
        samples = model.predict(faces)
        for axes, sample, nme in zip(row, samples, model.nmes(samples), strict=True):
            _draw_face(axes, sample)
            axes.set_title(f'NME {nme:.2f} %', fontsize='small', pad=3)
        row[0].set_ylabel(model.name)
    marks = [
        Line2D([], [], marker='o', linestyle='', color=color, markeredgecolor='0.3', label=label)
        for label, color in COLORS.items()
    ]
    figure.legend(handles=marks, loc='outside lower center', ncols=2, frameon=False)
    save_figure(figure, out_file, DPI)


def _draw_face(axes: Axes, sample: PoseDataSample) -> None:
    """Draw the square round a face with its annotated and its predicted landmarks."""
    truth, found = true_points(sample), np.asarray(sample.pred_instances.keypoints)[0]
    low, high = truth.min(axis=0), truth.max(axis=0)
    half, (x, y) = (0.5 + MARGIN) * (high - low).max(), (low + high) / 2
    axes.imshow(photo_of(sample))
    lines = LineCollection(np.stack([truth, found], axis=1), colors='white', linewidths=0.8)
    axes.add_collection(lines, autolim=False)
    for points, color in zip((truth, found), COLORS.values(), strict=True):
        axes.scatter(*points.T, s=7, color=color, edgecolors='0.15', linewidths=0.4, zorder=3)
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half), facecolor='0.5')
    axes.set(xticks=[], yticks=[])


def draw_heatmaps(
    models: Sequence[Tested], faces: Sequence[int], landmarks: Sequence[int], out_file: str | Path
) -> None:
    """Draw for each face, given by its id, a row of the targets and a row for each model."""
    chosen, rows = list(landmarks), []
    found = [model.predict(faces) for model in models]
    for face, *samples in zip(faces, *found, strict=True):
        targets = true_heatmaps(models[0], samples[0])
        rows.append((f'id {face}: target', samples[0], targets[chosen]))
        for (name, model, _), sample in zip(models, samples, strict=True):
            codec, maps = model.cfg.model.head.decoder, sample.pred_fields.heatmaps.cpu().numpy()
            maps = absolute_heatmaps(maps[chosen], codec.get('activation'), codec['sigma'])
            rows.append((name, sample, maps))
    columns = 2 * len(chosen)
    figure = new_figure(MAP * columns + 0.5, MAP * len(rows) + 0.5)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, sample, maps) in zip(grid, rows, strict=True):
        grey = photo_of(sample).mean(axis=-1)
        for column, axes in enumerate(line):
            number, below = column % len(chosen), grey if column < len(chosen) else None
            _draw_map(axes, sample, maps[number], chosen[number], below)
        line[0].set_ylabel(name, fontsize=7)
    title = f'Landmarks {", ".join(map(str, chosen))}: over the face, and bare; + annotated'
    figure.suptitle(title, fontsize='small')
    save_figure(figure, out_file, DPI)


def _draw_map(
    axes: Axes, sample: PoseDataSample, heatmap: np.ndarray, landmark: int, grey: np.ndarray | None
) -> None:
    """Draw a map (H, W) over the grey photo, or bare with its peak; a cross marks the truth."""
    # Under the half-pixel convention the heatmap's border is the crop's: -1/2 to w - 1/2.
    size = np.asarray(sample.input_size)
    crop = Crop(sample.input_center, sample.input_scale, size)
    (left, top), (right, bottom) = crop.to_photo(np.array([[-0.5, -0.5], size - 0.5]))
    style = dict(cmap='inferno', vmin=0, vmax=1, interpolation='bilinear')
    if grey is None:
        text = dict(va='top', fontsize=6, color='white', transform=axes.transAxes)
        axes.text(0.03, 0.97, f'{heatmap.max():.2f}', **text)
    else:
        axes.imshow(grey, cmap='gray', vmin=0, vmax=255 / DIM)
        style['alpha'] = heatmap.clip(0, 1)
    axes.imshow(heatmap, extent=(left, right, bottom, top), **style)
    truth = true_points(sample)[landmark]
    axes.scatter(*truth, s=16, marker='+', color='white', linewidths=0.8)
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], facecolor='black')


def true_heatmaps(tested: Tested, sample: PoseDataSample) -> np.ndarray:
    """Return what the codec makes of a face's true landmarks, (K, H, W)."""
    corner = sample.input_center - sample.input_scale / 2
    points = (true_points(sample) - corner) / sample.input_scale * sample.input_size  # input px
    codec = KEYPOINT_CODECS.build(tested.model.cfg.model.head.decoder)
    points = points[None].astype(np.float32)
    return codec.encode(points, np.ones(points.shape[:2]))['heatmaps']


def absolute_heatmaps(output: np.ndarray, activation: str | None, sigma: float) -> np.ndarray:
    """Return maps in units of the target's peak, so that those of all models compare.

    A distribution sums to 1, so the target's peak is 1 / (2 pi sigma^2): a spiky map exceeds 1, a
    blurred or a doubled one stays below it. MSE's and sigmoid's maps have that unit themselves.

    Args:
        output: The model's (L, H, W).
        activation: The codec's: None, 'softmax' or 'sigmoid'.
        sigma: Of the target, heatmap pixels.
    """
    if activation is None:
        return output.clip(0, None)
    maps = displayable(output, activation)
    if activation == 'softmax':
        maps *= 2 * np.pi * sigma**2 / maps.sum(axis=(1, 2), keepdims=True)
    return maps


def main(args: argparse.Namespace) -> None:
    """Draw, say what is on the picture."""
    models = []
    for word, *weights in split_models(args.model):
        path, checkpoint = config_and_checkpoint(word, *weights)
        config = load_config(path)
        config.merge_from_dict(args.cfg_options or {})
        name = Path(word).stem.removeprefix('td-hm_').partition('_')[0]
        models.append(open_model(name, config, checkpoint))
    dataset = models[0].dataset
    ids = [dataset.get_data_info(i)['id'] for i in range(len(dataset))]
    if wrong := [index for index in args.index or () if not 0 <= index < len(ids)]:
        raise InputError(f'--index {wrong[0]} is out of range: 0 to {len(ids) - 1}')
    faces = [ids[index] for index in args.index] if args.index else ids[:3]
    if args.worst:
        errors, _ = read_errors(args.worst)
        faces = sorted(errors, key=errors.__getitem__, reverse=True)[:WORST]
    if args.heatmaps:
        draw_heatmaps(models, faces, args.heatmaps, args.out)
    else:
        draw_faces(models, faces, args.out)
    print(f'{args.out}: faces {", ".join(map(str, faces))}')


if __name__ == '__main__':
    exit_on_input_error('panels', lambda: main(ARGS))

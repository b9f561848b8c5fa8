"""Draw faces of a config's dataset, a row each: annotated, as two inputs of the network, targets.

The first input is flipped, the second is not; both are augmented as the config says. Blue landmarks
are those on the left of most photos. If the flip pairs are right, colours and numbers stay on their
side of the picture when it is flipped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from mmengine.config import Config, DictAction
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.figure import new_figure, save_figure, show_face

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.photos import read_photo
from mhhn_mmpose.apis.loading import load_config

COLORS = ('white', '#56B4E9', '#F0E442')  # no flip partner, left, right of the picture
PANEL, DPI = 3.7, 100  # inch; pixels an inch
EVERY = 5  # indices, of which one is written: more would cover each other
VOTERS = 200  # faces that tell the left one of a flip pair


def load_dataset(cfg: Config, split: str) -> tuple[BaseCocoStyleDataset, list[dict]]:
    """Return a split's dataset and its pipeline's steps.

    Raises:
        InputError: If the split has no dataset with annotated faces.
    """
    data = (cfg.get(f'{split}_dataloader') or {}).get('dataset') or {}
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    kind = DATASETS.get(data.get('type', ''))
    if kind is None or not issubclass(kind, BaseCocoStyleDataset):
        raise InputError(
            f'{cfg.filename}: {split} dataset {data.get("type")} is no COCO-style dataset;'
            ' choose another --split'
        )
    return DATASETS.build({**data, 'pipeline': []}), data['pipeline']


def with_flip(pipeline: list[dict], flipped: bool) -> Compose:
    """Return the pipeline with a sure horizontal flip or none, and the landmarks packed."""
    flip = [dict(type='RandomFlip', prob=1.0, direction='horizontal')] * flipped
    steps = [step for step in pipeline if step['type'] != 'RandomFlip']
    place = [step['type'] for step in steps].index('TopdownAffine')
    steps[-1] = {**steps[-1], 'pack_transformed': True}
    return Compose([*steps[:place], *flip, *steps[place:]])


def picture_sides(dataset: BaseCocoStyleDataset) -> np.ndarray:
    """Return of each landmark (K,): 0 without a flip partner, 1 left, 2 right in most photos.

    The lower index of a pair is not always the left one: round the mouth, indices run from left to
    right and back.
    """
    partner = np.array(dataset.metainfo['flip_indices'])
    chosen = np.linspace(0, len(dataset) - 1, min(len(dataset), VOTERS)).astype(int)
    x = np.stack([dataset.get_data_info(int(i))['keypoints'][0, :, 0] for i in chosen])
    votes = np.sign(x[:, partner] - x).sum(axis=0)
    own = np.arange(len(partner))
    left = np.where(votes == 0, own < partner, votes > 0)
    return np.where(partner == own, 0, np.where(left, 1, 2))


def draw_points(axes: Axes, points: np.ndarray, visible: np.ndarray, sides: np.ndarray) -> None:
    """Draw the visible ones of points (K, 2), coloured by side, every fifth with its index."""
    axes.scatter(
        *points[visible].T,
        s=8,
        c=[COLORS[side] for side in sides[visible]],
        edgecolors='0.1',
        linewidths=0.4,
    )
    for index in np.flatnonzero(visible)[::EVERY]:
        text = axes.annotate(str(index), points[index], (2, 2), textcoords='offset points')
        text.set(fontsize=6, path_effects=[withStroke(linewidth=1.2, foreground='white')])


def draw_row(
    row: list[Axes],
    dataset: BaseCocoStyleDataset,
    index: int,
    pipeline: list[dict],
    sides: np.ndarray,
) -> None:
    """Draw one face."""
    info: dict[str, Any] = dataset.get_data_info(index)
    points, visible = info['keypoints'][0], info['keypoints_visible'][0] > 0
    photo = read_photo(info['img_path'])[..., ::-1]
    show_face(row[0], photo, points[visible], f'id {info["id"]}, index {index}: annotated')
    draw_points(row[0], points, visible, sides)
    for axes, flipped in zip(row[1:], (True, False), strict=False):
        packed = with_flip(pipeline, flipped)({**dataset.get_data_info(index), 'dataset': dataset})
        sample, pixels = packed['data_samples'], packed['inputs'].numpy()[::-1]
        seen = np.asarray(sample.gt_instances.keypoints_visible).reshape(len(sides), -1)[:, 0] > 0
        axes.imshow(pixels.transpose(1, 2, 0).clip(0, 255).astype(np.uint8))
        axes.set_title('input, flipped' if flipped else 'input', fontsize='small', pad=3)
        draw_points(axes, sample.gt_instances.transformed_keypoints[0], seen, sides)
    if 'gt_fields' in sample:
        maps = sample.gt_fields.heatmaps
        maps = maps[-1] if isinstance(maps, list | tuple) else maps  # of several levels the last
        row[3].imshow(np.asarray(maps).max(axis=0), cmap='inferno')
        row[3].set_title('its targets', fontsize='small', pad=3)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('out', help='picture to write (.png, .pdf, .svg)')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='train')
    parser.add_argument('--count', type=int, default=6, help='how many faces, chosen at random')
    parser.add_argument('--seed', type=int, default=0, help='of the choice and the augmentation')
    parser.add_argument('--index', type=int, nargs='+', help='these faces instead, from 0')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='config overrides, key=value'
    )
    args = parser.parse_args()
    if args.count < 1 or args.seed < 0:
        parser.error(f'--count is 1 or more, --seed 0 or more, got {args.count} and {args.seed}')
    return args


def main() -> None:
    """Choose faces, draw them."""
    args = parse_args()
    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    dataset, pipeline = load_dataset(cfg, args.split)
    total = len(dataset)
    for index in args.index or ():
        if not 0 <= index < total:
            raise InputError(f'--index {index} is out of range: {total} faces, 0 to {total - 1}')
    chosen = np.random.default_rng(args.seed).permutation(total)[: args.count].tolist()
    chosen = args.index or sorted(chosen)
    np.random.seed(args.seed)
    figure = new_figure(4 * PANEL, len(chosen) * PANEL)
    sides = picture_sides(dataset)
    for row, index in zip(figure.subplots(len(chosen), 4, squeeze=False), chosen, strict=True):
        for axes in row:
            axes.set_axis_off()
        draw_row(row, dataset, index, pipeline, sides)
    save_figure(figure, args.out, DPI)
    print(f'{args.out}: {len(chosen)} of {total} faces')


if __name__ == '__main__':
    exit_on_input_error('browse_dataset', main)

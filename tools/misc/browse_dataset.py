"""Draw faces of a config's dataset: as annotated, as the network sees them, and their targets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from misc.sample_sheet import FaceSample, View, pair_sides, plot_samples

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import read_photo
from mhhn_mmpose.apis.loading import load_config

CONVERTERS = Path(__file__).parents[1] / 'dataset_converters'
DRAWS = 3  # of the same face through a random pipeline
VOTERS = 200  # faces, of the whole dataset, that tell the left one of a flip pair
# Besides `Random...`: what is left out where the picture is to show the flip alone.
AUGMENTATIONS = ('PhotometricDistortion', 'Albumentation', 'YOLOXHSVRandomAug')


class BrowseError(ValueError):
    """Nothing can be drawn; the message is one line and says what to do."""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('out', help='picture to write (.png, .pdf, .svg)')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='train')
    parser.add_argument('--count', type=int, default=6, help='how many faces, chosen at random')
    parser.add_argument('--seed', type=int, default=0, help='of the choice and the augmentation')
    parser.add_argument('--index', type=int, nargs='+', help='these faces instead, from 0')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='config overrides, key=value'
    )
    args = parser.parse_args(argv)
    if args.count < 1 or args.seed < 0:
        parser.error(f'--count is 1 or more, --seed 0 or more, got {args.count} and {args.seed}')
    if Path(args.out).suffix[1:].lower() not in FigureCanvasAgg.get_supported_filetypes():
        parser.error(f'{args.out}: name a picture, such as {args.out}.png')
    return args


def load_dataset(
    cfg: Config, split: str
) -> tuple[BaseCocoStyleDataset, list[ConfigDict], dict[int, np.ndarray]]:
    """Return the split's dataset, its pipeline's steps, and what `read_hidden` returns."""
    data = (cfg.get(f'{split}_dataloader') or {}).get('dataset')
    if not data:
        raise BrowseError(f'{cfg.filename}: no {split}_dataloader.dataset; choose another --split')
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    kind = DATASETS.get(data['type'])
    if kind is None or not issubclass(kind, BaseCocoStyleDataset) or data.get('bbox_file'):
        reason = 'takes detected boxes' if data.get('bbox_file') else 'is no COCO-style dataset'
        raise BrowseError(f'{cfg.filename}: {split} dataset {data["type"]} {reason}; change it')
    # Unserialised, since MMEngine cannot serialise a dataset without a face.
    dataset = DATASETS.build({**data, 'pipeline': [], 'lazy_init': True, 'serialize_data': False})
    file = dataset.ann_file
    if not Path(file).is_file():
        tool = CONVERTERS / f'{dataset.metainfo["dataset_name"]}2coco.py'
        raise BrowseError(
            f'{file}: no such annotation file; write it with tools/dataset_converters/'
            f'{tool.name if tool.is_file() else ""}, or set data_root or ann_file by --cfg-options'
        )
    hidden = read_hidden(file, dataset.metainfo['num_keypoints'])
    try:
        dataset.full_init()
    except (KeyError, AssertionError) as error:
        raise BrowseError(f'{file}: {data["type"]} misses {error}; convert again') from error
    if not len(dataset):
        raise BrowseError(f'{file}: no face in it; convert again')
    return dataset, data['pipeline'], hidden


def read_hidden(ann_file: str | Path, num_points: int) -> dict[int, np.ndarray]:
    """Return which landmarks are hidden, (K,) bool, by the annotation's id.

    An annotation says so by a list ``occluded`` or, where a file has COCO's flag 2 at all, by the
    flag 1. Files with nothing but 1, such as WFLW's, do not tell.
    """
    try:
        faces = json.loads(Path(ann_file).read_text(encoding='utf-8-sig'))['annotations']
        flags = {face['id']: np.array(face['keypoints'][2::3]) for face in faces}
    except (ValueError, KeyError, TypeError) as error:
        raise BrowseError(f'{ann_file}: no COCO annotations ({error!r}); convert again') from error
    tells = any((found == 2).any() for found in flags.values())
    hidden = {number: (found == 1) & tells for number, found in flags.items()}
    listed = {f['id']: f['occluded'] for f in faces if isinstance(f.get('occluded'), list)}
    hidden |= {number: np.array(covered, bool) for number, covered in listed.items()}
    for number, covered in hidden.items():
        if not len(flags[number]) == len(covered) == num_points:
            raise BrowseError(
                f'{ann_file}: annotation {number} has {len(flags[number])} landmarks and'
                f' {len(covered)} marks of hiding, {num_points} expected; is it of this dataset?'
            )
    return hidden


class FaceSampler:
    """Takes a dataset's faces through its pipeline.

    Args:
        dataset: Where the faces are.
        pipeline: The steps' configs.
        hidden: Of `read_hidden`.
        seed: A face's augmentation depends on it and on the face's index alone.
    """

    def __init__(
        self,
        dataset: BaseCocoStyleDataset,
        pipeline: Sequence[dict],
        hidden: Mapping[int, np.ndarray],
        seed: int,
    ):
        self.dataset, self.hidden, self.seed = dataset, hidden, seed
        self.flipping = Compose(_packing_points(flip_alone(pipeline)))
        self.pipeline = Compose(_packing_points(pipeline))
        self.flip_indices = np.array(dataset.metainfo['flip_indices'])
        voters = np.linspace(0, len(dataset) - 1, min(len(dataset), VOTERS)).astype(int)
        faces = [self._annotation(int(index)) for index in voters]
        points = [np.where(visible[:, None], points, np.nan) for points, visible in faces]
        try:
            self.sides = pair_sides(self.flip_indices, np.stack(points))
        except ValueError as error:
            raise BrowseError(f'{type(dataset).__name__}: {error}') from error

    def sample(self, index: int) -> FaceSample:
        """Return the dataset's face ``index``."""
        info = self.dataset.get_data_info(index)
        number, path = info['id'], info['img_path']
        points, annotated = self._annotation(index)
        hidden = self.hidden[number]
        photo = View(read_photo(path)[..., ::-1], points, annotated, hidden, 'annotated')
        np.random.seed([self.seed, index])
        draws = [self._run(self.pipeline, index) for _ in range(DRAWS)]
        if all(bool((draw['inputs'] == draws[0]['inputs']).all()) for draw in draws):
            draws = draws[:1]
        names = [f'input {n}' for n in range(1, DRAWS + 1)] if len(draws) > 1 else ['input']
        inputs = [self._view(draw, hidden, n) for draw, n in zip(draws, names, strict=True)]
        name = 'input without augmentation' if len(draws) > 1 else 'input'
        flipped = self._view(self._run(self.flipping, index), hidden, name)
        folder = Path(self.dataset.data_prefix.get('img') or '').as_posix()
        title = f'{Path(path).as_posix().removeprefix(f"{folder}/")}, id {number}, index {index}'
        if not annotated.all():
            title += f', {np.count_nonzero(~annotated)} landmarks not annotated'
        return FaceSample(title, photo, flipped, inputs, _summed_heatmaps(draws[0]))

    def _annotation(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a face's landmarks (K, 2) in photo pixels, and which are annotated, (K,) bool."""
        info = self.dataset.get_data_info(index)
        return info['keypoints'][0], info['keypoints_visible'][0] > 0

    def _run(self, pipeline: Compose, index: int) -> dict[str, Any]:
        """Return what a pipeline makes of a face."""
        return pipeline({**self.dataset.get_data_info(index), 'dataset': self.dataset})

    def _view(self, packed: dict[str, Any], hidden: np.ndarray, title: str) -> View:
        """Return a network's input with its landmarks."""
        sample = packed['data_samples']
        flipped = bool(sample.metainfo.get('flip'))
        visible = np.asarray(sample.gt_instances.keypoints_visible)
        return View(
            # From BGR, which the network's preprocessor expects too.
            packed['inputs'].numpy()[::-1].transpose(1, 2, 0).clip(0, 255).astype(np.uint8),
            sample.gt_instances.transformed_keypoints[0],
            visible.reshape(len(hidden), -1)[:, 0] > 0,
            hidden[self.flip_indices] if flipped else hidden,
            f'{title}, flipped' if flipped else title,
        )


def flip_alone(pipeline: Sequence[dict]) -> list[dict]:
    """Return the pipeline's steps with a sure horizontal flip in the place of all augmentation."""
    kinds = [step['type'] for step in pipeline]
    if 'TopdownAffine' not in kinds or kinds[-1] != 'PackPoseInputs':
        raise BrowseError(
            'only pipelines with TopdownAffine that end in PackPoseInputs can be drawn, got '
            + ', '.join(kinds)
        )
    place = kinds.index('RandomFlip' if 'RandomFlip' in kinds else 'TopdownAffine')
    flip = dict(type='RandomFlip', prob=1.0, direction='horizontal')
    before, after = (
        [step for step in part if not step['type'].startswith(('Random', *AUGMENTATIONS))]
        for part in (pipeline[:place], pipeline[place:])
    )
    return [*before, flip, *after]


def _packing_points(pipeline: Sequence[dict]) -> list[dict]:
    """Return the steps with the transformed landmarks packed too."""
    return [*pipeline[:-1], {**pipeline[-1], 'pack_transformed': True}]


def _summed_heatmaps(packed: dict[str, Any]) -> np.ndarray | None:
    """Return the target heatmaps' sum (H, W), of several levels the last, or None without any."""
    heatmaps = getattr(packed['data_samples'].get('gt_fields'), 'heatmaps', None)
    if heatmaps is None:
        return None
    return np.asarray(heatmaps[-1] if isinstance(heatmaps, list | tuple) else heatmaps).sum(axis=0)


def draw(args: argparse.Namespace) -> str:
    """Draw the sheet and say what is on it."""
    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    dataset, pipeline, hidden = load_dataset(cfg, args.split)
    total = len(dataset)
    for index in args.index or ():
        if not 0 <= index < total:
            raise BrowseError(f'--index {index} is out of range: {total} faces, 0 to {total - 1}')
    chosen = np.random.default_rng(args.seed).permutation(total)[: args.count].tolist()
    sampler = FaceSampler(dataset, pipeline, hidden, args.seed)
    rows = [sampler.sample(index) for index in args.index or sorted(chosen)]
    name = f'{Path(args.config).stem}, {args.split}: {len(rows)} of {total} faces'
    links = dataset.metainfo['skeleton_links']
    plot_samples(rows, sampler.flip_indices, sampler.sides, args.out, name, links)
    return f'{args.out}: {len(rows)} of {total} faces'


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, draw, report."""
    args = parse_args(argv)
    try:
        print(draw(args))
    except (BrowseError, InputError, OSError) as error:
        raise SystemExit(f'browse_dataset: {error}') from error


if __name__ == '__main__':
    main()

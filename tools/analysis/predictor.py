"""Trained models and what they make of chosen test faces, for the scripts that draw them.

K landmarks, (H, W) heatmap; points are (x, y) in photo pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from analysis.decoders import to_input
from analysis.errors_file import read_errors
from mmengine.config import DictAction
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, KEYPOINT_CODECS, METRICS
from mmpose.structures import PoseDataSample

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import read_photo
from mhhn_mmpose.apis.loading import load_config, load_model

BATCH = 16  # faces


class Predictor:
    """A model with its weights and its config's test faces.

    Args:
        config: Config file; its test dataset is read.
        checkpoint: Weights.
        cfg_options: Merged into the config.
        device: Where to run.
        name: For pictures; None for what the config's name says.

    Raises:
        InputError: If a file is missing, or the config has no heatmap model.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        cfg_options: dict | None = None,
        device: str = 'cpu',
        name: str | None = None,
    ) -> None:
        cfg = load_config(config)
        cfg.merge_from_dict(cfg_options or {})
        self.name = name or short_name(config)
        self.decoder = cfg.model.get('head', {}).get('decoder')
        if not self.decoder:
            raise InputError(f'{config}: no model.head.decoder; give a heatmap model')
        cfg.model.setdefault('test_cfg', {}).output_heatmaps = True
        self.model = load_model(cfg, checkpoint, device)
        try:
            self.dataset = DATASETS.build(cfg.test_dataloader.dataset)
        except FileNotFoundError as error:
            raise InputError(
                f'{error.filename}: no such annotation file; convert the data or set'
                ' test_dataloader.dataset.data_root by --cfg-options'
            ) from error
        evaluator = {**cfg.test_evaluator, 'ann_file': self.dataset.ann_file}
        self.metric = METRICS.build(evaluator)
        self.metric.dataset_meta = self.dataset.metainfo
        self.indices = {self.dataset.get_data_info(i)['id']: i for i in range(len(self.dataset))}

    def predict(self, faces: Sequence[int]) -> list[PoseDataSample]:
        """Return predictions, with heatmaps, of the faces of these annotation ids.

        Raises:
            InputError: If the test set has no such face.
        """
        for face in faces:
            if face not in self.indices:
                raise InputError(f'the test set of {self.name} has no face with id {face}')
        found: list[PoseDataSample] = []
        for start in range(0, len(faces), BATCH):
            batch = [self.dataset[self.indices[face]] for face in faces[start : start + BATCH]]
            with torch.inference_mode():
                found += self.model.test_step(pseudo_collate(batch))
        return found

    def id_of(self, index: int) -> int:
        """Return the annotation id of the test set's face number ``index``, from 0."""
        last = len(self.dataset) - 1
        if not 0 <= index <= last:
            raise InputError(f'--index {index} is out of range: 0 to {last}')
        return self.dataset.get_data_info(index)['id']

    def error(self, sample: PoseDataSample, normalizer: str | None = None) -> float:
        """Return a face's NME in percent, as the config's metric measures it."""
        self.metric.results.clear()
        self.metric.process(None, [sample.to_dict()])
        result = self.metric.results[-1]
        lengths = result['normalizers']
        name = normalizer or next(iter(lengths))
        if name not in lengths:
            raise InputError(f'{self.name} has no normaliser {name!r}, only {", ".join(lengths)}')
        return 100 * float(result['distances'][result['visible']].mean() / lengths[name])

    def true_heatmaps(self, sample: PoseDataSample) -> np.ndarray:
        """Return what the model's codec makes of a face's true landmarks, (K, H, W)."""
        return true_heatmaps(self.decoder, sample)


def true_heatmaps(decoder: dict, sample: PoseDataSample) -> np.ndarray:
    """Return the targets of a face's true landmarks, (K, H, W)."""
    points = to_input(sample, true_points(sample))[None].astype(np.float32)
    return KEYPOINT_CODECS.build(decoder).encode(points, np.ones(points.shape[:2]))['heatmaps']


def true_points(sample: PoseDataSample) -> np.ndarray:
    """Return a face's annotated landmarks (K, 2)."""
    return np.asarray(sample.gt_instances.keypoints)[0]


def predicted_points(sample: PoseDataSample) -> np.ndarray:
    """Return a face's predicted landmarks (K, 2)."""
    return np.asarray(sample.pred_instances.keypoints)[0]


def photo_of(sample: PoseDataSample) -> np.ndarray:
    """Return the whole photo, RGB (h, w, 3) uint8."""
    return np.ascontiguousarray(read_photo(sample.img_path)[..., ::-1])


def short_name(config: str | Path) -> str:
    """Return the part of a config's name that says which model it is.

    >>> short_name('configs/300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py')
    'mhhn-tiny'
    """
    parts = Path(config).stem.split('_')
    return parts[1] if len(parts) > 2 and parts[0].startswith('td-') else Path(config).stem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the scripts that draw models and faces share."""
    parser.add_argument('models', metavar='CONFIG CHECKPOINT', nargs='+', help='one pair or more')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--names', nargs='+', help="of the models; default: from the configs'")
    parser.add_argument('--index', type=int, nargs='+', help='faces, from 0; default: 0 1 2')
    parser.add_argument('--worst', type=int, metavar='N', help='the N worst of --errors instead')
    parser.add_argument('--errors', help='errors.json of tools/test.py, or its folder')
    parser.add_argument('--subset', default='full', help='of --errors, such as challenge')
    parser.add_argument('--normalizer', help="such as inter_pupil; default: the config's first")
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='for all configs, key=value'
    )


def open_models(args: argparse.Namespace) -> tuple[list[Predictor], list[int]]:
    """Return the models, and the ids of the faces that the command line names.

    Raises:
        InputError: If arguments do not fit each other.
    """
    pairs = list(zip(args.models[::2], args.models[1::2], strict=False))
    if len(args.models) % 2:
        raise InputError('give each CONFIG its CHECKPOINT')
    names = args.names or [short_name(config) for config, _ in pairs]
    if not len(set(names)) == len(names) == len(pairs):
        raise InputError(f'models need names of their own, got {", ".join(names)}: --names')
    if bool(args.worst) != bool(args.errors) or (args.worst and (args.index or args.worst < 1)):
        raise InputError('choose faces by --index, or by --worst N (1 or more) with --errors')
    worst = None
    if args.worst:
        worst = read_errors(args.errors).worst(args.worst, args.normalizer, args.subset)
    models = [
        Predictor(*pair, args.cfg_options, args.device, name)
        for pair, name in zip(pairs, names, strict=True)
    ]
    if worst is not None:
        return models, [image['id'] for image in worst]
    return models, [models[0].id_of(i) for i in args.index or range(3)]

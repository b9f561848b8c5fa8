"""Trained models on their configs' test faces, for the scripts that compare and draw them.

K landmarks, (H, W) heatmap; points are (x, y), in photo pixels unless said otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from analysis.errors_file import read_errors
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import BaseMetric
from mmpose.registry import DATASETS, KEYPOINT_CODECS, METRICS
from mmpose.structures import PoseDataSample

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.models import MODELS, config_and_checkpoint
from mhhn_landmarks.photos import read_photo
from mhhn_mmpose.apis.loading import load_config, load_model

BATCH = 16  # faces


class TestedModel:
    """A model with its weights and its config's test faces, which have their annotations' ids.

    Args:
        config: Content of its config.
        checkpoint: Its weights.
        device: Where to run.
        name: For pictures and tables.

    Raises:
        InputError: If a file is missing, or the config has no heatmap model.
    """

    __test__ = False  # pytest takes it for a test

    def __init__(
        self, config: Config, checkpoint: str | Path, device: str = 'cpu', name: str = ''
    ) -> None:
        self.config, self.checkpoint, self.name = config, checkpoint, name
        self.decoder = (config.model.get('head') or {}).get('decoder')
        if not self.decoder:
            raise InputError(f'{config.filename}: no model.head.decoder; give a heatmap model')
        config = config.copy()
        config.model.setdefault('test_cfg', {}).output_heatmaps = True
        self.model = load_model(config, checkpoint, device)
        self.dataset = DATASETS.build(config.test_dataloader.dataset)
        self.ids = [self.dataset.get_data_info(i)['id'] for i in range(len(self.dataset))]

    def batches(self, faces: Sequence[int] | None = None) -> Iterator[list[PoseDataSample]]:
        """Yield predictions with their heatmaps, batch by batch.

        Args:
            faces: Ids of the faces; all by default.

        Raises:
            InputError: If the test set has no such face.
        """
        places = {face: place for place, face in enumerate(self.ids)}
        faces = self.ids if faces is None else faces
        for face in faces:
            if face not in places:
                raise InputError(f'the test set of {self.name} has no face with id {face}')
        for start in range(0, len(faces), BATCH):
            batch = [self.dataset[places[face]] for face in faces[start : start + BATCH]]
            with torch.inference_mode():
                yield self.model.test_step(pseudo_collate(batch))

    def predict(self, faces: Sequence[int]) -> list[PoseDataSample]:
        """Return predictions with their heatmaps of the faces of these ids."""
        return [sample for batch in self.batches(faces) for sample in batch]

    def metric(self, **options: str) -> BaseMetric:
        """Return the config's metric, for this test set."""
        evaluator = {**self.config.test_evaluator, 'ann_file': self.dataset.ann_file}
        metric = METRICS.build({**evaluator, **options})
        metric.dataset_meta = self.dataset.metainfo
        return metric

    def nme(self, sample: PoseDataSample, normalizer: str | None = None) -> float:
        """Return a face's NME in percent, by default of the config's first normaliser.

        Raises:
            InputError: If the metric has no such normaliser.
        """
        metric = self.metric()
        metric.process(None, [sample.to_dict()])
        (result,) = metric.results
        lengths = result['normalizers']
        name = normalizer or next(iter(lengths))
        if name not in lengths:
            raise InputError(f'{self.name} has no normaliser {name!r}, only {", ".join(lengths)}')
        return 100 * float(result['distances'][result['visible']].mean() / lengths[name])

    def true_heatmaps(self, sample: PoseDataSample) -> np.ndarray:
        """Return what the codec makes of a face's true landmarks, (K, H, W)."""
        points = to_input(sample, true_points(sample))[None].astype(np.float32)
        codec = KEYPOINT_CODECS.build(self.decoder)
        return codec.encode(points, np.ones(points.shape[:2]))['heatmaps']


def to_photo(sample: PoseDataSample, points: np.ndarray) -> np.ndarray:
    """Return points (K, 2) in photo pixels from those in the network's input."""
    info = sample.metainfo
    corner = info['input_center'] - info['input_scale'] / 2
    return points / info['input_size'] * info['input_scale'] + corner


def to_input(sample: PoseDataSample, points: np.ndarray) -> np.ndarray:
    """Return points (K, 2) in pixels of the network's input from those in the photo."""
    info = sample.metainfo
    corner = info['input_center'] - info['input_scale'] / 2
    return (points - corner) / info['input_scale'] * info['input_size']


def true_points(sample: PoseDataSample) -> np.ndarray:
    """Return a face's annotated landmarks (K, 2)."""
    return np.asarray(sample.gt_instances.keypoints)[0]


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
    parser.add_argument(
        'models', metavar='MODEL', nargs='+', help='tiny, best, or CONFIG CHECKPOINT; one or more'
    )
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


def open_models(args: argparse.Namespace) -> tuple[list[TestedModel], list[int]]:
    """Return the models, and the ids of the faces that the command line names.

    Raises:
        InputError: If arguments do not fit each other.
    """
    named, words = [], list(args.models)
    while words:
        model = words.pop(0)
        if model not in MODELS and not words:
            raise InputError(f'{model}: give each CONFIG its CHECKPOINT')
        weights = None if model in MODELS else words.pop(0)
        named.append((short_name(model), *config_and_checkpoint(model, weights)))
    names = args.names or [name for name, *_ in named]
    if not len(set(names)) == len(names) == len(named):
        raise InputError(f'models need names of their own, got {", ".join(names)}: --names')
    if bool(args.worst) != bool(args.errors) or (args.worst and (args.index or args.worst < 1)):
        raise InputError('choose faces by --index, or by --worst N (1 or more) with --errors')
    faces = []
    if args.worst:
        worst = read_errors(args.errors).worst(args.worst, args.normalizer, args.subset)
        faces = [image['id'] for image in worst]
    models = []
    for name, (_, config, checkpoint) in zip(names, named, strict=True):
        cfg = load_config(config)
        cfg.merge_from_dict(args.cfg_options or {})
        models.append(TestedModel(cfg, checkpoint, args.device, name))
    ids = models[0].ids
    for index in args.index or ():
        if not 0 <= index < len(ids):
            raise InputError(f'--index {index} is out of range: 0 to {len(ids) - 1}')
    return models, faces or [ids[i] for i in args.index or range(min(3, len(ids)))]

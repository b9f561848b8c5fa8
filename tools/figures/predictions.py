"""What a trained model makes of chosen test faces, for pictures of them.

K landmarks, (H, W) heatmap; points are (x, y) in photo pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from paper_tables.conditions import ERRORS, read_json

from mhhn_landmarks import photos
from mhhn_landmarks.errors import InputError

BATCH = 16  # faces


class PredictionError(ValueError):
    """Nothing can be predicted; the message is one line: what is wrong, what to do."""


class Predictor:
    """A model with its weights and its config's test faces.

    Args:
        config: Config file; its test dataset is read.
        checkpoint: Weights.
        cfg_options: Merged into the config.
        device: Where to run.

    Raises:
        PredictionError: If a file is missing, or the config has no heatmap model.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        cfg_options: dict | None = None,
        device: str = 'cpu',
    ) -> None:
        for path, kind in ((config, 'config'), (checkpoint, 'checkpoint')):
            if not Path(path).is_file():
                raise PredictionError(f'{path}: no such {kind}')
        cfg = Config.fromfile(config)
        cfg.merge_from_dict(cfg_options or {})
        self.name = short_name(config)
        self.decoder = cfg.model.get('head', {}).get('decoder')
        if not self.decoder:
            raise PredictionError(f'{config}: no model.head.decoder; use a heatmap model')
        cfg.model.setdefault('test_cfg', {}).output_heatmaps = True
        init_default_scope(cfg.get('default_scope', 'mmpose'))
        self.dataset = _build_dataset(cfg)
        self.model = MODELS.build(cfg.model)
        load_checkpoint(self.model, str(checkpoint), map_location='cpu')
        self.model.to(device).eval()
        self.indices = {self.dataset.get_data_info(i)['id']: i for i in range(len(self.dataset))}

    def predict(self, faces: Sequence[int]) -> list[PoseDataSample]:
        """Return predictions, with heatmaps, of the faces of these annotation ids.

        Raises:
            PredictionError: If the test set has no such face.
        """
        missing = [face for face in faces if face not in self.indices]
        if missing:
            raise PredictionError(
                f'the test set of {self.name} has no face with id {missing[0]};'
                ' use the config that was tested'
            )
        found: list[PoseDataSample] = []
        for start in range(0, len(faces), BATCH):
            batch = [self.dataset[self.indices[face]] for face in faces[start : start + BATCH]]
            with torch.inference_mode():
                found += self.model.test_step(pseudo_collate(batch))
        return found

    def id_of(self, index: int) -> int:
        """Return the annotation id of the test set's face number ``index``, from 0."""
        if not 0 <= index < len(self.dataset):
            raise PredictionError(
                f'--index {index} is out of range: {len(self.dataset)} faces,'
                f' 0 to {len(self.dataset) - 1}'
            )
        return self.dataset.get_data_info(index)['id']

    def true_heatmaps(self, sample: PoseDataSample) -> np.ndarray:
        """Return what the model's codec makes of a face's true landmarks, (K, H, W)."""
        codec = KEYPOINT_CODECS.build(self.decoder)
        corner = sample.input_center - sample.input_scale / 2
        points = (true_points(sample) - corner) / sample.input_scale * codec.input_size
        return codec.encode(points[None], np.ones((1, len(points))))['heatmaps']


def _build_dataset(cfg: Config) -> torch.utils.data.Dataset:
    """Build the test dataset, or say what is missing."""
    try:
        return DATASETS.build(cfg.test_dataloader.dataset)
    except FileNotFoundError as error:
        raise PredictionError(
            f'{error.filename}: no such annotation file; convert the data or set'
            ' test_dataloader.dataset.data_root by --cfg-options'
        ) from error


def short_name(config: str | Path) -> str:
    """Return the part of a config's name that says which model it is."""
    parts = Path(config).stem.split('_')
    return parts[1] if len(parts) > 2 and parts[0].startswith('td-') else Path(config).stem


def true_points(sample: PoseDataSample) -> np.ndarray:
    """Return a face's annotated landmarks (K, 2)."""
    return np.asarray(sample.gt_instances.keypoints)[0]


def predicted_points(sample: PoseDataSample) -> np.ndarray:
    """Return a face's predicted landmarks (K, 2)."""
    return np.asarray(sample.pred_instances.keypoints)[0]


def read_photo(sample: PoseDataSample) -> np.ndarray:
    """Return the whole photo, RGB (h, w, 3) uint8.

    Raises:
        PredictionError: If it cannot be read.
    """
    try:
        return np.ascontiguousarray(photos.read_photo(sample.img_path)[..., ::-1])
    except InputError as error:
        raise PredictionError(str(error)) from error


def worst_faces(
    errors_file: str | Path, count: int, normalizer: str | None = None, subset: str = 'full'
) -> tuple[dict[int, float], str]:
    """Return the ``count`` largest errors, percent, by face, and what they are divided by.

    Args:
        errors_file: What `FaceAlignmentMetric` wrote, or the folder it is in.
        count: How many at most.
        normalizer: One of the file's; None for its first.
        subset: One of the file's subsets, or ``'full'``.

    Raises:
        PredictionError: If there is no such file, normaliser or subset.
    """
    path = Path(errors_file)
    path = path / ERRORS if path.is_dir() else path
    if not path.is_file():
        raise PredictionError(f'{path}: no such file; tools/test.py CONFIG CHECKPOINT writes it')
    content = read_json(path)
    if not isinstance(content, dict) or not {'normalizers', 'images'} <= set(content):
        raise PredictionError(f'{path}: not what FaceAlignmentMetric writes to its errors_file')
    normalizer = normalizer or content['normalizers'][0]
    if normalizer not in content['normalizers']:
        known = ', '.join(content['normalizers'])
        raise PredictionError(f'{path} has no normaliser {normalizer!r}, only {known}')
    images = [i for i in content['images'] if subset == 'full' or subset in i['subsets']]
    if not images:
        raise PredictionError(f'{path} has no face of subset {subset!r}')
    ordered = _by_error(images, normalizer)[:count]
    return {image['id']: image['errors'][normalizer] for image in ordered}, normalizer


def _by_error(images: Iterable[dict], normalizer: str) -> list[dict]:
    """Return images, the largest error first."""
    return sorted(images, key=lambda image: -image['errors'][normalizer])

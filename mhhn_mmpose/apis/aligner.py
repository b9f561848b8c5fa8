"""Runs a top-down model of MMPose on face boxes, in batches over pictures.

N faces of a picture, K landmarks, (H, W) heatmap; points are (x, y) in photo pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.runner import load_checkpoint
from mmpose.apis import init_model
from mmpose.structures import PoseDataSample

from mhhn_landmarks.errors import InputError

from ..weights_only import refusal


class FaceLandmarks(NamedTuple):
    """What the model says of one face.

    Attributes:
        box: The square (left, top, right, bottom, score) that was given.
        points: Landmarks (K, 2), photo pixels.
        scores: Confidences (K,), of the codec.
        heatmaps: The head's output (K, H, W), or None.
        crop: Centre (2,) and size (2,) of the model's crop, photo pixels, and the size (2,) to
            which it is brought, input pixels.
    """

    box: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    heatmaps: torch.Tensor | None
    crop: tuple[np.ndarray, np.ndarray, np.ndarray]


class FaceAligner:
    """A trained model with the pipeline of its config, as MMPose's `inference_topdown` uses it.

    That function takes one picture's boxes at a time; here faces of several share a batch.

    Args:
        config: Config file.
        checkpoint: Weights of that very model.
        device: Such as 'cpu' or 'cuda:0'; None for the GPU if there is one.
        heatmaps: Whether `FaceLandmarks.heatmaps` is wanted.
        cfg_options: Overrides of the config, by dotted keys.
        amp: Whether the network computes in 16 bits where autocast would have it: bfloat16 on a
            CPU, faster on those with AMX or AVX512_BF16, float16 on a GPU.

    Raises:
        InputError: If the model cannot be built or loaded.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        device: str | None = None,
        heatmaps: bool = False,
        cfg_options: dict | None = None,
        amp: bool = False,
    ):
        for path, kind in ((config, 'config'), (checkpoint, 'checkpoint')):
            if not Path(path).is_file():
                raise InputError(f'{path}: no such {kind} file')
        cfg = Config.fromfile(str(config))
        cfg.merge_from_dict(cfg_options or {})
        self.model = _load(cfg, str(checkpoint), device or default_device())
        self.model.test_cfg['output_heatmaps'] = heatmaps
        self.amp = amp
        self.pipeline = Compose(self.model.cfg.test_dataloader.dataset.pipeline)

    @property
    def codec(self):
        """The head's decoder."""
        return self.model.head.decoder

    @property
    def activation(self) -> str | None:
        """What turns the head's output into heatmaps, see `SDTHeatmap`."""
        return getattr(self.codec, 'activation', None)

    @property
    def num_landmarks(self) -> int:
        """Landmarks of a face."""
        return self.model.head.out_channels

    def __call__(
        self, faces: Sequence[tuple[np.ndarray, np.ndarray]], batch_size: int = 32
    ) -> list[FaceLandmarks]:
        """Find the landmarks of faces.

        Args:
            faces: Of each its picture, BGR (h, w, 3) uint8, and its square box (5,).
            batch_size: Faces that go through the model at once.
        """
        found, device = [], next(self.model.parameters()).device.type
        for start in range(0, len(faces), batch_size):
            part = faces[start : start + batch_size]
            inputs = [self.pipeline(self._to_sample(*face)) for face in part]
            with torch.no_grad(), torch.autocast(device, enabled=self.amp):
                samples = self.model.test_step(pseudo_collate(inputs))
            pairs = zip(samples, part, strict=True)
            found += [_to_landmarks(sample, box) for sample, (_, box) in pairs]
        return found

    def _to_sample(self, picture: np.ndarray, box: np.ndarray) -> dict:
        return dict(
            img=picture,
            bbox=box[None, :4].astype(np.float32),
            bbox_score=box[None, 4].astype(np.float32),
            **self.model.dataset_meta,
        )


def default_device() -> str:
    """Return the GPU if there is one, else the CPU."""
    return 'cuda:0' if torch.cuda.is_available() else 'cpu'


def _load(cfg: Config, checkpoint: str, device: str) -> torch.nn.Module:
    """Build the model and load weights, all of them."""
    if cfg.get('model', {}).get('type') != 'TopdownPoseEstimator':
        raise InputError(f'{cfg.filename}: the demo takes configs of a TopdownPoseEstimator')
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f'--device {device}: {_first_line(error)}; try --device cpu') from error
    model = init_model(cfg, device=device)
    try:
        # Strictly: MMPose's own loading only warns, and landmarks would be noise.
        content = load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    except Exception as error:  # torch and pickle raise many kinds for a bad file
        if refusal(error):
            raise InputError(f'{checkpoint}: refused, {refusal(error)}') from error
        raise InputError(
            f'{checkpoint}: no weights of {cfg.filename} ({_first_line(error)});'
            ' give the config that the checkpoint was trained with'
        ) from error
    model.dataset_meta = content.get('meta', {}).get('dataset_meta') or model.dataset_meta
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(':.')


def _to_landmarks(sample: PoseDataSample, box: np.ndarray) -> FaceLandmarks:
    instances = sample.pred_instances
    heatmaps = sample.pred_fields.heatmaps.float() if 'pred_fields' in sample else None
    names = 'input_center', 'input_scale', 'input_size'
    crop = tuple(np.asarray(sample.metainfo[name]) for name in names)
    return FaceLandmarks(box, instances.keypoints[0], instances.keypoint_scores[0], heatmaps, crop)

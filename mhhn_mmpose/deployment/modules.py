"""From crops to landmarks as one module without branches on the data, so that it can be exported.

Axis letters: B crops, K landmarks, (h, w) crop, (H, W) heatmap; points are (x, y).
"""

from __future__ import annotations

import torch
from mmpose.models.utils.tta import flip_heatmaps
from torch import Tensor, nn

from mhhn_landmarks.errors import InputError

from ..codecs import SDTHeatmap

CONVENTION_OF = {'MSRAHeatmap': 'msra', 'UDPHeatmap': 'udp'}


class HeatmapsToLandmarks(nn.Module):
    """What `SDTHeatmap.batch_decode` does, from tensors to tensors.

    Args:
        codec: An `SDTHeatmap` or `ArgmaxHeatmap`.

    >>> codec = SDTHeatmap(input_size=(128, 96), heatmap_size=(32, 24))
    >>> [tuple(x.shape) for x in HeatmapsToLandmarks(codec)(torch.rand(2, 5, 24, 32))]
    [(2, 5, 2), (2, 5)]
    """

    def __init__(self, codec: SDTHeatmap) -> None:
        super().__init__()
        self.codec = codec
        scale, shift = (torch.as_tensor(part).float() for part in codec._to_input)
        self.register_buffer('scale', scale, persistent=False)
        self.register_buffer('shift', shift, persistent=False)

    def forward(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Decode (B, K, H, W): landmarks (B, K, 2) in crop pixels and scores (B, K), float32."""
        heatmaps = heatmaps.float()
        fit = self.codec.locate(heatmaps)
        points = fit.centers * self.scale.float() + self.shift.float()
        return points, self.codec.score(heatmaps, fit)


class CropsToLandmarks(nn.Module):
    """A top-down estimator from the crop's bytes to landmarks.

    Args:
        model: A `TopdownPoseEstimator` of MMPose whose head makes heatmaps and whose decoder is an
            `SDTHeatmap`.
        flip_test: Average with the heatmaps of the flipped crop; None for what the model's
            `test_cfg` says.

    The network may be in half precision (`module.half()`, `module.bfloat16()`); the fit and what
    comes out stay in float32.

    Raises:
        InputError: If the model does something else than this module would.

    >>> from mhhn_mmpose.apis.model_loading import load_model
    >>> model = load_model('configs/300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py')
    >>> [tuple(x.shape) for x in CropsToLandmarks(model)(torch.zeros(2, 3, 128, 128))]
    [(2, 68, 2), (2, 68)]
    """

    def __init__(self, model: nn.Module, flip_test: bool | None = None) -> None:
        super().__init__()
        if flip_test is None:
            flip_test = bool(model.test_cfg.get('flip_test', False))
        decoder = getattr(getattr(model, 'head', None), 'decoder', None)
        if not isinstance(decoder, SDTHeatmap):
            raise InputError(
                f'only SDTHeatmap and ArgmaxHeatmap decode inside a graph, and this model has '
                f'{type(decoder).__name__}; add --sdt to decode it by SDT instead'
            )
        if model.test_cfg.get('output_keypoint_indices') is not None:
            raise InputError(
                'test_cfg.output_keypoint_indices is not supported; choose landmarks afterwards'
            )
        if flip_test and model.test_cfg.get('flip_mode', 'heatmap') != 'heatmap':
            raise InputError("flip tests need test_cfg.flip_mode='heatmap'; leave them out")
        self.model = model.eval()
        self.flip_test = flip_test
        self.decode = HeatmapsToLandmarks(decoder)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Find landmarks.

        Args:
            crops: (B, 3, h, w) uint8 as MMPose's pipeline packs them: BGR, not normalised.

        Returns:
            tuple: Landmarks (B, K, 2) in crop pixels and scores (B, K), float32.
        """
        inputs = self._normalise(crops)
        inputs = inputs.to(next(self.model.parameters()).dtype)
        heatmaps = self._heatmaps(inputs)
        if self.flip_test:
            flipped = flip_heatmaps(
                self._heatmaps(inputs.flip(-1)),
                flip_indices=self.model.dataset_meta['flip_indices'],
                # The default of CPMHead and HeatmapHead.
                shift_heatmap=self.model.test_cfg.get('shift_heatmap', False),
            )
            heatmaps = (heatmaps + flipped) * 0.5
        return self.decode(heatmaps)

    def _normalise(self, crops: Tensor) -> Tensor:
        """Do what MMPose's `PoseDataPreprocessor` does, without its branches on shapes."""
        preprocess = self.model.data_preprocessor
        inputs = crops.float()
        if preprocess._channel_conversion:
            inputs = inputs.flip(1)  # BGR to RGB
        if preprocess._enable_normalize:
            inputs = (inputs - preprocess.mean) / preprocess.std
        return inputs

    def _heatmaps(self, inputs: Tensor) -> Tensor:
        """(B, 3, h, w) normalised -> (B, K, H, W), of a stack of heads the last."""
        heatmaps = self.model.head(self.model.extract_feat(inputs))
        return heatmaps[-1] if isinstance(heatmaps, list | tuple) else heatmaps


def as_sdt(decoder: dict) -> dict:
    """Return the config of an `SDTHeatmap` that decodes what another codec encoded.

    Raises:
        InputError: If its maps are no Gaussians.

    >>> as_sdt(dict(type='UDPHeatmap', input_size=(96, 64), heatmap_size=(24, 16)))['convention']
    'udp'
    """
    kind = decoder.get('type')
    if kind in ('SDTHeatmap', 'ArgmaxHeatmap'):
        return {**decoder, 'type': 'SDTHeatmap'}
    if kind not in CONVENTION_OF or decoder.get('heatmap_type', 'gaussian') != 'gaussian':
        raise InputError(
            f'SDT decodes Gaussian heatmaps, of {", ".join(CONVENTION_OF)}; this model has {kind}'
        )
    sigma = decoder.get('sigma', 2.0)  # UDPHeatmap's default
    sizes = {name: decoder[name] for name in ('input_size', 'heatmap_size')}
    return dict(type='SDTHeatmap', sigma=sigma, convention=CONVENTION_OF[kind], **sizes)

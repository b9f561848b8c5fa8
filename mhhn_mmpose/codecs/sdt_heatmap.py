"""SDT, the subpixel detection technology of MHHN (Sections III-A and III-D), as an MMPose codec.

Axis letters: N instances (always 1), K landmarks, (H, W) heatmap, (h, w) input; points are (x, y).
A name ending in `_hm` is in heatmap pixels, every other coordinate in input pixels.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS

from ..ops.gaussian_fit import GaussianFit, check_fit_arguments, fit_gaussian
from ..ops.heatmap_patch import can_branch_on_data

CONVENTIONS = ('half_pixel', 'msra', 'udp')
ACTIVATIONS = (None, 'softmax', 'sigmoid')
# exp(-43.6)^2 is 1.3e-38, nearly the least that float32 holds in full. Smaller products would be
# denormal, which a CPU multiplies 8 times as slowly.
_LOWEST_EXPONENT = -43.6


@KEYPOINT_CODECS.register_module()
class SDTHeatmap(BaseKeypointCodec):
    """Gaussian targets with real-valued centres, decoded by a closed-form Gaussian fit.

    A drop-in for `MSRAHeatmap` and `UDPHeatmap` (of Gaussians). `convention` says how input x maps
    to heatmap x:

    * `half_pixel`: x_hm = (x + 1/2) W / w - 1/2. Pixel centres map to pixel centres, so a flipped
      heatmap is the heatmap of the flipped crop: flip tests need no `shift_heatmap`.
    * `msra`: x_hm = x W / w, as `MSRAHeatmap`, to decode models trained with it.
    * `udp`: x_hm = x (W - 1) / (w - 1), as `UDPHeatmap`, with `TopdownAffine(use_udp=True)`. Like
      that codec it decodes to x_hm / (W - 1) * w, since the estimator divides by w while the UDP
      affine spans w - 1: encode and decode are then no inverses, but photo to photo is exact.

    Args:
        input_size: Input size (w, h) in pixels.
        heatmap_size: Heatmap size (W, H) in pixels.
        sigma: Standard deviation of the targets, in heatmap pixels (MHHN Table VI: 3 of 64).
        patch_size: Side of the patch that is fitted, in heatmap pixels; odd, at least 3.
        constraint: 'free' (Eq. 18), 'unit_peak' (Eq. 19-20) or 'known_sigma'.
        gauss_newton_steps: Refinements of the closed form; one makes it efficient.
        convention: One of 'half_pixel', 'msra', 'udp'.
        activation: What turns the model's output into the heatmap: None, 'sigmoid' or 'softmax'.
            With 'softmax' the map is exp(h - max h), whose peak is 1, and a score is the peak's
            probability relative to that of a Gaussian of `sigma`, at most 1.

    Raises:
        ValueError: If an argument is out of range.

    >>> codec = SDTHeatmap(input_size=(128, 96), heatmap_size=(32, 24), sigma=1.5)
    >>> target = codec.encode(np.array([[[40.2, 31.7]]]))
    >>> target['heatmaps'].shape
    (1, 24, 32)
    >>> keypoints, scores = codec.decode(target['heatmaps'])
    >>> keypoints.round(3)
    array([[[40.2, 31.7]]], dtype=float32)
    """

    label_mapping_table = dict(keypoint_weights='keypoint_weights')
    field_mapping_table = dict(heatmaps='heatmaps')

    def __init__(
        self,
        input_size: tuple[int, int],
        heatmap_size: tuple[int, int],
        sigma: float = 3.0,
        patch_size: int = 9,
        constraint: str = 'free',
        gauss_newton_steps: int = 1,
        convention: str = 'half_pixel',
        activation: str | None = None,
    ) -> None:
        super().__init__()
        for name, size in (('input_size', input_size), ('heatmap_size', heatmap_size)):
            if len(size) != 2 or min(size) < 1:
                raise ValueError(f'{name} must be (width, height) in pixels, got {size}')
        check_fit_arguments(sigma, patch_size, constraint, gauss_newton_steps)
        _check_choice('convention', convention, CONVENTIONS)
        _check_choice('activation', activation, ACTIVATIONS)
        self.input_size = tuple(input_size)
        self.heatmap_size = (heatmap_size[0], heatmap_size[1])
        self.sigma = float(sigma)
        self.patch_size = patch_size
        self.constraint = constraint
        self.gauss_newton_steps = gauss_newton_steps
        self.convention = convention
        self.activation = activation
        self._to_heatmap, self._to_input = _affine_maps(input_size, heatmap_size, convention)

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        """Make the target heatmaps, `exp(-|p - center|^2 / (2 sigma^2))` (Eq. 1).

        Args:
            keypoints: (1, K, 2) landmarks in input pixels.
            keypoints_visible: (1, K), or (1, K, 1), 0 for landmarks without a target; None for all
                ones.

        Returns:
            dict: `heatmaps` (K, H, W) float32, and `keypoint_weights` (1, K) float32: the
            visibility, but 0 for a landmark that is a pixel or more off the crop or not finite,
            whose heatmap is zero.

        Raises:
            ValueError: For more than one instance.
        """
        if keypoints.ndim != 3 or keypoints.shape[0] != 1 or keypoints.shape[2] < 2:
            raise ValueError(
                f'SDTHeatmap encodes one instance, keypoints of shape (1, K, 2), '
                f'got {keypoints.shape}; use it with top-down data'
            )
        points = keypoints[0, :, :2].astype(np.float64)
        weights = np.ones(len(points), np.float32)
        if keypoints_visible is not None:
            weights = np.asarray(keypoints_visible, np.float32).reshape(len(points), -1)[:, 0]
        # Exclusive bounds, so that x and w - 1 - x, its flip, are in or out together.
        inside = ((points > -1) & (points < self.input_size)).all(-1)
        weights = np.where(inside, weights, 0).astype(np.float32)

        scale, shift = self._to_heatmap
        centers_hm = np.where(inside[:, None], points, 0) * scale + shift
        columns, rows = _gaussians(self.heatmap_size, centers_hm, self.sigma)
        rows[weights <= 0] = 0
        # torch multiplies rows of 64 three times as fast as numpy. numpy's buffer is often that of
        # the face before, still in the cache.
        heatmaps = np.empty((len(points), *self.heatmap_size[::-1]), np.float32)
        factors = torch.from_numpy(rows)[:, :, None], torch.from_numpy(columns)[:, None]
        torch.mul(*factors, out=torch.from_numpy(heatmaps))
        return dict(heatmaps=heatmaps, keypoint_weights=weights[None])

    def decode(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decode the heatmaps (K, H, W) of one instance.

        Returns:
            tuple: Landmarks (1, K, 2) in input pixels and scores (1, K), both float32.
        """
        keypoints, scores = self.batch_decode(torch.from_numpy(np.ascontiguousarray(encoded))[None])
        return keypoints[0], scores[0]

    @torch.inference_mode()
    def batch_decode(
        self, batch_encoded: torch.Tensor
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Decode heatmaps (B, K, H, W) on the device they are on.

        Returns:
            tuple: For each of the B instances the landmarks (1, K, 2) in input pixels and the
            scores (1, K), float32. A map that tells nothing (constant, no positive value) gives its
            argmax, one with nothing finite its centre, both with score 0.

        Raises:
            ValueError: If the heatmaps are not of `heatmap_size`.
        """
        if batch_encoded.shape[-2:] != self.heatmap_size[::-1]:
            raise ValueError(
                f'heatmaps are {tuple(batch_encoded.shape[-2:])} (H, W), but the codec was given '
                f'heatmap_size={self.heatmap_size} (W, H); make codec and head agree'
            )
        fit = self.locate(batch_encoded)
        scores = self.score(batch_encoded, fit)
        scale, shift = self._to_input
        # One copy from the device: each waits for all that is queued there.
        found = torch.cat((fit.centers, scores[..., None]), -1).cpu().numpy()
        keypoints = (found[:, None, :, :2] * scale + shift).astype(np.float32)  # -> input px
        return list(keypoints), list(found[:, None, :, 2].astype(np.float32))

    def locate(self, heatmaps: torch.Tensor) -> GaussianFit:
        """Fit the model's raw output heatmaps (..., H, W); centres in heatmap pixels."""
        return fit_gaussian(
            heatmaps.sigmoid() if self.activation == 'sigmoid' else heatmaps,
            self.sigma,
            self.patch_size,
            self.constraint,
            self.gauss_newton_steps,
            log_space=self.activation == 'softmax',
        )

    def score(self, heatmaps: torch.Tensor, fit: GaussianFit) -> torch.Tensor:
        """Confidences (B, K) of heatmaps (B, K, H, W) and what was fitted: the heatmap's peak."""
        if self.activation != 'softmax':
            return fit.peak
        probability = _peak_probability(heatmaps.float().flatten(2))
        score = (probability * (2 * math.pi * self.sigma**2)).clamp(max=1.0)
        return torch.where(fit.informative, score, 0.0)


def _peak_probability(logits: torch.Tensor) -> torch.Tensor:
    """(B, K) largest probability of the softmax of (B, K, H * W), over what is finite."""
    # One face at a time on a CPU: a batch does not fit into the cache, which takes 3 times as long.
    batches = logits if can_branch_on_data(logits) else [logits]
    found = [x.nan_to_num(-math.inf, -math.inf, -math.inf).softmax(-1).amax(-1) for x in batches]
    return torch.stack(found).reshape(logits.shape[:2])


def _check_choice(name: str, value: str | None, choices: tuple) -> None:
    if value not in choices:
        raise ValueError(f'{name} must be one of {choices}, got {value!r}')


def _affine_maps(
    input_size: tuple[int, int], heatmap_size: tuple[int, int], convention: str
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """(scale, shift) from input to heatmap pixels, and from heatmap pixels to decoded input."""
    size, size_hm = np.array(input_size, np.float64), np.array(heatmap_size, np.float64)
    zero = np.zeros(2)
    if convention == 'udp':
        if min(heatmap_size) < 2:
            raise ValueError(f"convention 'udp' needs a heatmap of 2 x 2 or more, got {size_hm}")
        return ((size_hm - 1) / (size - 1), zero), (size / (size_hm - 1), zero)
    ratio = size_hm / size
    shift_hm = (ratio - 1) / 2 if convention == 'half_pixel' else zero
    return (ratio, shift_hm), (1 / ratio, -shift_hm / ratio)


def _gaussians(
    size: tuple[int, int], centers: np.ndarray, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """(K, W) and (K, H) float32 samples of Gaussians on a line, with peak 1 and at least 1e-19."""
    scale = math.sqrt(0.5) / sigma
    exponents = scale * np.arange(max(size)) - scale * centers.T[:, :, None]
    exponents = exponents.astype(np.float32)
    exponents *= -exponents
    np.maximum(exponents, _LOWEST_EXPONENT, out=exponents)
    gaussians = np.exp(exponents, out=exponents)
    return gaussians[0, :, : size[0]], gaussians[1, :, : size[1]]

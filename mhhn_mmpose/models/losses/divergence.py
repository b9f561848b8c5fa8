"""Divergences between predicted and target heatmaps (MHHN, Eq. 2 and Section IV-C).

Axis letters: B batch, K landmarks, (H, W) heatmap.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

DISTRIBUTIONS = ('softmax', 'sigmoid')


def jensen_shannon_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return 1/2 sum p ln(2p / (p + q)) + 1/2 sum q ln(2q / (p + q)) in nats (Eq. 2).

    The sum is over the last axis. It is >= 0 for any p, q >= 0 (log-sum inequality), normalised or
    not; between distributions it is at most ln 2.

    >>> jensen_shannon_divergence(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    log_m = _log((p + q) / 2)
    return 0.5 * (p * (_log(p) - log_m) + q * (_log(q) - log_m)).sum(-1)


def kullback_leibler_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return sum q ln(q / p) - q + p over the last axis in nats, of target q from prediction p.

    Between distributions the last two terms cancel; they keep it >= 0 for maps that are not
    normalised. The paper compares with this divergence (Table V) but writes no formula for it.

    >>> kullback_leibler_divergence(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
    tensor(0.6931)
    """
    return (q * (_log(q) - _log(p)) - q + p).sum(-1)


def _log(x: Tensor) -> Tensor:
    # 0 ln 0 = 0: the clamp keeps value and gradient finite where x is 0.
    return x.clamp_min(torch.finfo(x.dtype).tiny).log()


def _as_distributions(output: Tensor, target: Tensor, distribution: str) -> tuple[Tensor, Tensor]:
    """Turn raw output and target heatmaps (B, K, H, W) into p and q, (B, K, H * W).

    `softmax`: p = softmax(output), q = target / sum. `sigmoid`: p = sigmoid(output), q = target,
    pixel values that are not normalised: the paper's p_H is "a pixel value", and its maps
    "are based on discrete probability distributions" (Section III-A).
    A target without any value (weight 0) gives q = 0.
    """
    p, q = output.flatten(-2), target.flatten(-2).to(output.dtype)
    if distribution == 'sigmoid':
        return p.sigmoid(), q
    total = q.sum(-1, keepdim=True)
    return p.softmax(-1), q / torch.where(total > 0, total, torch.ones_like(total))


class DivergenceLoss(nn.Module):
    """What the losses share: arguments, precision and the mean over landmarks.

    >>> HeatmapJSDLoss().landmark_losses(torch.zeros(2, 5, 9, 7), torch.rand(2, 5, 9, 7)).shape
    torch.Size([2, 5])
    """

    divergence: Callable[[Tensor, Tensor], Tensor]

    def __init__(
        self,
        distribution: str = 'softmax',
        use_target_weight: bool = False,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if distribution not in DISTRIBUTIONS:
            raise ValueError(f'distribution must be one of {DISTRIBUTIONS}, got {distribution!r}')
        self.distribution = distribution
        self.use_target_weight = use_target_weight
        self.loss_weight = loss_weight

    def landmark_losses(self, output: Tensor, target: Tensor) -> Tensor:
        """(B, K) losses of float heatmaps (B, K, H, W)."""
        return self.divergence(*_as_distributions(output, target, self.distribution))

    def forward(
        self, output: Tensor, target: Tensor, target_weights: Tensor | None = None
    ) -> Tensor:
        """Mean of losses times weights over all B * K landmarks, as MMPose's `KeypointMSELoss`.

        The paper sums over images and landmarks (Eq. 6 and 10): B * K times as much. The divisor
        does not depend on the weights, so gradients averaged over processes are those of the joint
        batch. A landmark of weight 0 takes no part, whatever its loss, NaN included.

        Args:
            output: (B, K, H, W) raw output of the head.
            target: (B, K, H, W) target heatmaps, Gaussians with peak 1.
            target_weights: (B, K), used if `use_target_weight`.

        Returns:
            Tensor: A scalar in float32 (float64 for float64 output), also under autocast.

        Raises:
            ValueError: If the shapes differ.
        """
        if output.shape != target.shape:
            raise ValueError(
                f'output {tuple(output.shape)} and target {tuple(target.shape)} heatmaps differ in '
                'shape; make heatmap_size of the codec agree with the head, and K with the dataset'
            )
        with torch.autocast(output.device.type, enabled=False):
            output = output if output.dtype == torch.float64 else output.float()
            target = target.to(output.dtype)
            if not self.use_target_weight or target_weights is None:
                return self.loss_weight * self.landmark_losses(output, target).mean()
            weights = target_weights.reshape(output.shape[:2]).to(output.dtype)
            used = weights > 0
            # Zeroing beforehand keeps NaN of a landmark without weight out of the gradient.
            output = torch.where(used[..., None, None], output, 0.0)
            losses = self.landmark_losses(output, target) * weights
            return self.loss_weight * torch.where(used, losses, 0.0).mean()


@MODELS.register_module()
class HeatmapJSDLoss(DivergenceLoss):
    """Jensen-Shannon divergence of predicted and target heatmap (JSDL, Eq. 2).

    Args:
        distribution: 'softmax' over the map, or 'sigmoid' pixel by pixel. The codec's `activation`
            must be the same.
        use_target_weight: Whether to weight each landmark.
        loss_weight: Factor of the loss.

    >>> target = torch.eye(4).view(1, 1, 4, 4)
    >>> HeatmapJSDLoss()(99 * target.flip(-1), target)
    tensor(0.6931)
    """

    divergence = staticmethod(jensen_shannon_divergence)


@MODELS.register_module()
class HeatmapKLDLoss(DivergenceLoss):
    """Kullback-Leibler divergence of the target from the predicted heatmap (KLDL, Table V).

    Arguments are those of `HeatmapJSDLoss`.

    >>> target = torch.eye(4).view(1, 1, 4, 4)
    >>> HeatmapKLDLoss()(torch.zeros(1, 1, 4, 4), target)
    tensor(1.3863)
    """

    divergence = staticmethod(kullback_leibler_divergence)

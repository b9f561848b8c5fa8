"""A head per stack that copies no heatmaps to the CPU in training.

Axis letters: B batch, K landmarks, (H, W) heatmap.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpose.models.heads import CPMHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from ...ops.heatmap_patch import find_maximum


@MODELS.register_module()
class StackedHeatmapHead(CPMHead):
    """`CPMHead` whose training accuracy stays on the device, and whose heatmaps are float32.

    `CPMHead` copies all heatmaps to the CPU at every step for `acc_pose`, and a GPU waits for it.
    Arguments, parameters and losses are the same. Under autocast the last layers compute in
    float32: bfloat16 rounds a logit of 30 to 0.125, which moves the fitted centre.

    >>> head = StackedHeatmapHead(16, 68, num_stages=2, deconv_out_channels=None)
    >>> [tuple(x.shape) for x in head([torch.zeros(1, 16, 12, 8)] * 2)]
    [(1, 68, 12, 8), (1, 68, 12, 8)]
    """

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Feature maps of the stacks -> a heatmap (B, K, H, W) of each."""
        layers = zip(feats, self.multi_deconv_layers, self.multi_final_layers, strict=True)
        return [_in_float32(final, deconv(x)) for x, deconv, final in layers]

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """See `CPMHead.loss`: `loss_kpt`, summed over the stages, and `acc_pose` of the last."""
        outputs = self.forward(feats)
        target = torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
        labels = (sample.gt_instance_labels for sample in batch_data_samples)
        weights = torch.cat([label.keypoint_weights for label in labels])
        modules = self.loss_module
        if not isinstance(modules, torch.nn.ModuleList):
            modules = [modules] * self.num_stages
        pairs = zip(modules, outputs, strict=True)
        loss = sum(module(output, target, weights) for module, output in pairs)
        return dict(loss_kpt=loss, acc_pose=pck_accuracy(outputs[-1], target, weights))


def _in_float32(layer: torch.nn.Module, x: Tensor) -> Tensor:
    if not torch.is_autocast_enabled(x.device.type):
        return layer(x)
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


@torch.no_grad()
def pck_accuracy(
    output: Tensor, target: Tensor, weights: Tensor, threshold: float = 0.05
) -> Tensor:
    """Mean over the landmarks of the share of faces whose argmax is near that of the target.

    Args:
        output: (B, K, H, W) heatmaps.
        target: (B, K, H, W) heatmaps.
        weights: (B, K), 0 for what does not count.
        threshold: What near is, as a share of the heatmap's sides.

    Returns:
        Tensor: A scalar; 0 if nothing counts. For square maps that of MMPose's
        `pose_pck_accuracy`, but a map without a positive value, of logits, has an argmax too.

    >>> maps = torch.eye(9).view(1, 9, 3, 3)  # landmark k at pixel k
    >>> pck_accuracy(maps[:, [1, 0, 2]], maps[:, :3], torch.ones(1, 3))
    tensor(0.3333)
    """
    size = output.new_tensor(output.shape[:-3:-1], dtype=torch.float32)  # W, H
    first, second = (find_maximum(maps.flatten(0, 1))[0] for maps in (output, target))
    distances = torch.linalg.vector_norm((first - second) / size, dim=-1)
    near = (distances < threshold).reshape(weights.shape)
    counted = weights > 0
    faces = counted.sum(0)
    shares = (near & counted).sum(0) / faces.clamp_min(1)
    return shares.sum() / (faces > 0).sum().clamp_min(1)

"""MHHN's attention behind any backbone.

Axis letters: B batch, (H, W) feature map, d channels.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmpose.models.backbones.resnet import Bottleneck
from mmpose.registry import MODELS
from torch import Tensor

from mhhn_mmpose.models.backbones.mcg_hourglass import MultiOrderAttention


@MODELS.register_module()
class MCGNeck(BaseModule):
    """A residual block on the backbone's last map, and the attention between its input and output.

    The paper attends between an hourglass unit's input and output (Eq. 7-9); this block stands in
    for the unit where a backbone has none.

    Args:
        channels: d, of the backbone's last map.
        attention_scale: Factor of the logits; 1 as in the paper, or None for 1 / sqrt(2 d).
        init_cfg: As in MMEngine.
    """

    def __init__(
        self,
        channels: int,
        attention_scale: float | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.block = Bottleneck(channels, channels)
        self.attention = MultiOrderAttention(channels, attention_scale)

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor]:
        """Turn maps, the last one (B, d, H, W), into one map (B, d, H, W)."""
        p = feats[-1]
        return (self.attention(p, self.block(p)),)

"""MMPose's HourglassNet with MHHN's attention.

Axis letters: B batch, (H, W) feature map, d channels.
"""

from __future__ import annotations

from typing import Any

from mmpose.models.backbones import HourglassNet
from mmpose.registry import MODELS
from torch import Tensor, nn

from mhhn_mmpose.models.backbones.mcg_hourglass import MultiOrderAttention


class AttendedHourglass(nn.Module):
    """A unit that keeps its input's shape, then the attention between both (MHHN, Eq. 7-9)."""

    def __init__(self, unit: nn.Module, attention: nn.Module) -> None:
        super().__init__()
        self.unit = unit
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        """(B, d, H, W) -> (B, d, H, W)."""
        return self.attention(x, self.unit(x))


@MODELS.register_module()
class MCGHourglassNet(HourglassNet):
    """`HourglassNet` with multi-order cross attention after each hourglass unit.

    The attention's factor starts at 0: with a trained `HourglassNet`'s weights this network starts
    as that one, and `load_from` takes its checkpoints as they are.

    Args:
        attention_scale: Factor of the logits; 1 as in the paper, or None for 1 / sqrt(2 d).
        **kwargs: Of `HourglassNet`.
    """

    def __init__(self, attention_scale: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        channels = self.stem[-1][-1].out_channels
        self.hourglass_modules = nn.ModuleList(
            AttendedHourglass(unit, MultiOrderAttention(channels, attention_scale))
            for unit in self.hourglass_modules
        )
        self._register_load_state_dict_pre_hook(_take_plain_weights)


def _take_plain_weights(state_dict: dict, prefix: str, *args: Any) -> None:
    """Rename the units' weights where they are those of a plain `HourglassNet`."""
    units = f'{prefix}hourglass_modules.'
    for key in [k for k in state_dict if k.startswith(units)]:
        number, rest = key.removeprefix(units).split('.', 1)
        if not rest.startswith(('unit.', 'attention.')):
            state_dict[f'{units}{number}.unit.{rest}'] = state_dict.pop(key)

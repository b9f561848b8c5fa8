"""MCG: stacked hourglass with multi-order cross attention (MHHN, Sections III-B and III-C).

Axis letters: B batch, (H, W) feature map, d channels, N = H * W positions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...ops.multi_order_attention import multi_order_attention

ATTENTION = ('all', 'last', 'none')


class _PreActBottleneck(nn.Module):
    """Newell's residual: (BN, ReLU, conv) x 3 of 1x1, 3x3, 1x1, with half the channels inside."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        inner = out_channels // 2
        self.body = nn.Sequential(
            *_pre_act_conv(in_channels, inner, 1),
            *_pre_act_conv(inner, inner, 3),
            *_pre_act_conv(inner, out_channels, 1),
        )
        self.skip: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.skip = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H, W)."""
        return self.skip(x) + self.body(x)


def _pre_act_conv(in_channels: int, out_channels: int, kernel_size: int) -> list[nn.Module]:
    return [
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2),
    ]


class _Hourglass(nn.Module):
    """One hourglass unit: `depth` halvings by max pooling and as many nearest doublings."""

    def __init__(self, depth: int, channels: int) -> None:
        super().__init__()
        self.skip = _PreActBottleneck(channels, channels)
        self.down = _PreActBottleneck(channels, channels)
        self.middle = (
            _Hourglass(depth - 1, channels) if depth > 1 else _PreActBottleneck(channels, channels)
        )
        self.up = _PreActBottleneck(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, d, H, W) -> (B, d, H, W)."""
        # ceil_mode and size= let any map pass, not only multiples of 2**depth.
        low = self.up(self.middle(self.down(F.max_pool2d(x, 2, ceil_mode=True))))
        return self.skip(x) + F.interpolate(low, size=x.shape[-2:], mode='nearest')


class MultiOrderAttention(nn.Module):
    """P_out = gamma softmax(Z) O + O over the positions of a map (Eq. 7-9); gamma starts at 0.

    Args:
        channels: d, of the maps.
        scale: Factor of the logits; None for 1 / sqrt(2 d).

    >>> p, o = torch.rand(2, 1, 6, 5, 7)
    >>> MultiOrderAttention(channels=6)(p, o).shape
    torch.Size([1, 6, 5, 7])
    """

    def __init__(self, channels: int, scale: float | None = 1.0) -> None:
        super().__init__()
        self.scale = (2 * channels) ** -0.5 if scale is None else scale
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, p: Tensor, o: Tensor) -> Tensor:
        """P and O, both (B, d, H, W) -> (B, d, H, W)."""
        attended = multi_order_attention(_rows(p), _rows(o), self.scale)
        return o + self.gamma * attended.transpose(1, 2).reshape(o.shape)


def _rows(x: Tensor) -> Tensor:
    """(B, d, H, W) -> (B, N, d)."""
    return x.flatten(2).transpose(1, 2)


@MODELS.register_module()
class MCGHourglass(BaseModule):
    """Stacked hourglass of Newell et al. with the attention of MHHN after each unit.

    The stem brings the input to 1/4 of its size. Each stack is an hourglass unit, the attention
    between its input and output, a residual and a 1x1 convolution, whose output is the stack's
    feature map; through another 1x1 convolution it is added to the next stack's input. The
    heatmaps are the head's business (`StackedHeatmapHead` has one a stack) and do not re-enter.

    Args:
        num_stacks: Number of hourglass units (4 in the paper).
        feat_channels: Channels of each feature map (256 in the paper).
        depth: Halvings inside a unit (4).
        attention: 'all' stacks, the 'last' only, or 'none' (the paper's baseline HGs).
        attention_scale: Factor of the logits; 1 as in the paper, or None for 1 / sqrt(2 d), which
            keeps softmax from saturating at the start.
        stem_stride: 4 as in the paper, or 8 for heatmaps of half the size.
        init_cfg: As in MMEngine.

    Raises:
        ValueError: If an argument is out of range.

    >>> backbone = MCGHourglass(num_stacks=2, feat_channels=16, depth=2)
    >>> [tuple(x.shape) for x in backbone(torch.zeros(1, 3, 64, 48))]
    [(1, 16, 16, 12), (1, 16, 16, 12)]
    """

    def __init__(
        self,
        num_stacks: int = 4,
        feat_channels: int = 256,
        depth: int = 4,
        attention: str = 'all',
        attention_scale: float | None = 1.0,
        stem_stride: int = 4,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if attention not in ATTENTION:
            raise ValueError(f'attention must be one of {ATTENTION}, got {attention!r}')
        if num_stacks < 1 or depth < 1:
            raise ValueError(f'num_stacks and depth must be >= 1, got {num_stacks} and {depth}')
        if feat_channels < 4 or feat_channels % 4:
            raise ValueError(f'feat_channels must be a multiple of 4, got {feat_channels}')
        if stem_stride not in (4, 8):
            raise ValueError(f'stem_stride must be 4 or 8, got {stem_stride}')
        channels = feat_channels
        self.stem = _make_stem(channels, stem_stride)
        self.hourglasses = nn.ModuleList(_Hourglass(depth, channels) for _ in range(num_stacks))
        self.attentions = nn.ModuleList(
            MultiOrderAttention(channels, attention_scale)
            if attention == 'all' or (attention == 'last' and stack == num_stacks - 1)
            else nn.Identity()
            for stack in range(num_stacks)
        )
        self.outs = nn.ModuleList(_make_out(channels) for _ in range(num_stacks))
        self.merges = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(num_stacks - 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, h, w) -> one (B, feat_channels, h / stem_stride, w / stem_stride) per stack."""
        if x.device.type == 'cpu':
            # 1.5 times as fast a training step there, and positions become rows without a copy.
            x = x.contiguous(memory_format=torch.channels_last)
        p = self.stem(x)
        feats = []
        for stack, (hourglass, attention, out) in enumerate(
            zip(self.hourglasses, self.attentions, self.outs, strict=True)
        ):
            o = hourglass(p)
            if isinstance(attention, MultiOrderAttention):
                o = attention(p, o)
            feats.append(out(o))
            if stack < len(self.merges):
                p = p + self.merges[stack](feats[-1])
        return feats


def _make_stem(channels: int, stride: int) -> nn.Sequential:
    """7x7 stride 2, residual, pool, residual, (residual, pool,) residual."""
    half = channels // 2
    layers = [
        nn.Conv2d(3, channels // 4, 7, stride=2, padding=3),
        nn.BatchNorm2d(channels // 4),
        nn.ReLU(inplace=True),
        _PreActBottleneck(channels // 4, half),
        nn.MaxPool2d(2),
        _PreActBottleneck(half, half),
    ]
    if stride == 8:
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, _PreActBottleneck(half, channels))


def _make_out(channels: int) -> nn.Sequential:
    return nn.Sequential(
        _PreActBottleneck(channels, channels),
        nn.Conv2d(channels, channels, 1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )

"""Give the pipelines of a config, which inherits from another, its codec."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeVar

Part = TypeVar('Part', dict, list)


def with_codec(part: Part, codec: dict) -> Part:
    """Return a copy of a part of a config whose pipelines crop and make targets for a codec.

    Every `GenerateTarget` takes the codec; every `TopdownAffine` its `input_size`, and `use_udp` as
    its `convention` asks. The head's decoder is the other place that names the codec.

    Args:
        part: Config of a data loader, such as `_base_.train_dataloader`, or `_base_.custom_hooks`,
            where MMPose keeps the pipeline of a second stage.
        codec: Config of the codec, whole.

    Raises:
        ValueError: If a data loader crops no faces, so has no `TopdownAffine`.

    >>> pipeline = [dict(type='TopdownAffine'), dict(type='GenerateTarget', encoder=None)]
    >>> codec = dict(type='SDTHeatmap', input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)
    >>> loader = with_codec(dict(dataset=dict(pipeline=pipeline)), codec)
    >>> affine, target = loader['dataset']['pipeline']
    >>> affine['input_size'], target['encoder'] == codec
    ((128, 128), True)
    """
    changed = deepcopy(part)
    affines = list(_steps(changed, 'TopdownAffine'))
    if isinstance(changed, dict) and not affines:
        raise ValueError("the loader's pipeline has no TopdownAffine: SDT needs top-down data")
    use_udp = codec['type'] == 'UDPHeatmap' or codec.get('convention') == 'udp'
    for affine in affines:
        affine['input_size'] = codec['input_size']
        if affine.get('use_udp', False) != use_udp:
            affine['use_udp'] = use_udp
    for target in _steps(changed, 'GenerateTarget'):
        target['encoder'] = deepcopy(dict(codec))
    return changed


def _steps(part: Any, kind: str) -> Iterator[dict]:
    """Yield every dictionary of a type, at any depth."""
    if isinstance(part, dict):
        if part.get('type') == kind:
            yield part
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for inner in part:
            yield from _steps(inner, kind)

"""Change steps of a data loader's pipeline by their type, for configs."""

from __future__ import annotations

from copy import deepcopy


def with_step(dataloader: dict, kind: str, **arguments: object) -> dict:
    """Return a copy of a loader's config in which every pipeline step of a type is changed.

    Args:
        dataloader: Config of a data loader, such as `_base_.train_dataloader`.
        kind: Type of the steps to change.
        arguments: What these steps take instead; `type` too.

    Raises:
        ValueError: If the pipeline has no such step.

    >>> loader = dict(dataset=dict(pipeline=[dict(type='LoadImage'), dict(type='PackPoseInputs')]))
    >>> with_step(loader, 'LoadImage', type='LoadFaceImage')['dataset']['pipeline'][0]
    {'type': 'LoadFaceImage'}
    """
    changed = deepcopy(dict(dataloader))
    steps = [step for step in changed['dataset']['pipeline'] if step['type'] == kind]
    if not steps:
        types = [step['type'] for step in changed['dataset']['pipeline']]
        raise ValueError(f'the pipeline has no {kind}, only {types}')
    for step in steps:
        step.update(deepcopy(arguments))
    return changed


def with_codec(dataloader: dict, codec: dict) -> dict:
    """Return a copy of a loader's config whose pipeline crops and makes targets for a codec.

    `TopdownAffine` takes the codec's `input_size`; `GenerateTarget`, where there is one, takes the
    codec. The head's decoder is the third place that names it.

    Args:
        dataloader: Config of a data loader, such as `_base_.train_dataloader`.
        codec: Config of the codec, whole.

    Raises:
        ValueError: If the pipeline has no `TopdownAffine`.

    >>> pipeline = [dict(type='TopdownAffine'), dict(type='GenerateTarget', encoder=None)]
    >>> codec = dict(type='SDTHeatmap', input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)
    >>> loader = with_codec(dict(dataset=dict(pipeline=pipeline)), codec)
    >>> affine, target = loader['dataset']['pipeline']
    >>> affine['input_size'], target['encoder'] == codec
    ((128, 128), True)
    """
    changed = with_step(dataloader, 'TopdownAffine', input_size=codec['input_size'])
    if any(step['type'] == 'GenerateTarget' for step in changed['dataset']['pipeline']):
        changed = with_step(changed, 'GenerateTarget', encoder=dict(codec))
    return changed

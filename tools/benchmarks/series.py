"""What `train_series.py` trains: models in groups, each to be compared within its group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from model_table import AT_128


@dataclass
class Series:
    """Models trained alike.

    Attributes:
        models: Name, config (`find_config`) and arguments of `Job` of each.
        steps: Of the training; without a number it lasts as long as it is given.
        held_out: Whether to train on the faces that are not held out and score on those that are,
            instead of 300W's training set and HELEN test.
        shapes: Whether to measure the heatmaps too.
        after: The series that its models begin with, trained before into the same folder.
    """

    models: list[tuple[str, str, dict[str, Any]]]
    steps: float = math.inf
    held_out: bool = False
    shapes: bool = False
    after: str = ''


def small(side: int) -> dict[str, Any]:
    """Options of hgs-hsr-small for inputs of another side, the same otherwise on a face."""
    scale, patch = side / 256, 2 * round(3.5 * side / 128) + 1
    both = {'sigma': 3 * scale, 'patch_size': patch}
    codec = both | {'input_size': (side, side), 'heatmap_size': (side // 4, side // 4)}
    loss = both | {'fdl_weight': 2 / scale}
    options = {f'codec.{key}': value for key, value in codec.items()}
    return options | {f'model.head.loss.{key}': value for key, value in loss.items()}


PLAIN = dict(colour=0.0)  # rotation, scale and flip
STRONG = dict(rotate=55.0, scale=0.25, shift=0.05, colour=0.35, occlude=0.3, spoil=0.3)
KLD = {'model.head.loss.divergence': 'kld', 'model.head.loss.fdl_weight': 4.0}
SMALL_HGS = {
    'model.backbone.num_stacks': 2,
    'model.backbone.feat_channels': 128,
    'model.head.num_stages': 2,
    'model.head.in_channels': 128,
    **AT_128,
}
RESIDUAL = {'model.head.loss.residual_weight': 1.0}
HRNET_SDL = {
    'model.head.loss.sigma': 1.5,
    'model.head.loss.fdl_distance': 'euclidean',
    **KLD,
    **AT_128,
}
ONE_STACK = {'model.backbone.num_stacks': 1, 'model.head.num_stages': 1}
PAPER = dict(batch=16, lr=1e-3, schedule='paper', augmentation=dict(shift=0.03))
BEST, SHIPPED_TINY = dict(ema=0.999, options=RESIDUAL), dict(ema=0.999, options=KLD | RESIDUAL)
HEAVY = dict(augmentation=STRONG | dict(spoil=0.4))
LIGHT = dict(augmentation=STRONG | dict(occlude=0.15, spoil=0.15))
PEER = dict(lr=2e-3, ema=0.99, augmentation=STRONG)  # MMPose's rate for HRNet
TINY = dict(lr=4e-3, options=KLD)
ALL = TINY | dict(ema=0.99, augmentation=STRONG)


def lever(**augmentation: float) -> dict[str, Any]:
    """The tiny model with one thing more than rotation, scale and flip."""
    return TINY | dict(augmentation=PLAIN | augmentation)


SERIES = {
    # The paper's four models and the literal SDL.
    'paper-size': Series(
        [
            ('HGs', 'hgs', PAPER),
            ('HGs+HSR', 'hgs-hsr', PAPER),
            ('HGs+MCG', 'hgs-mcg', PAPER),
            ('MHHN', 'mhhn', PAPER),
            ('HGs+HSR literal', 'hgs-hsr-literal', PAPER),
        ]
    ),
    # The models in mhhn_mmpose/weights, and how they end.
    'ship': Series(
        [
            ("'tiny'", 'hgs-hsr-tiny', SHIPPED_TINY | HEAVY | dict(lr=4e-3)),
            ("'best'", 'hgs-hsr-small', BEST | HEAVY | dict(lr=2.5e-3)),
        ]
    ),
    'ship-2': Series(
        [
            ("'tiny'", 'hgs-hsr-tiny', SHIPPED_TINY | LIGHT | dict(lr=2.5e-3)),
            ("'best'", 'hgs-hsr-small', BEST | LIGHT | dict(lr=1.5e-3)),
        ],
        after='ship',
    ),
    # MMPose's models beside ours, for 10 epochs.
    'peers': Series(
        [
            (
                'HGs+HSR small at 192 px',
                'hgs-hsr-small',
                PEER | dict(lr=2.5e-3, options=small(192)),
            ),
            (
                'HGs+HSR small at 128 px',
                'hgs-hsr-small',
                PEER | dict(lr=2.5e-3, options=small(128)),
            ),
            ('HGs+HSR tiny', 'hgs-hsr-tiny', PEER | TINY),
            ('HRNetV2-W18 + DARK', 'hrnetv2-w18-dark', PEER | dict(options=AT_128)),
            ('HRNetV2-W18 + MSRA', 'hrnetv2-w18-msra', PEER | dict(options=AT_128)),
            ('HRNetV2-W18 + SDT, SDL', 'hrnetv2-w18-sdt-sdl', PEER | dict(options=HRNET_SDL)),
            ('HourglassNet + CPMHead', 'hourglass', PEER | dict(options=ONE_STACK | AT_128)),
        ],
        steps=377,
    ),
    # Each augmentation alone, 10 epochs.
    'levers': Series(
        [
            ('rotation, scale and flip only', 'hgs-hsr-tiny', lever()),
            ('+ EMA of the weights', 'hgs-hsr-tiny', lever() | dict(ema=0.99)),
            ('+ shifted boxes', 'hgs-hsr-tiny', lever(shift=0.05)),
            ('+ colour', 'hgs-hsr-tiny', lever(colour=0.35)),
            ('+ occluders', 'hgs-hsr-tiny', lever(occlude=0.3)),
            ('+ low resolution, blur, JPEG, noise, dark', 'hgs-hsr-tiny', lever(spoil=0.3)),
            ('all of these', 'hgs-hsr-tiny', ALL),
        ],
        steps=310,
        held_out=True,
    ),
    # MSE and SDL, 22 epochs.
    'losses': Series(
        [
            ('MSE, tiny', 'hgs-tiny', {}),
            ('SDL, tiny', 'hgs-hsr-tiny', TINY),
            ('SDL + residual, tiny', 'hgs-hsr-tiny', dict(options=KLD | RESIDUAL)),
        ],
        steps=682,
        held_out=True,
        shapes=True,
    ),
    'losses-small': Series(
        [
            ('MSE, small', 'hgs', dict(lr=2.5e-3, options=SMALL_HGS)),
            ('SDL, small', 'hgs-hsr-small', dict(lr=2.5e-3, options=small(128))),
            (
                'SDL + residual, small',
                'hgs-hsr-small',
                dict(lr=2.5e-3, options=small(128) | RESIDUAL),
            ),
        ],
        steps=682,
        held_out=True,
        shapes=True,
    ),
}

"""Configs of the models that the benchmarks build, ours and MMPose's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mhhn_mmpose.datasets.pipelines import with_codec

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '300w'
# MMPose's hourglass configs, but for the paper's number of stacks.
HOURGLASS = {
    'model.neck': None,
    'model.backbone': dict(_delete_=True, type='HourglassNet', num_stacks=4),
    'model.head': dict(
        _delete_=True,
        type='CPMHead',
        in_channels=256,
        out_channels=68,
        num_stages=4,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    ),
}
# What makes a model tiny that has no tiny config.
AT_128 = {'codec.input_size': (128, 128), 'codec.heatmap_size': (32, 32), 'codec.sigma': 1.5}


def find_config(name: str, tiny: bool) -> tuple[str, dict[str, Any]]:
    """Return the path of a config in configs/300w and what differs from it, as `--cfg-options`.

    The name is the middle of its file's name, such as 'mhhn-last'; or 'hourglass', MMPose's. `tiny`
    is for 128 px: the tiny config, or else the same model there.
    """
    options = {}
    if name == 'hourglass':
        name, options = 'hrnetv2-w18-msra', HOURGLASS
    if tiny:
        for path in CONFIGS.glob(f'td-hm_{name}-tiny_*.py'):
            return str(path), options
        options = options | AT_128
    for path in CONFIGS.glob(f'td-hm_{name}_*.py'):
        return str(path), options
    raise SystemExit(f'{name}: no such model in {CONFIGS}')


def load_config(path: str, options: dict[str, Any]) -> Config:
    """Load a config with its options; head and test pipeline take its codec, weights stay out."""
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    cfg.merge_from_dict(options)
    cfg.model.head.decoder = cfg.codec
    cfg.test_dataloader = with_codec(cfg.test_dataloader, cfg.codec)
    cfg.model.backbone.pop('init_cfg', None)  # HRNet's weights would be downloaded
    return cfg

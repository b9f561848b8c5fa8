"""The shrunken form of every leaf: agrees with itself, builds, and is what the tiny leaves are."""

import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import KEYPOINT_CODECS, MODELS
from paper_tables.jobs import TINY
from paper_tables.rows import parse_stem
from paper_tables.shrink import set_epochs, shrink, tiny_stem

LEAVES = sorted(p for p in (ROOT / 'configs').glob('[!_]*/*.py') if '-tiny_' not in p.stem)
STEPS = {'GenerateTarget': 'encoder', 'TopdownAffine': 'input_size'}


def load(stem, folder='300w'):
    return Config.fromfile(ROOT / 'configs' / folder / f'{stem}.py')


def small(cfg):
    return shrink(cfg, Config.fromfile(ROOT / TINY))


def settings(cfg, loader, kind):
    pipeline = cfg[f'{loader}_dataloader'].dataset.pipeline
    return [step[STEPS[kind]] for step in pipeline if step.type == kind]


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.stem)
def test_agrees_and_builds(leaf):
    big = Config.fromfile(leaf)
    cfg = small(big)
    init_default_scope(cfg.default_scope)
    codec = cfg.codec
    assert codec.input_size == (128, 128)
    assert [2 * side for side in codec.heatmap_size] == list(big.codec.heatmap_size)
    assert codec.sigma == big.codec.sigma / 2
    assert cfg.model.head.decoder == codec
    assert settings(cfg, 'train', 'GenerateTarget') == [codec]
    for loader in ('train', 'val', 'test'):
        assert settings(cfg, loader, 'TopdownAffine') == [(128, 128)]
    loss = cfg.model.head.loss
    assert loss.get('sigma', codec.sigma) == codec.sigma
    cfg.model.backbone.pop('init_cfg', None)  # HRNet's would be downloaded
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        maps = model(torch.zeros(1, 3, 128, 128), None, mode='tensor')
    maps = maps if isinstance(maps, list | tuple) else [maps]
    assert len(maps) == 1
    assert maps[0].shape == (1, cfg.model.head.out_channels, *codec.heatmap_size[::-1])
    KEYPOINT_CODECS.build(codec)
    assert Config.fromstring(cfg.pretty_text, '.py')._cfg_dict == cfg._cfg_dict


@pytest.mark.parametrize('model', ['hgs', 'hgs-hsr', 'mhhn'])
def test_is_the_tiny_leaf(model):
    cfg = small(load(f'td-hm_{model}_8xb4-200e_300w-256x256'))
    leaf = load(f'td-hm_{model}-tiny_2xb8-30e_300w-128x128')
    if model != 'hgs':  # the leaf alone measures FDL by the distance itself
        assert leaf.model.head.loss.pop('fdl_distance') == 'euclidean'
        leaf.model.head.loss.fdl_weight = cfg.model.head.loss.fdl_weight
    if model == 'mhhn':  # the leaf alone scales its logits
        leaf.model.backbone.pop('attention_scale')
        cfg.model.backbone.pop('attention_scale', None)
    for key in ('codec', 'model', 'train_cfg', 'param_scheduler', 'optim_wrapper'):
        assert cfg[key] == leaf[key], key
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        assert cfg[key] == leaf[key], key


def test_keeps_what_a_row_is_about():
    rows = ('mhhn-patch15', 'mhhn-lambda2', 'mhhn-map32', 'mhhn-last', 'hgs-hsr-sigma5')
    cfgs = [small(load(f'td-hm_{row}_8xb4-200e_300w-256x256')) for row in rows]
    assert [c.codec.get('patch_size', 9) for c in cfgs] == [15, 9, 9, 9, 9]
    assert [c.model.head.loss.get('patch_size', 9) for c in cfgs] == [15, 9, 9, 9, 9]
    assert [c.model.head.loss.fdl_weight for c in cfgs] == [1 / 4, 2, 1, 1 / 4, 1 / 4]
    assert [c.codec.heatmap_size[0] for c in cfgs] == [32, 32, 16, 32, 32]
    assert [c.model.head.loss.sigma for c in cfgs] == [1.5, 1.5, 0.75, 1.5, 2.5]
    assert [c.model.backbone.attention for c in cfgs] == ['all', 'all', 'all', 'last', 'none']


def test_hrnet_keeps_its_learning_rate_and_size():
    big = load('td-hm_hrnetv2-w18-dark_8xb4-200e_wflw-256x256', 'wflw')
    cfg = small(big)
    assert cfg.model.backbone == big.model.backbone
    assert cfg.optim_wrapper == big.optim_wrapper
    assert cfg.train_cfg.max_epochs == 30
    big.codec.blur_kernel_size = 17
    assert small(big).codec.blur_kernel_size == 9


def test_the_given_config_is_left_alone():
    big = load('td-hm_mhhn_8xb4-200e_300w-256x256')
    text = big.pretty_text
    small(big)
    assert big.pretty_text == text


def test_tiny_stem():
    tiny = parse_stem('td-hm_hgs-tiny_2xb8-30e_300w-128x128')
    stem = parse_stem('td-hm_hgs-mcg_8xb4-200e_300w-256x256_cofw68')
    assert tiny_stem(stem, tiny, 128) == 'td-hm_hgs-mcg-tiny_2xb8-30e_300w-128x128_cofw68'
    stem = parse_stem('td-hm_mhhn_8xb4-200e_wflw-256x256')
    assert tiny_stem(stem, tiny, 128) == 'td-hm_mhhn-tiny_2xb8-30e_wflw-128x128'


def test_fewer_epochs_keep_the_schedules_shape():
    cfg = load('td-hm_mhhn_8xb4-200e_300w-256x256')
    set_epochs(cfg, 20)
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (20, 10)
    assert [list(s.milestones) for s in cfg.param_scheduler] == [[2], [5], [10, 15]]
    cfg = load('td-hm_mhhn-tiny_2xb8-30e_300w-128x128')
    set_epochs(cfg, 3)
    assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == (3, 3)
    assert (cfg.param_scheduler[0].end, cfg.param_scheduler[1].T_max) == (50, 3)

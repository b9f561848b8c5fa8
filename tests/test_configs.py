"""Every leaf config: agrees with itself, builds, and does one training step on generated faces."""

import copy
import re
from functools import cache
from operator import attrgetter
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.datasets import CocoDataset
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, METRICS, MODELS, VISUALIZERS

from mhhn_mmpose.datasets.datasets.face import CheckedFaces
from mhhn_mmpose.evaluation.functional import resolve

LEAVES = sorted((ROOT / 'configs').glob('[!_]*/*.py'))
PROJECTS = sorted(ROOT.glob('projects/*/configs/*.py'))
TINY = [leaf for leaf in LEAVES if '-tiny_' in leaf.stem]


@cache
def read(path: Path) -> Config:
    return Config.fromfile(path)


def load(leaf: Path) -> Config:
    cfg = copy.deepcopy(read(leaf))
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.pop('init_cfg', None)  # HRNet's would be downloaded
    return cfg


def step_of(pipeline: list, kind: str) -> dict:
    return next(step for step in pipeline if step.type == kind)


@pytest.mark.parametrize('path', LEAVES + PROJECTS, ids=lambda path: path.stem)
def test_codec_decoder_encoder_and_loss_agree(path):
    cfg = load(path)
    codec, pipeline = cfg.codec, cfg.train_dataloader.dataset.pipeline
    encoder = step_of(pipeline, 'GenerateTarget').encoder
    for part in (codec, cfg.model.head.decoder, encoder):
        part.pop('_scope_', None)  # where MMPose's config is the base
    assert cfg.model.head.decoder == encoder == codec
    people = path.parts[-3] in ('mcg_attention', 'sdt_human_pose')
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        data = cfg[name].dataset
        affine = step_of(data.pipeline, 'TopdownAffine')
        assert tuple(affine.input_size) == tuple(codec.input_size), name
        assert data.pipeline[0].type == ('LoadImage' if people else 'LoadFaceImage')
        for kind in {part.type for part in data.get('datasets', [data])}:
            assert issubclass(DATASETS.get(kind), CocoDataset if people else CheckedFaces)
    loss = cfg.model.head.loss
    assert loss.get('sigma', codec.sigma) == codec.sigma
    assert loss.get('distribution') == codec.get('activation')
    assert loss.get('patch_size', 9) == codec.get('patch_size', 9)
    if cfg.model.head.type == 'StackedHeatmapHead':
        assert cfg.model.head.num_stages == cfg.model.backbone.num_stacks
        assert cfg.model.head.in_channels == cfg.model.backbone.feat_channels
    if path in LEAVES:  # MMPose's own configs show no heatmaps
        assert cfg.visualizer.get('activation') == codec.get('activation')
    # As `BaseMMPoseInferencer` finds out for which objects it needs a detector.
    module = DATASETS.get(cfg.dataset_type).__module__
    assert module.split('datasets.')[-1].split('.')[0] == ('body' if people else 'face')
    # Whole pixels for the MSRA convention, none for the half-pixel one (see the codec).
    assert cfg.model.test_cfg.shift_heatmap == (codec.type == 'MSRAHeatmap')


@pytest.mark.parametrize('path', LEAVES + PROJECTS, ids=lambda path: path.stem)
def test_a_reader_opens_at_most_three_other_files(path):
    # MMEngine writes each file's path above its text.
    files = set(re.findall(r'^/.+\.py$', read(path).text, re.MULTILINE))
    assert str(path) in files and len(files) <= 1 + 3


def test_what_several_configs_state_agrees():
    models = ROOT / 'configs/_base_/models'
    for paths, keys in (
        (models.glob('hgs*.py'), ('model.data_preprocessor', 'model.backbone', 'model.test_cfg')),
        (models.glob('hrnetv2*.py'), ('model.data_preprocessor', 'model.backbone', 'model.neck')),
        (TINY, ('train_cfg', 'param_scheduler', 'optim_wrapper.optimizer', 'val_dataloader')),
    ):
        first, *others = map(read, paths)
        for key in keys:
            value = attrgetter(key)
            assert others and all(value(other) == value(first) for other in others), key


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.stem)
def test_a_leaf_is_short_and_is_what_its_name_says(leaf):
    assert len(leaf.read_text().splitlines()) <= 30
    name = re.match(r'td-hm_.+?_(\d+)xb(\d+)-(\d+)e_(\w+)-\d+x\d+', leaf.stem)
    processes, batch, epochs, data = name.groups()
    cfg = load(leaf)
    assert cfg.train_dataloader.batch_size == int(batch)
    assert cfg.auto_scale_lr.base_batch_size == int(processes) * int(batch)
    assert cfg.train_cfg.max_epochs == int(epochs)
    assert cfg.train_dataloader.dataset.data_root == f'data/{data}/'
    assert leaf.stem.endswith('{}x{}'.format(*cfg.codec.input_size)) or 'cofw68' in leaf.stem


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.stem)
def test_a_leafs_parts_build_and_fit_its_dataset(leaf):
    cfg = load(leaf)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        info = parse_pose_metainfo(dict(DATASETS.get(cfg[name].dataset.type).METAINFO))
        assert cfg.model.head.out_channels == info['num_keypoints'], name
    if cfg.test_evaluator.type == 'FaceAlignmentMetric':
        data = cfg.test_dataloader.dataset
        assert cfg.test_evaluator.ann_file == data.data_root + data.ann_file
        best = cfg.default_hooks.checkpoint.save_best
        assert best in {f'full/{name}/NME' for name in cfg.val_evaluator.normalizers}
        for rule in cfg.test_evaluator.normalizers:
            assert resolve(rule, info['dataset_name']).name == rule
    METRICS.build(cfg.test_evaluator)
    VISUALIZERS.build(cfg.visualizer)
    MODELS.build(cfg.model.head)  # a backbone's weights take seconds to draw


def first_batch(cfg: Config, generated, count: int) -> dict:
    data = cfg.train_dataloader.dataset
    data.data_root = str(generated(cfg.data_root.split('/')[1]))
    dataset = DATASETS.build(data)
    return pseudo_collate([dataset[i] for i in range(count)])


@pytest.mark.parametrize('name', ['mhhn', 'mhhn-map32'])
def test_heatmaps_have_the_codecs_size(name, generated):
    """Networks at the paper's size; a step would take too long on a CPU."""
    cfg = load(ROOT / f'configs/300w/td-hm_{name}_8xb4-200e_300w-256x256.py')
    model = MODELS.build(cfg.model).eval()
    batch = model.data_preprocessor(first_batch(cfg, generated, 1))
    with torch.no_grad():
        heatmaps = model(**batch, mode='tensor')
    assert len(heatmaps) == cfg.model.head.num_stages == 4
    expected = (1, cfg.model.head.out_channels, *cfg.codec.heatmap_size[::-1])
    assert {tuple(h.shape) for h in heatmaps} == {expected}


@pytest.mark.parametrize(
    'leaf', TINY + [leaf for leaf in LEAVES if '_hgs-hsr_' in leaf.stem], ids=lambda leaf: leaf.stem
)
def test_a_step_trains(leaf, generated):
    """Every tiny leaf, and a leaf of each dataset, made small; HRNet: test_docs_examples.py."""
    cfg = load(leaf)
    if '_hgs-hsr_' in leaf.stem:
        cfg.model.backbone.update(num_stacks=1, feat_channels=32)
        cfg.model.head.update(num_stages=1, in_channels=32)
    model = MODELS.build(cfg.model)
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    losses = model.train_step(first_batch(cfg, generated, 2), optimizer)
    assert torch.isfinite(losses['loss'])
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)


def test_the_literal_leafs_loss_is_the_papers():
    name = 'td-hm_hgs-hsr-literal-tiny_2xb8-30e_300w-128x128'
    loss = load(ROOT / f'configs/300w/{name}.py').model.head.loss
    assert (loss.distribution, loss.constraint, loss.gate_fdl) == ('sigmoid', 'unit_peak', False)

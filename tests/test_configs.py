"""Every leaf config: agrees with itself, builds, and does one training step on generated faces."""

from pathlib import Path

import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, METRICS, MODELS

LEAVES = sorted((ROOT / 'configs').glob('[!_]*/*.py'))
TINY = [leaf for leaf in LEAVES if '-tiny_' in leaf.stem]


def load(leaf: Path) -> Config:
    cfg = Config.fromfile(leaf)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.pop('init_cfg', None)  # HRNet's would be downloaded
    return cfg


def step_of(pipeline: list, kind: str) -> dict:
    return next(step for step in pipeline if step.type == kind)


@pytest.fixture(params=LEAVES, ids=lambda leaf: leaf.stem)
def leaf(request) -> Path:
    return request.param


def test_there_are_leaves():
    names = {leaf.stem for leaf in LEAVES}
    for model in ('hgs_', 'hgs-hsr_', 'hgs-mcg_', 'mhhn_', 'hgs-tiny_', 'mhhn-tiny_'):
        assert any(name.startswith(f'td-hm_{model}') for name in names), model


def test_leaf_is_short(leaf):
    assert len(leaf.read_text().splitlines()) <= 30


def test_codec_decoder_encoder_and_loss_agree(leaf):
    cfg = load(leaf)
    codec, pipeline = cfg.codec, cfg.train_dataloader.dataset.pipeline
    assert cfg.model.head.decoder == codec
    assert step_of(pipeline, 'GenerateTarget').encoder == codec
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        affine = step_of(cfg[name].dataset.pipeline, 'TopdownAffine')
        assert tuple(affine.input_size) == tuple(codec.input_size), name
    loss = cfg.model.head.loss
    assert loss.get('sigma', codec.sigma) == codec.sigma
    assert loss.get('distribution') == codec.get('activation')
    assert loss.get('patch_size', 9) == codec.get('patch_size', 9)
    if cfg.model.head.type == 'CPMHead':
        assert cfg.model.head.num_stages == cfg.model.backbone.num_stacks
        assert cfg.model.head.in_channels == cfg.model.backbone.feat_channels
    # 0.75 heatmap pixels in the MSRA convention, none in the half-pixel one (design of the codec).
    assert not cfg.model.test_cfg.get('shift_heatmap')


def test_metric_reads_the_tested_annotations(leaf):
    cfg = load(leaf)
    if cfg.test_evaluator.type == 'FaceAlignmentMetric':
        data = cfg.test_dataloader.dataset
        assert cfg.test_evaluator.ann_file == data.data_root + data.ann_file
    METRICS.build(cfg.test_evaluator)


def dataset_of(cfg: Config, name: str, root: Path):
    data = cfg[name].dataset
    data.data_root = str(root)
    return DATASETS.build(data)


def test_heatmaps_have_the_codecs_size_and_a_step_trains(leaf, generated_300w):
    cfg = load(leaf)
    paper_size = cfg.model.backbone.get('feat_channels') == 256
    model = MODELS.build(cfg.model)
    dataset = dataset_of(cfg, 'train_dataloader', generated_300w)
    samples = [dataset[i] for i in range(1 if paper_size else 2)]
    if paper_size:  # build and one forward; a step takes too long on a CPU
        batch = model.eval().data_preprocessor(pseudo_collate(samples))
        with torch.no_grad():
            heatmaps = model(**batch, mode='tensor')
        assert len(heatmaps) == 4
        assert heatmaps[-1].shape == (1, 68, 64, 64)
        return
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    losses = model.train_step(pseudo_collate(samples), optimizer)
    assert torch.isfinite(losses['loss'])
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)


@pytest.mark.parametrize('leaf', TINY, ids=lambda leaf: leaf.stem)
def test_evaluates_on_generated_faces(leaf, generated_300w):
    cfg = load(leaf)
    model = MODELS.build(cfg.model).eval()
    dataset = dataset_of(cfg, 'test_dataloader', generated_300w)
    metric = METRICS.build(
        {
            **cfg.test_evaluator,
            'ann_file': str(generated_300w / cfg.test_dataloader.dataset.ann_file),
        }
    )
    metric.dataset_meta = dataset.metainfo
    with torch.no_grad():
        outputs = model.test_step(pseudo_collate([dataset[i] for i in range(len(dataset))]))
    metric.process(None, [sample.to_dict() for sample in outputs])
    scores = metric.evaluate(len(dataset))
    for subset in ('full', 'common', 'challenge'):
        assert scores[f'{subset}/inter_ocular/NME'] > 0

"""projects/combined_landmarks: one model of 300W's landmarks from 300W, WFLW and COFW."""

import json

import numpy as np
import pytest
import torch
from conftest import ROOT, cfg_options, run_tool
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

from mhhn_mmpose.apis.loading import load_model
from mhhn_mmpose.datasets.landmark_mappings import COFW_TO_300W

CONFIGS = ROOT / 'projects/combined_landmarks/configs'
LEAF = CONFIGS / 'td-hm_hgs-hsr-tiny_2xb8-30e_300w-wflw-cofw-128x128.py'
ON_WFLW = LEAF.with_stem(f'{LEAF.stem}_wflw')
SOURCES = ('300w', 'wflw', 'cofw')
IN_COFW = sorted(target for _, target in COFW_TO_300W)


@pytest.fixture
def combined(generated):
    """The training set, four faces of each dataset, and the model."""
    cfg = Config.fromfile(LEAF)
    init_default_scope(cfg.default_scope)
    for data, name in zip(cfg.train_dataloader.dataset.datasets, SOURCES, strict=True):
        data.data_root = str(generated(name))
    torch.manual_seed(0)
    return DATASETS.build(cfg.train_dataloader.dataset), MODELS.build(cfg.model)


def test_all_landmarks_of_one_scheme_and_weight_0_for_what_is_missing(combined):
    dataset, _ = combined
    assert dataset.lens == [4, 4, 4] and dataset.metainfo['dataset_name'] == '300w'
    flips = []
    for _ in range(3):  # augmentation, flips included, is drawn anew
        for i in range(len(dataset)):
            sample = dataset[i]['data_samples']
            flips.append(sample.flip)
            assert sample.flip_indices == dataset.metainfo['flip_indices']
            weights = sample.gt_instance_labels.keypoint_weights[0].numpy()
            maps = sample.gt_fields.heatmaps.numpy()
            assert maps.shape == (68, 32, 32) and set(weights) <= {0, 1}
            expected = IN_COFW if i >= 8 else list(range(68))
            assert set(np.flatnonzero(weights)) <= set(expected)
            assert (weights[expected] > 0).mean() > 0.8  # the crop may cut some
            assert np.array_equal(maps.any((1, 2)), weights > 0)
            # Right order: left of the photo's face is left, whether flipped or not.
            for left, right in ((17, 26), (36, 45), (48, 54)):
                if weights[[left, right]].all():
                    assert _column(maps[left]) < _column(maps[right])
    assert any(flips) and not all(flips)


def _column(heatmap):
    return heatmap.sum(0).argmax()


def test_missing_landmarks_do_not_enter_the_loss(combined):
    dataset, model = combined
    samples = [dataset[i]['data_samples'] for i in (8, 9)]
    maps = torch.randn(2, 68, 32, 32, requires_grad=True)
    model.head.forward = lambda feats: [feats]  # features are heatmaps
    losses = model.head.loss(maps, samples)
    losses['loss_kpt'].backward()
    moved = maps.grad.abs().sum((2, 3)) > 0
    weights = torch.cat([s.gt_instance_labels.keypoint_weights for s in samples])
    assert torch.equal(moved, weights > 0) and 20 < int(moved.sum()) <= 2 * len(IN_COFW)
    changed = torch.where(weights[..., None, None] > 0, maps.detach(), 1e4)
    assert model.head.loss(changed, samples)['loss_kpt'] == losses['loss_kpt']


def test_is_scored_on_both_schemes(generated, tmp_path, monkeypatch):
    torch.save(load_model(LEAF).state_dict(), tmp_path / 'random.pth')
    for leaf, name, file, part in (
        (LEAF, '300w', 'face_landmarks_300w_valid', ''),
        (ON_WFLW, 'wflw', 'face_landmarks_wflw_test', 'datasets.0.'),
    ):
        root = generated(name)
        options = cfg_options(root, file)
        options += [f'test_dataloader.dataset.{part}data_root={root}/']
        arguments = [leaf, tmp_path / 'random.pth', '--work-dir', tmp_path / name]
        assert not run_tool(monkeypatch, 'test.py', *arguments, *options)
        scores = json.loads((tmp_path / name / 'metrics.json').read_text())
        errors = json.loads((tmp_path / name / 'errors.json').read_text())
        assert 0 < scores['full/inter_ocular/NME'] < 200
        # Means of WFLW's lid points are scored too.
        assert np.isfinite(errors['landmark_errors']['inter_ocular']).sum() == 68

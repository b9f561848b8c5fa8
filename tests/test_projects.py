"""Every project: its configs agree, build and train; its README is whole."""

import json
import re

import numpy as np
import pytest
import torch
from conftest import ROOT, cfg_options, run_tool
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmpose.registry import DATASETS, MODELS
from test_configs import load

from mhhn_mmpose.apis.model_loading import load_model
from mhhn_mmpose.datasets.landmark_mappings import COFW_TO_300W

PROJECTS = sorted(path.parent for path in (ROOT / 'projects').glob('*/README.md'))
MCG = sorted((ROOT / 'projects').glob('mcg_attention/configs/*.py'))
COMBINED = ROOT / 'projects/combined_landmarks/configs'
COMBINED /= 'td-hm_hgs-hsr-tiny_2xb8-30e_300w-wflw-cofw-128x128.py'
ON_WFLW = COMBINED.with_stem(f'{COMBINED.stem}_wflw')
SOURCES = ('300w', 'wflw', 'cofw')
IN_COFW = sorted(target for _, target in COFW_TO_300W)
SECTIONS = ('Description', 'Usage', 'Prerequisites', 'Data', 'Training', 'Testing', 'Results')


@pytest.fixture(autouse=True)
def _root_on_path(monkeypatch):  # PYTHONPATH=. in the READMEs
    monkeypatch.syspath_prepend(str(ROOT))


def test_projects_have_what_mmpose_asks_for():
    assert len(PROJECTS) == 3
    for project in PROJECTS:
        text = (project / 'README.md').read_text()
        headings = re.findall(r'^##+ (\w+)', text, re.MULTILINE)
        assert [name for name in headings if name in SECTIONS] == list(SECTIONS), project.name
        assert {'Citation', 'Checklist'} <= set(headings)
        assert text.count('- [x]') + text.count('- [ ]') >= 9
        assert all(leaf.name in text for leaf in project.glob('configs/*.py'))


def test_check_dataset_looks_at_each_part_of_a_combined_one(generated, monkeypatch, capsys):
    roots = {f'train_dataloader.dataset.datasets.{i}': generated(n) for i, n in enumerate(SOURCES)}
    options = [f'{key}.data_root={root}' for key, root in roots.items()]
    arguments = [COMBINED, '--split', 'train', '--cfg-options', *options]
    assert run_tool(monkeypatch, 'misc/check_dataset.py', *arguments) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if 'can be used' in line]
    assert [line.endswith(': 4 faces can be used, 0 faults') for line in said] == [True] * 3


@pytest.mark.parametrize('leaf', MCG, ids=lambda leaf: leaf.stem)
def test_a_step_trains(leaf, people):
    cfg = load(leaf)
    if 'hourglass52' in leaf.stem:  # whose step takes 20 s of a CPU
        cfg.model.backbone.update(stage_channels=(256, *[32] * 5), feat_channel=32)
        cfg.model.head.in_channels = 32
    cfg.train_dataloader.dataset.data_root = str(people)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    torch.manual_seed(0)
    # Without init_weights(), whose zeros in ResNet's blocks let half of it stand still at first.
    model = MODELS.build(cfg.model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    losses = model.train_step(pseudo_collate([dataset[i] for i in range(2)]), optimizer)
    assert torch.isfinite(losses['loss'])
    moved = {n for n, p in model.named_parameters() if not torch.equal(before[n], p)}
    assert len(moved) > 0.9 * len(before)
    # The attention's own factor, and the layer that the loss meets first, in particular.
    assert {n for n in before if n.endswith(('gamma', 'final_layer.weight'))} <= moved


def test_attention_reaches_the_output_and_starts_at_nothing():
    from mmpose.models.backbones import HourglassNet

    from projects.mcg_attention.models import MCGHourglassNet

    small = dict(downsample_times=2, num_stacks=2, feat_channel=24)
    small |= dict(stage_channels=(256, 32, 32), stage_blocks=(1, 1, 1))
    torch.manual_seed(0)
    plain, attended = HourglassNet(**small), MCGHourglassNet(**small)
    plain.eval(), attended.eval()  # which return nothing
    wrong = attended.load_state_dict(plain.state_dict(), strict=False)
    assert wrong.unexpected_keys == []
    assert wrong.missing_keys == [f'hourglass_modules.{i}.attention.gamma' for i in range(2)]
    image = torch.randn(2, 3, 48, 64)
    with torch.no_grad():
        expected, found = plain(image), attended(image)
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
        attended.load_state_dict(attended.state_dict())  # its own weights, under its own names
        attended.hourglass_modules[0].attention.gamma.fill_(0.5)
        changed = attended(image)
    for before, after in zip(expected, changed, strict=True):
        assert (before - after).abs().max() > 1e-3 * before.abs().max()


@pytest.fixture
def combined(generated):
    """The training set, four faces of each dataset, and the model."""
    cfg = load(COMBINED)
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
                    assert np.diff(maps[[left, right]].sum(1).argmax(1)) > 0
    assert any(flips) and not all(flips)


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
    torch.save(load_model(COMBINED).state_dict(), tmp_path / 'random.pth')
    for leaf, name, file, part in (
        (COMBINED, '300w', 'face_landmarks_300w_valid', ''),
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

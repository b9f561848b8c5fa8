"""Every project: its configs agree, build and train; its README is whole."""

import re
from pathlib import Path

import pytest
import torch
from conftest import ROOT, run_tool
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

import mhhn_mmpose  # noqa: F401  (lets mmpose.models import on mmcv-lite)

PROJECTS = sorted(path.parent for path in (ROOT / 'projects').glob('*/README.md'))
LEAVES = sorted((ROOT / 'projects').glob('*/configs/*.py'))
SECTIONS = ('Description', 'Usage', 'Prerequisites', 'Data', 'Training', 'Testing', 'Results')


@pytest.fixture(autouse=True)
def _root_on_path(monkeypatch):
    """What the READMEs ask for with PYTHONPATH=."""
    monkeypatch.syspath_prepend(str(ROOT))


def load(leaf: Path) -> Config:
    cfg = Config.fromfile(leaf)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    return cfg


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
    (config,) = (ROOT / 'projects').glob('combined_landmarks/configs/*cofw-128x128.py')
    names = ('300w', 'wflw', 'cofw')
    roots = {f'train_dataloader.dataset.datasets.{i}': generated(n) for i, n in enumerate(names)}
    options = [f'{key}.data_root={root}' for key, root in roots.items()]
    arguments = [config, '--split', 'train', '--cfg-options', *options]
    assert run_tool(monkeypatch, 'misc/check_dataset.py', *arguments) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if 'can be used' in line]
    assert [line.endswith(': 4 faces can be used, 0 faults') for line in said] == [True] * 3


@pytest.mark.parametrize(
    'leaf',
    [path for path in LEAVES if 'mcg' in path.stem or path.stem.endswith('cofw-128x128')],
    ids=lambda leaf: leaf.stem,
)
def test_a_step_trains(leaf, people, generated):
    """Where a project brings code of its own, or several datasets."""
    cfg = load(leaf)
    if 'hourglass52' in leaf.stem:  # whose step takes 20 s of a CPU
        cfg.model.backbone.update(stage_channels=(256, *[32] * 5), feat_channel=32)
        cfg.model.head.in_channels = 32
    data = cfg.train_dataloader.dataset
    for part in data.get('datasets', [data]):
        name = part.type.removeprefix('Checked').removesuffix('Dataset').lower()
        root = people if name == 'coco' else generated(name.removeprefix('face'))
        part.data_root = str(root)
    dataset = DATASETS.build(data)
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

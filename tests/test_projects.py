"""Every project: its configs agree, build and train; its scripts run; its README is whole."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, cfg_options, run_tool
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

import mhhn_mmpose  # noqa: F401  (lets mmpose.models import on mmcv-lite)

PROJECTS = sorted(path.parent for path in (ROOT / 'projects').glob('*/README.md'))
LEAVES = sorted((ROOT / 'projects').glob('*/configs/*.py'))
POSE = ROOT / 'projects' / 'sdt_human_pose'
SECTIONS = ('Description', 'Usage', 'Prerequisites', 'Data', 'Training', 'Testing', 'Results')


@pytest.fixture(autouse=True)
def _root_on_path(monkeypatch):
    """What the READMEs ask for with PYTHONPATH=."""
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture(scope='session')
def people(tmp_path_factory) -> Path:
    """A generated COCO of 4 and 3 figures."""
    folder = tmp_path_factory.mktemp('people')
    with pytest.MonkeyPatch.context() as patch:
        assert not run_tool(patch, POSE / 'generate_people.py', folder, '--train', 4, '--val', 3)
    return folder


def load(leaf: Path) -> Config:
    cfg = Config.fromfile(leaf)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    return cfg


def test_projects_have_what_mmpose_asks_for():
    assert len(PROJECTS) == 4
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


@pytest.mark.parametrize(
    'codec',
    [
        dict(type='MSRAHeatmap', unbiased=True),
        dict(type='UDPHeatmap'),
        dict(type='ArgmaxHeatmap'),
        dict(type='SDTHeatmap', convention='msra'),
    ],
    ids=lambda codec: codec['type'],
)
def test_decoders_agree_with_the_trained_codec(codec):
    """Each finds what the codec encoded, to its own precision, without half a pixel of bias."""
    from mmpose.registry import KEYPOINT_CODECS

    accuracy = dict(argmax=3, msra=1.6, dark=0.05, sdt=2e-3)
    if codec['type'] == 'UDPHeatmap':
        accuracy = dict(argmax=3, udp=0.05, sdt=2e-3)
    codec = codec | dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=2.0)
    points = np.random.default_rng(1).uniform(20, 76, (1, 150, 2))
    maps = KEYPOINT_CODECS.build(codec).encode(points, np.ones((1, 150)))['heatmaps']
    decoders = runpy.run_path(str(POSE / 'compare_decoders.py'))['decoders_of'](codec)
    assert list(decoders) == list(accuracy)
    for name, worst in accuracy.items():
        found, _ = decoders[name].decode(maps.astype(np.float32).copy())
        # UDP decodes to x_hm / (W - 1) w, which the UDP affine wants (see SDTHeatmap).
        scale = np.array([95 / 96, 127 / 128]) if 'UDP' in codec['type'] else 1
        apart = found[0] * scale - points[0]
        assert np.abs(apart).max() < worst, name
        assert np.abs(apart.mean(axis=0)).max() < 0.25, name


def test_compare_decoders(people, tmp_path, monkeypatch, capsys):
    leaf = next(POSE.glob('configs/*tiny*.py'))
    torch.manual_seed(0)
    weights = tmp_path / 'weights.pth'
    torch.save(MODELS.build(load(leaf).model).state_dict(), weights)
    annotations = 'annotations/person_keypoints_val2017.json'
    options = [*cfg_options(people), f'test_evaluator.ann_file={people / annotations}']
    tool = POSE / 'compare_decoders.py'
    assert not run_tool(monkeypatch, tool, leaf, weights, *options)
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.startswith('|')]
    assert rows[0] == '| trained with MSRAHeatmap | argmax | msra | dark | sdt |'
    assert any(row.startswith('| coco/AP |') for row in rows)
    moved = [float(value) for value in rows[-1].split('|')[2:-1]]
    assert moved[0] == 0 and min(moved[1:]) > 0.05

"""The pages' code runs as it stands there: every Python block of docs/parts.md, and the dataset of
docs/adding_a_dataset.md from CSV to scores.
"""

import csv
import json
import re
import runpy
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT, run_tool
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, METRICS, MODELS
from mmpose.structures import PoseDataSample
from PIL import Image

import mhhn_mmpose  # noqa: F401  (lets mmpose.models import on mmcv-lite)

BLOCK = re.compile(r'^```python\n(.*?)^```$', re.MULTILINE | re.DOTALL)
CONFIG = 'faces5/hgs-hsr-tiny_faces5.py'
POINTS = [36, 45, 30, 48, 54]  # of 300W's 68: eye corners, nose, mouth corners


def python_blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / 'docs' / page).read_text(encoding='utf-8'))


@pytest.fixture(scope='session')
def faces5(tmp_path_factory, generated_300w):
    """A folder with faces5/ as the page describes it: its files, 12 training and 9 test faces."""
    root = tmp_path_factory.mktemp('user')
    (root / 'faces5' / 'photos').mkdir(parents=True)
    (root / 'configs').symlink_to(ROOT / 'configs')
    for block in python_blocks('adding_a_dataset.md'):
        (root / re.match(r'# (\S+)', block)[1]).write_text(block, encoding='utf-8')
    columns = [f'{axis}{k}' for k in range(5) for axis in 'xy']
    rows = [['split', 'photo', 'glasses', *columns]]
    for split, name in (('train', 'train'), ('test', 'valid')):
        file = generated_300w / 'annotations' / f'face_landmarks_300w_{name}.json'
        content = json.loads(file.read_text())
        photos = {image['id']: image['file_name'] for image in content['images']}
        for number, annotation in enumerate(content['annotations']):
            photo = f'{split}{number}.jpg'
            picture = Image.open(generated_300w / 'images' / photos[annotation['image_id']])
            picture.convert('RGB').save(root / 'faces5' / 'photos' / photo)
            points = np.reshape(annotation['keypoints'], (68, 3))[POINTS, :2]
            rows.append([split, photo, number % 2, *points.ravel()])
    write_rows(root, rows)
    return root


def write_rows(root, rows):
    with open(root / 'faces5' / 'landmarks.csv', 'w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows(rows)


def convert(monkeypatch, root, out):
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, 'argv', ['convert.py', 'faces5', out])
    with pytest.raises(SystemExit) as end:
        runpy.run_path('faces5/convert.py', run_name='__main__')
    return end.value.code


def in_this_process(loader):
    loader = f'{loader}_dataloader'
    return [f'{loader}.num_workers=0', f'{loader}.persistent_workers=False']


def test_a_dataset_of_ones_own(faces5, monkeypatch, capsys):
    assert convert(monkeypatch, faces5, 'data/faces5') == 0
    assert 'train.json: 12 faces' in capsys.readouterr().out
    here = ['--cfg-options', 'train_cfg.max_epochs=1', *in_this_process('train')]
    assert run_tool(monkeypatch, 'train.py', CONFIG, '--no-validate', *here) == 0
    run = faces5 / 'work_dirs' / 'hgs-hsr-tiny_faces5'
    here = ['--cfg-options', *in_this_process('test')]
    assert run_tool(monkeypatch, 'test.py', CONFIG, run / 'epoch_1.pth', *here) == 0
    metrics = json.loads((run / 'metrics.json').read_text())
    assert {key.split('/')[0] for key in metrics} == {'full', 'glasses'}


def test_its_bad_row_is_named(faces5, monkeypatch, capsys):
    source = faces5 / 'faces5' / 'landmarks.csv'
    text = source.read_text()
    try:
        source.write_text(text + 'train,train0.jpg,0,1,2,3,4\n')
        assert convert(monkeypatch, faces5, 'data/bad') == 1
    finally:
        source.write_text(text)
    assert 'ERROR landmarks.csv:23: five points expected' in capsys.readouterr().err
    assert not (faces5 / 'data' / 'bad' / 'annotations').exists()


PARTS = python_blocks('parts.md')
CONFIGS = [block for block in PARTS if block.startswith('_base_')]
SCRIPTS = [block for block in PARTS if not block.startswith('_base_')]


@pytest.mark.parametrize('code', SCRIPTS, ids=lambda code: code.splitlines()[-1][:40])
def test_a_part_in_a_script(code):
    torch.manual_seed(0)
    exec(compile(code, 'docs/parts.md', 'exec'), {})


@pytest.mark.parametrize('number', range(len(CONFIGS)))
def test_a_part_in_a_config(number, tmp_path):
    (tmp_path / 'config.py').write_text(CONFIGS[number], encoding='utf-8')
    cfg = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    model = MODELS.build(cfg.model)
    if cfg.val_evaluator.type == 'FaceAlignmentMetric':  # others read their files at once
        METRICS.build(cfg.val_evaluator)
    pipeline = cfg.train_dataloader.dataset.pipeline
    encoder = next(t.encoder for t in pipeline if t.type == 'GenerateTarget')
    codec = KEYPOINT_CODECS.build(encoder)
    count = cfg.model.head.out_channels
    points = np.random.default_rng(0).uniform(50, 200, (1, count, 2))
    encoded = codec.encode(points, np.ones((1, count)))
    sample = PoseDataSample()
    sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
    labels = dict(keypoint_weights=torch.from_numpy(encoded['keypoint_weights']))
    sample.gt_instance_labels = InstanceData(**labels)
    images = torch.rand(1, 3, *cfg.codec.input_size[::-1])
    losses = model.eval().loss(images, [sample])  # eval: one image is no batch to normalise by
    losses['loss_kpt'].backward()
    assert all(p.grad.isfinite().all() for p in model.head.parameters())
    located, _ = model.head.decoder.decode(encoded['heatmaps'])
    # One convention in encoder and decoder: another shifts all by 1.5 pixels. MSRA rounds; with
    # softmax a target is not what a network would put out, and its centre is less exact.
    assert abs((located - points).mean()) < 0.7
    assert np.abs(located - points).max() < (0.5 if encoder.type == 'SDTHeatmap' else 3)


def test_the_mathematics_needs_nothing_of_openmmlab(tmp_path):
    shutil.copytree(ROOT / 'mhhn_mmpose' / 'ops', tmp_path / 'ops')
    code = (
        'import sys, torch; names = {"mmpose", "mmengine", "mmcv", "mhhn_mmpose"};'
        'sys.modules.update(dict.fromkeys(names)); from ops import fit_gaussian;'
        'assert fit_gaussian(torch.rand(5, 7), 1.0).centers.shape == (2,)'
    )
    subprocess.run([sys.executable, '-c', code], cwd=tmp_path, check=True)

"""heatmap_panels, worst_faces, mean_face and training_curves, as a user calls them."""

import json
import runpy
import sys

import cv2
import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

CONFIGS = [
    ROOT / f'configs/300w/td-hm_{name}-tiny_2xb8-30e_300w-128x128.py' for name in ('hgs', 'mhhn')
]
VALID = 'annotations/face_landmarks_300w_valid.json'


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Checkpoints of the two tiny models, not trained."""
    folder, files = tmp_path_factory.mktemp('weights'), []
    for number, config in enumerate(CONFIGS):
        cfg = Config.fromfile(config)
        init_default_scope(cfg.default_scope)
        torch.manual_seed(number)
        files.append(folder / f'{number}.pth')
        torch.save(MODELS.build(cfg.model).state_dict(), files[-1])
    return files


@pytest.fixture
def errors(generated_300w, tmp_path):
    """What a test writes: the face with the highest id is the worst."""
    faces = json.loads((generated_300w / VALID).read_text())['annotations']
    images = [
        dict(id=f['id'], subsets=f['subsets'], errors=dict(inter_ocular=float(f['id'])))
        for f in faces
    ]
    landmarks = dict(inter_ocular=[3.0] * 67 + [9.0])
    content = dict(normalizers=['inter_ocular'], images=images, landmark_errors=landmarks)
    path = tmp_path / 'errors.json'
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def call(monkeypatch, capsys):
    def run(script, *arguments):
        monkeypatch.setattr(sys, 'argv', [script, *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools' / 'analysis' / script), run_name='__main__')
        return end.value.code, *capsys.readouterr()

    return run


def test_worst_faces(call, weights, errors, generated_300w, tmp_path):
    out = tmp_path / 'worst.png'
    options = ['--cfg-options', f'test_dataloader.dataset.data_root={generated_300w}']
    arguments = [CONFIGS[0], weights[0], tmp_path, '--out', out, '--count', 3, '--columns', 2]
    code, text, error = call('worst_faces.py', *arguments, *options)
    assert code == 0, error
    ids = [image['id'] for image in json.loads(errors.read_text())['images']]
    assert text.splitlines()[-1] == f'{out}: 3 faces, {max(ids):.2f} % and less'
    assert cv2.imread(str(out)).std() > 20


def test_heatmap_panels(call, weights, errors, generated_300w, tmp_path):
    out = tmp_path / 'heatmaps.png'
    pairs = [CONFIGS[0], weights[0], CONFIGS[1], weights[1]]
    options = ['--cfg-options', f'test_dataloader.dataset.data_root={generated_300w}']
    chosen = ['--worst', 2, '--errors', errors]
    code, text, error = call('heatmap_panels.py', *pairs, '--out', out, *chosen, *options)
    assert code == 0, error
    assert text.splitlines()[-1] == f'{out}: 2 faces; truth, hgs-tiny, mhhn-tiny'
    picture = cv2.imread(str(out))[..., ::-1].astype(int)
    warm = (picture[..., 0] - picture[..., 2]) > 100
    assert warm[:, : picture.shape[1] // 3].sum() > 2000  # the truth's spots
    for change, message in (
        (['--index', 99], '--index 99 is out of range: 9 faces, 0 to 8'),
        (['--landmarks', 68], '--landmarks 68 is out of range: 0 to 67'),
    ):
        code, _, error = call('heatmap_panels.py', *pairs[:2], '--out', out, *change, *options)
        assert code == 1 and error.splitlines()[-1] == f'heatmap_panels: {message}'


def test_mean_face(call, errors, generated_300w, tmp_path):
    out = tmp_path / 'mean.png'
    code, text, error = call('mean_face.py', errors, generated_300w / VALID, '--out', out)
    assert code == 0, error
    assert (
        text == f'{out}: inter_ocular, mean 3.09; worst landmarks: 67 (9.00), 0 (3.00), 1 (3.00)\n'
    )
    assert np.ptp(cv2.imread(str(out))) > 200
    broken = dict(annotations=[dict(keypoints=[1.0, 2.0, 1.0])])
    (tmp_path / 'ann.json').write_text(json.dumps(broken))
    code, _, error = call('mean_face.py', errors, tmp_path / 'ann.json', '--out', out)
    assert code == 1 and 'faces of 1 landmarks, but errors of 68' in error


@pytest.mark.parametrize(
    ('script', 'arguments', 'message'),
    [
        ('worst_faces.py', ['a.py', 'a.pth', 'none'], 'worst_faces: none: no such file; tools/'),
        ('worst_faces.py', ['a.py', 'a.pth', 'errors.json'], 'worst_faces: a.py: no such config'),
        ('heatmap_panels.py', ['a.py', 'a.pth'], 'heatmap_panels: a.py: no such config'),
        ('mean_face.py', ['none', 'a.json'], 'mean_face: none: cannot be read'),
        ('training_curves.py', ['none'], 'training_curves: none: no such folder'),
    ],
)
def test_refuses_in_one_line(call, errors, monkeypatch, script, arguments, message):
    monkeypatch.chdir(errors.parent)
    code, text, error = call(script, *arguments, '--out', 'a.png')
    assert (code, text, error.count('\n')) == (1, '', 1)
    assert error.startswith(message)

"""The scripts in tools/analysis, as a user calls them, and what they compute."""

import json

import cv2
import numpy as np
import pytest
import torch
from analysis.decoders import decoders_of, describe_moves
from analysis.errors_file import read_errors
from analysis.panels import absolute_heatmaps
from conftest import ROOT, cfg_options, run_tool
from mmpose.registry import KEYPOINT_CODECS

from mhhn_mmpose.apis.model_loading import load_config, load_model
from mhhn_mmpose.visualization.local_visualizer import displayable

CONFIGS = [
    str(ROOT / f'configs/300w/td-hm_{name}-tiny_2xb8-30e_300w-128x128.py')
    for name in ('hgs', 'mhhn')
]


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs a script in this process: (exit status or last words, what it printed)."""

    def run(script, *arguments):
        capsys.readouterr()
        end = run_tool(monkeypatch, f'analysis/{script}.py', *arguments)
        return end, capsys.readouterr().out

    return run


@pytest.fixture
def errors(tmp_path):
    """Errors of five faces, three of them of the subset challenge."""
    by = dict(inter_ocular=3.0, inter_pupil=4.5)
    subsets = [['common']] * 2 + [['challenge']] * 3
    images = [dict(id=i, subsets=s, errors=by) for i, s in enumerate(subsets)]
    path = tmp_path / 'hgs' / 'errors.json'
    path.parent.mkdir()
    path.write_text(json.dumps(dict(normalizers=list(by), images=images)))
    return path


def test_plot_ced(call, errors, tmp_path):
    out = tmp_path / 'new folder' / 'ced.png'
    (tmp_path / 'LAB.txt').write_text('3.5\n7\n')
    runs = [errors.parent, f'MHHN={errors}', tmp_path / 'LAB.txt']
    arguments = ['--out', out, '--normalizer', 'inter_pupil', '--subset', 'challenge']
    end, text = call('plot_ced', *runs, *arguments)
    assert not end
    assert text == f'{out}: challenge, inter_pupil, faces: hgs 3, MHHN 3, LAB 2\n'
    assert cv2.imread(str(out)).std() > 10


@pytest.mark.parametrize(
    ('script', 'arguments', 'message'),
    [
        ('plot_ced', ['.'], 'errors.json: no such file; tools/test.py'),
        ('plot_ced', ['hgs', 'hgs=hgs/errors.json'], "a second run called 'hgs'; say NAME=hgs/"),
        ('plot_ced', ['hgs', '--normalizer', 'box'], 'has the normalisers inter_ocular, inter_pup'),
        ('plot_ced', ['metrics.json'], 'not what FaceAlignmentMetric writes to its errors_file'),
        ('plot_ced', ['bad.txt'], 'bad.txt: one error a line expected'),
        ('panels', ['a.py', 'a.pth'], 'a.py: no such config file'),
    ],
)
def test_a_wrong_call(call, errors, tmp_path, monkeypatch, script, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'metrics.json').write_text('{}')
    (tmp_path / 'bad.txt').write_text('-1\n')
    end, _ = call(script, *arguments, '--out', 'a.png')
    assert end.startswith(f'{script}: ') and message in end and '\n' not in end
    assert not (tmp_path / 'a.png').exists()


def test_moves_by_hand():
    """Moved 2 px the right way, 1.5 px the wrong way, half a pixel; one that does not count."""
    argmax = np.array([[[10.0, 10], [20, 20], [30, 30], [40, 40]]])
    sdt = argmax + [[2.0, 0], [0, 1.5], [0.5, 0], [3, 0]]
    truth = argmax + [[2.0, 0], [0, 0], [0, 0], [0, 0]]
    said = describe_moves(argmax, sdt, truth, np.array([[True, True, True, False]]))
    assert '66.7%' in said and '50% of these closer' in said


@pytest.mark.parametrize(
    ('codec', 'worst'),
    [
        (dict(type='MSRAHeatmap', unbiased=True), dict(argmax=3, MSRAHeatmap=0.05, SDT=2e-3)),
        (dict(type='UDPHeatmap'), dict(argmax=3, UDPHeatmap=0.05, SDT=2e-3)),
        (dict(type='ArgmaxHeatmap'), dict(argmax=3, SDT=2e-3)),
    ],
    ids=lambda value: value.get('type'),
)
def test_decoders_agree_with_the_trained_codec(codec, worst):
    """Each finds what the codec encoded, to its own precision, without half a pixel of bias."""
    codec = codec | dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=2.0)
    points = np.random.default_rng(1).uniform(20, 76, (1, 150, 2))
    maps = KEYPOINT_CODECS.build(codec).encode(points, np.ones((1, 150)))['heatmaps']
    decoders = decoders_of(codec)
    assert list(decoders) == list(worst)
    for name, decoder in decoders.items():
        found, _ = decoder.decode(maps.astype(np.float32).copy())
        # UDP decodes to x_hm / (W - 1) w, which the UDP affine wants (see SDTHeatmap).
        scale = np.array([95 / 96, 127 / 128]) if 'UDP' in codec['type'] else 1
        apart = found[0] * scale - points[0]
        assert np.abs(apart).max() < worst[name], name
        assert np.abs(apart.mean(axis=0)).max() < 0.25, name


def test_decoders_of_a_model_of_mmpose(call, people, tmp_path):
    """ResNet with MSRA's codec, scored by COCO's metric."""
    small = {'model.backbone.depth': 18, 'model.head.in_channels': 512}
    small |= {'model.backbone.init_cfg': None, 'test_dataloader.dataset.bbox_file': None}
    annotations = people / 'annotations' / 'person_keypoints_val2017.json'
    options = cfg_options(people, **{**small, 'test_evaluator.ann_file': annotations})
    name = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
    config = load_config(name)
    config.model.backbone.depth, config.model.head.in_channels = 18, 512
    torch.save(load_model(config).state_dict(), tmp_path / 'weights.pth')
    end, text = call('decoders', name, tmp_path / 'weights.pth', *options)
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in text.splitlines()]
    assert not end and ['', 'argmax', 'MSRAHeatmap', 'SDT'] in rows
    assert 'coco/AP' in [row[0] for row in rows if row]


def test_maps_of_all_models_have_one_scale():
    """1 is the target's peak: for a softmax map that is its share there, not its own maximum."""
    sigma = 1.5
    grid = np.arange(32)
    squares = (grid - 14.0) ** 2 + (grid[:, None] - 17.0) ** 2
    target = np.exp(-squares / (2 * sigma**2))[None]
    assert absolute_heatmaps(target, None, sigma).max() == pytest.approx(1)
    assert absolute_heatmaps(np.log(target) + 9, 'softmax', sigma).max() == pytest.approx(1, 1e-4)
    logits = np.log(target) - np.log1p(-target.clip(max=1 - 1e-7))
    np.testing.assert_allclose(absolute_heatmaps(logits, 'sigmoid', sigma), target, atol=1e-6)
    assert displayable(np.array([[[-900.0, 900.0]]]), 'softmax').tolist() == [[[0, 1]]]
    assert displayable(np.array([[[-0.2, 1.3]]]), None).tolist() == [[[0, 1]]]


def test_decoders_and_panels(call, generated_300w, tmp_path, monkeypatch):
    pairs, options = [], cfg_options(generated_300w)
    for number, config in enumerate(CONFIGS):
        torch.manual_seed(number)
        pairs += [config, tmp_path / f'{number}.pth']
        torch.save(load_model(config).state_dict(), pairs[-1])
    test, decoded = tmp_path / 'test', tmp_path / 'decoded'
    assert not run_tool(  # of MHHN, which decodes by SDT
        monkeypatch, 'test.py', *pairs[2:], '--work-dir', test, *options
    )
    end, text = call('decoders', *pairs[2:], '--out', decoded, *options)
    assert not end and 'SDT moves' in text
    tested, _ = read_errors(test)
    assert read_errors(decoded / 'SDT')[0] == pytest.approx(tested, abs=1e-3)
    by_argmax, _ = read_errors(decoded / 'argmax')
    assert min(abs(by_argmax[face] - error) for face, error in tested.items()) > 1e-3

    out = tmp_path / 'faces.png'
    end, text = call('panels', *pairs, '--out', out, '--worst', test, *options)
    worst = sorted(tested, key=tested.get, reverse=True)[:3]
    assert not end and text.endswith(f'{out}: faces {", ".join(map(str, worst))}\n')
    assert cv2.imread(str(out)).std() > 20

    end, text = call('panels', *pairs, '--out', out, '--heatmaps', 8, 30, *options)
    assert not end and text.startswith(f'{out}: faces ')
    assert cv2.imread(str(out)).std() > 20
    end, _ = call('panels', *pairs[:2], '--out', out, '--index', 99, *options)
    assert end == 'panels: --index 99 is out of range: 0 to 8'

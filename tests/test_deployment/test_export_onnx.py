"""tools/deployment/export_onnx.py and demo/onnx_example.py: onnxruntime against PyTorch and MMPose.

Untrained weights will do: what counts is that both run the same numbers to the same landmarks.
"""

import json
import math
import runpy
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from conftest import ROOT
from generated_faces import landmarks, random_face, render
from mmengine.config import Config

from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.deployment import (
    HeatmapsToLandmarks,
    largest_difference,
    load_estimator,
    start_session,
    write_onnx,
)

INSTALL = 'pip install onnx onnxruntime onnxscript "ml_dtypes<0.6"'
pytest.importorskip('onnxscript', reason=f'needs {INSTALL}')
onnxruntime = pytest.importorskip('onnxruntime', reason=f'needs {INSTALL}')

TOOL = runpy.run_path(str(ROOT / 'tools/deployment/export_onnx.py'))
EXAMPLE = ROOT / 'demo/onnx_example.py'
SMALL = ['model.backbone.feat_channels=16', 'model.backbone.depth=1', 'model.head.in_channels=16']
UDP = [
    'model.head.decoder.type=UDPHeatmap',
    'test_dataloader.dataset.pipeline.2.use_udp=True',
]
# name: config's model, arguments of the tool, config overrides
MODELS = {
    'hgs': ('hgs', ['--sdt', '--flip-test'], []),
    'mhhn': ('mhhn', [], []),
    'udp': ('hgs', ['--sdt'], SMALL + UDP),
}


def config_file(model):
    return str(ROOT / f'configs/300w/td-hm_{model}-tiny_2xb8-30e_300w-128x128.py')


def read_config(args):
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    return cfg


def write_checkpoint(path, cfg):
    from mmpose.apis import init_model  # which mhhn_mmpose lets import

    torch.manual_seed(3)
    network = init_model(cfg, device='cpu', cfg_options={})
    for name, weight in network.named_parameters():
        if name.endswith('gamma'):
            weight.data.fill_(0.7)  # attention takes part
        if 'final_layer' in name:
            weight.data.normal_(0, 1)  # heatmaps with peaks
    torch.save(dict(state_dict=network.state_dict()), path)


@pytest.fixture(scope='module', params=MODELS)
def exported(request, tmp_path_factory):
    """(the ONNX file, the estimator in PyTorch that does the same)."""
    model, arguments, overrides = MODELS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    checkpoint, out = str(folder / 'weights.pth'), str(folder / 'made' / 'model.onnx')
    words = [config_file(model), checkpoint, out, *arguments]
    words += ['--cfg-options', *overrides] if overrides else []
    args = TOOL['parse_args'](words)
    write_checkpoint(checkpoint, read_config(args))
    TOOL['main'](words)
    estimator = load_estimator(read_config(args), checkpoint, args.sdt)
    estimator.test_cfg['flip_test'] = args.flip_test
    return out, estimator


def photo_and_box(number):
    face = random_face([9, number])
    points = landmarks(face, '300w')
    return render(face), [*points.min(0) - 7.25, *points.max(0) + [3.5, 12.75]]


@pytest.fixture(scope='module')
def find_landmarks():
    return runpy.run_path(str(EXAMPLE))['find_landmarks']


def test_photo_to_photo_is_mmpose(exported, find_landmarks):
    from mmpose.apis import inference_topdown

    out, estimator = exported
    session = start_session(out)
    for number in range(3):
        photo, box = photo_and_box(number)
        found, scores = find_landmarks(session, photo, box)
        wanted = inference_topdown(estimator, photo, np.array([box], np.float32))[0].pred_instances
        assert np.abs(found - wanted.keypoints[0]).max() < 0.05  # photo px
        np.testing.assert_allclose(scores, wanted.keypoint_scores[0], rtol=0.01, atol=1e-3)
        assert np.ptp(found, axis=0).min() > 20  # not all in one place


@pytest.mark.parametrize('batch', [1, 3, 5])
def test_any_number_of_crops(exported, batch):
    out, estimator = exported
    module = TOOL['CropsToLandmarks'](estimator, estimator.test_cfg['flip_test'])
    crops = TOOL['draw_crops'](batch, (128, 128))
    landmark_px, score = largest_difference(module, start_session(out), crops)
    assert landmark_px < 1e-2 and score < 1e-3


def test_the_file_describes_itself_and_nothing_of_this_machine(exported):
    out, estimator = exported
    session = start_session(out)
    facts = session.get_modelmeta().custom_metadata_map
    decoder = estimator.head.decoder
    span = '127 127' if decoder.convention == 'udp' else '128 128'
    assert facts['input_size'] == '128 128' and facts['crop_span'] == span
    assert facts['padding'] == '1.25' and facts['color_order'] == 'BGR'
    assert facts['landmarks'] == '300w' and facts['num_landmarks'] == '68'
    assert facts['config'].startswith('td-hm_') and '/' not in facts['config']
    assert facts['flip_test'] == str(estimator.test_cfg['flip_test']).lower()
    told = json.loads(facts['decoder'])
    assert told['type'] == 'SDTHeatmap' and told['activation'] == decoder.activation
    assert told['sigma'] == 1.5 and told['convention'] == decoder.convention
    assert [i.type for i in session.get_inputs()] == ['tensor(uint8)']
    assert str(ROOT).encode() not in open(out, 'rb').read()


def test_the_example_needs_neither_torch_nor_mmpose(exported, find_landmarks, tmp_path):
    out, _ = exported
    photo, box = photo_and_box(0)
    path = str(tmp_path / 'photo.png')
    cv2.imwrite(path, photo)
    hide = "import sys; sys.modules.update(dict.fromkeys(['torch', 'mmpose', 'mmengine', 'mmcv']))"
    code = f"{hide}; import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    words = [sys.executable, '-c', code, str(EXAMPLE), out, path, *map(str, box)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = np.array([line.split() for line in done.stdout.splitlines()], float)
    found, scores = find_landmarks(start_session(out), photo, box)
    np.testing.assert_allclose(printed, np.column_stack((found, scores)), atol=6e-3)
    words[5] = str(tmp_path / 'none.png')
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1 and 'none.png: no readable photo' in done.stderr
    assert 'Traceback' not in done.stderr


def bad_maps(activation):
    """(3, 7, 11, 15) maps that tell little, nothing, or are cut by the border."""
    random = torch.Generator().manual_seed(1)
    x, y = torch.arange(15.0), torch.arange(11.0)[:, None]

    def peak(cx, cy, height=0.9):
        return height * torch.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 8)

    maps = [peak(*c) for c in [(7.3, 5.6), (0, 0), (14, 10), (-0.4, 6.2), (9.7, 10.4), (14.3, 0.2)]]
    maps += [maps[0] + 0.05 * torch.randn(11, 15, generator=random) for _ in range(4)]
    if activation == 'softmax':
        maps = [m.clamp_min(1e-6).log() + 3 for m in maps]
    if activation == 'sigmoid':
        maps = [m.clamp(1e-6, 1 - 1e-6).logit() for m in maps]
    hole, burnt, hot = maps[0].clone(), maps[0].clone(), torch.zeros(11, 15)
    hole[6, 7], burnt[2, 3], hot[4, 9] = math.nan, math.inf, 5.0
    flat = [torch.full((11, 15), value) for value in (0, 0.7, -0.7, math.nan, math.inf, -math.inf)]
    maps += [hole, burnt, hot, peak(4, 4) - 1.5, *flat, maps[0] * 0.01]
    return torch.stack(maps).reshape(3, 7, 11, 15)


@pytest.mark.parametrize('activation', [None, 'softmax', 'sigmoid'])
def test_bad_maps(activation, tmp_path):
    codec = SDTHeatmap((60, 44), (15, 11), sigma=2.0, patch_size=7, activation=activation)
    out = tmp_path / 'decode.onnx'
    maps = bad_maps(activation)
    write_onnx(HeatmapsToLandmarks(codec), maps[:2], out, {})
    session = start_session(out)
    for part in (maps[:1], maps[1:2], maps[2:], maps):
        found, scores = session.run(None, {'crops': part.numpy()})
        wanted, wanted_scores = (np.concatenate(p) for p in codec.batch_decode(part))
        assert np.isfinite(found).all() and np.isfinite(scores).all()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-2)  # input px
        np.testing.assert_allclose(scores, wanted_scores, rtol=1e-4, atol=1e-5)


def test_an_export_leaves_the_fit_as_it_was():
    codec = SDTHeatmap((60, 44), (15, 11), sigma=2.125, patch_size=5)
    maps = bad_maps(None)
    torch.export.export(HeatmapsToLandmarks(codec), (maps,))
    assert np.isfinite(codec.batch_decode(maps)[0]).all()


def test_decoding_first_leaves_the_fit_trainable():
    codec = SDTHeatmap((60, 44), (15, 11), sigma=2.375, patch_size=5)
    maps = bad_maps(None)
    codec.batch_decode(maps)  # in inference mode
    maps = maps[0, :3].clone().requires_grad_()
    codec.locate(maps).centers.sum().backward()
    assert maps.grad.abs().sum() > 0


def refusal(*words):
    with pytest.raises(SystemExit) as stop:
        TOOL['main'](list(words))
    assert '\n' not in str(stop.value)
    return str(stop.value)


def test_refusals_are_one_line(tmp_path):
    config, out = config_file('hgs'), str(tmp_path / 'a.onnx')
    weights, other = str(tmp_path / 'a.pth'), str(tmp_path / 'b.pth')
    text = tmp_path / 'c.pth'
    text.write_text('no weights')
    write_checkpoint(weights, Config.fromfile(config))
    torch.save(dict(state_dict=dict(weight=torch.zeros(3))), other)
    assert 'no such config' in refusal('none.py', weights, out)
    assert 'no readable checkpoint' in refusal(config, 'none.pth', out)
    assert 'no readable checkpoint' in refusal(config, str(text), out)
    assert 'does not fit' in refusal(config, other, out)
    options = ['--cfg-options', 'model.head.decoder.type=MSRAHeatmap']
    assert 'add --sdt' in refusal(config, weights, out, *options)
    options = ['--cfg-options', 'model.head.decoder.convention=udp']
    assert 'use_udp=False' in refusal(config, weights, out, *options)
    assert not (tmp_path / 'a.onnx').exists()
    with pytest.raises(ValueError, match='no usable ONNX file'):
        start_session(text)

"""tools/deployment/export_onnx.py: onnxruntime against PyTorch and MMPose.

Untrained weights will do: what counts is that both run the same numbers to the same landmarks.
"""

import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from deployment import onnx_file
from generated_faces import landmarks, random_face, render
from mmengine.config import Config

from mhhn_landmarks import OnnxAligner
from mhhn_landmarks.boxes import squares
from mhhn_landmarks.sessions import open_session
from mhhn_mmpose import FaceAligner
from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.deployment import HeatmapsToLandmarks, as_sdt

pytest.importorskip('onnx', reason='pip install onnx "ml_dtypes<0.6"')

TOOL = runpy.run_path(str(ROOT / 'tools/deployment/export_onnx.py'))
# The config's model, and the tool's options.
MODELS = {
    'mhhn': [],
    'hgs': [
        *('--sdt', '--no-flip-test', '--cfg-options', 'model.backbone.feat_channels=16'),
        *('model.backbone.depth=1', 'model.head.in_channels=16'),
        *('model.head.decoder.type=UDPHeatmap', 'test_dataloader.dataset.pipeline.2.use_udp=True'),
    ],
}


def config_file(model):
    return str(ROOT / f'configs/300w/td-hm_{model}-tiny_2xb8-30e_300w-128x128.py')


def write_checkpoint(path, cfg):
    from mmpose.apis import init_model  # which mhhn_mmpose lets import

    torch.manual_seed(3)
    network = init_model(cfg, device='cpu', cfg_options={})
    for name, weight in network.named_parameters():
        if name.endswith('gamma'):
            weight.data.fill_(0.7)  # attention takes part
        if 'final_layer' in name:
            weight.data.normal_(0, 1)  # heatmaps with peaks
    # Numbers of 16 bits, as the file keeps them: random maps' peaks change with the last bits.
    state = {name: value.half().to(value.dtype) for name, value in network.state_dict().items()}
    torch.save(dict(state_dict=state), path)


@pytest.fixture(scope='module', params=MODELS)
def exported(request, tmp_path_factory):
    """(the ONNX file, the aligner in PyTorch that does the same)."""
    folder = tmp_path_factory.mktemp(request.param)
    checkpoint, out = str(folder / 'weights.pth'), str(folder / 'made' / 'model.onnx')
    words = [config_file(request.param), checkpoint, out, *MODELS[request.param]]
    args = TOOL['parse_args'](words)
    cfg = Config.fromfile(args.model[0])
    cfg.merge_from_dict(args.cfg_options or {})
    write_checkpoint(checkpoint, cfg)
    TOOL['main'](words)
    if args.sdt:
        cfg.model.head.decoder = as_sdt(cfg.model.head.decoder)
    cfg.dump(folder / 'td-hm.py')
    aligner = FaceAligner(folder / 'td-hm.py', checkpoint, 'cpu')
    assert aligner.model.test_cfg['flip_test']  # unless told otherwise
    aligner.model.test_cfg['flip_test'] = not args.no_flip_test
    return out, aligner


@pytest.mark.parametrize('angle', [0, 40])
def test_photo_to_photo_is_mmpose(exported, angle):
    out, aligner = exported
    places = []
    for number in range(3):
        face = random_face([9, number])
        points = landmarks(face, '300w')
        box = np.r_[points.min(0) - 7.25, points.max(0) + [3.5, 12.75], 1][None]
        places.append((render(face), np.r_[squares(box)[0], angle]))
    pairs = zip(OnnxAligner(out).align(places), aligner.align(places), strict=True)
    for found, wanted in pairs:
        assert np.abs(found.points - wanted.points).max() < 0.05  # photo px
        np.testing.assert_allclose(found.scores, wanted.scores, rtol=0.01, atol=1e-3)
        assert np.ptp(found.points, axis=0).min() > 20  # not all in one place


def test_the_file_describes_itself_and_nothing_of_this_machine(exported):
    out, aligner = exported
    session = open_session(out)
    facts = session.get_modelmeta().custom_metadata_map
    decoder = aligner.codec
    assert facts['config'].startswith('td-hm_') and '/' not in facts['config']
    span = '127 127' if decoder.convention == 'udp' else '128 128'
    told = dict(input_size='128 128', crop_span=span, padding='1.25', color_order='BGR')
    told |= dict(landmarks='300w', num_landmarks='68')
    told['flip_test'] = str(aligner.model.test_cfg['flip_test']).lower()
    assert facts.items() >= told.items()
    told = dict(type='SDTHeatmap', activation=decoder.activation, convention=decoder.convention)
    assert json.loads(facts['decoder']).items() >= dict(told, sigma=1.5).items()
    assert [i.type for i in session.get_inputs()] == ['tensor(uint8)']
    assert str(ROOT).encode() not in Path(out).read_bytes()


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
    hole, burnt, hot = maps[0].clone(), maps[0].clone(), torch.zeros(11, 15)
    hole[6, 7], burnt[2, 3], hot[4, 9] = math.nan, math.inf, 5.0
    flat = [torch.full((11, 15), value) for value in (0, 0.7, -0.7, math.nan, math.inf, -math.inf)]
    maps += [hole, burnt, hot, peak(4, 4) - 1.5, *flat, maps[0] * 0.01]
    return torch.stack(maps).reshape(3, 7, 11, 15)


@pytest.mark.parametrize('activation', [None, 'softmax'])
def test_bad_maps(activation, tmp_path):
    codec = SDTHeatmap((60, 44), (15, 11), sigma=2.0, patch_size=7, activation=activation)
    out = tmp_path / 'decode.onnx'
    maps = bad_maps(activation)
    onnx_file.write_onnx(HeatmapsToLandmarks(codec), maps[:2], out, {})
    session = open_session(out)
    for part in (maps[:1], maps[1:2], maps[2:], maps):
        found, scores = session.run(None, {'crops': part.numpy()})
        wanted, wanted_scores = (np.concatenate(p) for p in codec.batch_decode(part))
        assert np.isfinite(found).all() and np.isfinite(scores).all()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-2)  # input px
        np.testing.assert_allclose(scores, wanted_scores, rtol=1e-4, atol=1e-5)


def test_refusals_are_one_line(tmp_path):
    config, out, weights = config_file('hgs'), str(tmp_path / 'a.onnx'), str(tmp_path / 'a.pth')
    write_checkpoint(weights, Config.fromfile(config))
    good = [config, weights, out, '--cfg-options']
    for words, reason in (
        (['none.py', weights, out], 'no such config'),
        ([config, 'none.pth', out], 'no such checkpoint'),
        ([*good, 'model.head.decoder.type=MSRAHeatmap'], 'add --sdt'),
        ([*good, 'model.head.decoder.convention=udp'], 'use_udp=False'),
    ):
        with pytest.raises(SystemExit, match=f'^[^\n]*{reason}[^\n]*$'):
            TOOL['main'](words)
    with pytest.raises(SystemExit, match='2'):  # without a file to write, which the weights are not
        TOOL['main']([config, weights])
    assert not (tmp_path / 'a.onnx').exists()

"""A GPU against the CPU in float64; `tools/benchmarks/on_gpu.sh` runs it and keeps the numbers.

`MHHN_DEVICE=cpu` tries it without a GPU. (B, K, H, W) heatmaps; points are (x, y).
"""

import os
import sys
import warnings
from itertools import product

import numpy as np
import pytest
import torch
from conftest import ROOT
from gaussian_maps import gaussian_maps
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.testing import get_packed_inputs

from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.evaluation import FaceAlignmentMetric
from mhhn_mmpose.models import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.ops import fit_gaussian, multi_order_attention

sys.path.insert(0, str(ROOT / 'tools' / 'benchmarks'))

DEVICE = os.environ.get('MHHN_DEVICE', 'cuda')
if DEVICE == 'cuda' and not torch.cuda.is_available():
    pytest.skip('needs a GPU', allow_module_level=True)
needs_gpu = pytest.mark.skipif(DEVICE != 'cuda', reason='needs a GPU')
TINY = ROOT / 'configs' / '300w' / 'td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py'
LOSSES = dict(
    jsd=HeatmapJSDLoss(),
    kld=HeatmapKLDLoss(),
    sdl=SubpixelDetectionLoss(),
    euclidean=SubpixelDetectionLoss(divergence='kld', fdl_distance='euclidean'),
    literal=SubpixelDetectionLoss(distribution='sigmoid', constraint='unit_peak', gate_fdl=False),
)
FITS = list(product(('free', 'known_sigma', 'unit_peak'), (0, 1), (False, True)))


def noisy_maps(shape=(3, 5, 64, 48), noise=0.02):
    """Gaussians of sigma 3, some cut by the border."""
    random = torch.Generator().manual_seed(0)
    size = torch.tensor(shape[:1:-1])
    centers = torch.rand(*shape[:2], 2, generator=random) * (size - 1)
    maps = gaussian_maps(centers, size.tolist(), dtype=torch.float32)
    return maps + noise * torch.randn(shape, generator=random)


def compare(function, x, record_property):
    """Values, and gradients relative to the largest."""
    results = []
    for copy in (x.double(), x.to(DEVICE)):
        copy = copy.detach().requires_grad_()
        out = function(copy)
        out.sum().backward()
        results.append((out.detach().cpu().double(), copy.grad.cpu().double()))
    (value, gradient), (found, found_gradient) = results
    differences = dict(
        value=float((value - found).abs().max()),
        gradient=float((gradient - found_gradient).abs().max() / gradient.abs().max()),
    )
    record_property('differences', differences)
    assert differences['value'] < 1e-4 and differences['gradient'] < 1e-3


@pytest.mark.parametrize(('constraint', 'steps', 'log_space'), FITS)
def test_fit(constraint, steps, log_space, record_property):
    maps = noisy_maps()
    maps = 3 * maps.clamp_min(1e-3).log() if log_space else maps
    arguments = (3.0, 9, constraint, steps, log_space)
    compare(lambda x: fit_gaussian(x, *arguments).centers, maps, record_property)


@pytest.mark.parametrize('name', LOSSES)
def test_loss(name, record_property):
    target = noisy_maps(noise=0)
    compare(lambda x: LOSSES[name](x, target.to(x)), 4 * noisy_maps(), record_property)


def test_attention(record_property):
    p, o = torch.randn(2, 3, 96, 40) / 8
    compare(lambda x: multi_order_attention(x, o.to(x)), p, record_property)


@pytest.mark.parametrize('activation', [None, 'sigmoid', 'softmax'])
def test_codec(activation, record_property):
    """The same as on the CPU, and it waits once: for the copy of coordinates and scores."""
    codec = SDTHeatmap((192, 256), (48, 64), activation=activation)
    maps = noisy_maps()
    maps = maps if activation is None else 8 * maps - 4
    on_device = maps.to(DEVICE)
    expected, found = (
        [np.concatenate(x) for x in codec.batch_decode(heatmaps)]
        for heatmaps in (maps.double(), on_device)
    )
    pixels, scores = (float(abs(a - b).max()) for a, b in zip(expected, found, strict=True))
    record_property('differences', dict(pixels=pixels, scores=scores))
    assert pixels < 1e-3 and scores < 1e-5
    if DEVICE == 'cuda':
        with warnings.catch_warnings(record=True) as noticed:
            warnings.simplefilter('always')
            torch.cuda.set_sync_debug_mode('warn')
            codec.batch_decode(on_device)
            torch.cuda.set_sync_debug_mode('default')
        assert len([w for w in noticed if 'called a synchronizing' in str(w.message)]) == 1


def test_metric():
    points, errors = np.random.default_rng(0).uniform(0, 200, (2, 1, 68, 2))
    found = []
    for device in ('cpu', DEVICE):
        metric = FaceAlignmentMetric(['inter_ocular', 'inter_pupil'])
        metric.dataset_meta = dict(dataset_name='300w')
        truth = dict(keypoints=points, keypoints_visible=np.ones((1, 68)))
        predicted = dict(keypoints=torch.from_numpy(points + errors / 9).to(device))
        metric.process(None, [dict(id=0, gt_instances=truth, pred_instances=predicted)])
        found.append(metric.evaluate(1))
    assert found[0] == found[1]


def tiny_model():
    cfg = Config.fromfile(TINY)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for attention in model.backbone.attentions:
        torch.nn.init.constant_(attention.gamma, 0.5)  # at 0, attention would take no part
    return model, cfg


@pytest.mark.parametrize(
    ('dtype', 'tolerance'), [(torch.float32, 2e-3), (torch.bfloat16, 0.03), (torch.float16, 0.01)]
)
def test_model(dtype, tolerance, record_property):
    model, _ = tiny_model()
    images = torch.randn(2, 3, 128, 128)
    model.eval()
    with torch.no_grad():
        expected = model.double().head(model.backbone(images.double()))[-1]
        model.float().to(DEVICE)
        with torch.autocast(DEVICE, dtype, enabled=dtype != torch.float32):
            found = model.head(model.backbone(images.to(DEVICE)))[-1]
    error = float((found.cpu() - expected).norm() / expected.norm())
    record_property('error', error)
    assert error < tolerance


@pytest.mark.parametrize('dtype', ['bfloat16', pytest.param('float16', marks=needs_gpu)])
def test_training_step_with_amp(dtype, record_property):
    losses = {}
    kind = 'AmpOptimWrapper' if DEVICE == 'cuda' else 'CpuAmpOptimWrapper'
    sizes = dict(img_shape=(128, 128), input_size=(128, 128), heatmap_size=(32, 32))
    inputs = get_packed_inputs(2, num_keypoints=68, **sizes)
    for sample in inputs['data_samples']:
        sample.gt_fields.heatmaps = noisy_maps((1, 68, 32, 32), noise=0)[0]
    for name, wrapper in (('float32', {}), ('amp', dict(type=kind, dtype=dtype, loss_scale=128.0))):
        model, cfg = tiny_model()
        model.to(DEVICE).train()
        optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper | wrapper)
        before = model.head.multi_final_layers[0].weight.detach().clone()
        losses[name] = model.train_step(inputs, optim_wrapper)['loss'].item()
        assert not torch.equal(before, model.head.multi_final_layers[0].weight)
    record_property('losses', losses)
    # Not closer: where a map is flat, as before training, its maximum moves by rounding.
    assert losses['amp'] == pytest.approx(losses['float32'], rel=0.2)


@needs_gpu
def test_training_as_a_graph_is_training(record_property):
    from memory_faces import random_faces
    from memory_training import Job, train_jobs

    job = Job('HGs+HSR', str(TINY).replace('mhhn', 'hgs-hsr'), batch=8)
    faces, pairs = random_faces(16).to(DEVICE), list(range(68))
    losses = [train_jobs([job], faces, pairs, 30, graph=graph)[0].losses for graph in (False, True)]
    record_property('losses', losses)
    assert losses[1][-1] == pytest.approx(losses[0][-1], rel=0.1)


def test_compile():
    backend = 'inductor' if DEVICE == 'cuda' else 'aot_eager'  # the former takes minutes on a CPU
    maps = noisy_maps().to(DEVICE)
    loss = SubpixelDetectionLoss()
    found = torch.compile(loss, backend=backend)(3 * maps, maps.clamp(0, 1))
    assert found.item() == pytest.approx(loss(3 * maps, maps.clamp(0, 1)).item(), rel=1e-3)

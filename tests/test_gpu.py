"""A GPU against the CPU in float64; `tools/benchmarks/on_gpu.py` runs it and keeps the numbers.

`MHHN_DEVICE=cpu` tries it without a GPU. (B, K, H, W) heatmaps; points are (x, y).
"""

import os
import sys
import warnings

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

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


def noisy_maps(shape=(3, 5, 64, 48), noise=0.02):
    """Gaussians of sigma 3, some cut by the border."""
    random = torch.Generator().manual_seed(0)
    size = torch.tensor(shape[:1:-1])
    centers = torch.rand(*shape[:2], 2, generator=random) * (size - 1)
    dx = torch.arange(shape[3]) - centers[..., :1]
    dy = torch.arange(shape[2]) - centers[..., 1:]
    maps = (-(dx[:, :, None] ** 2 + dy[..., None] ** 2) / 18).exp()
    return maps + noise * torch.randn(shape, generator=random)


def differences(function, x):
    """Largest differences of values and gradients, the latter relative to the largest."""
    results = []
    for copy in (x.double(), x.to(DEVICE)):
        copy = copy.detach().requires_grad_()
        out = function(copy)
        out.sum().backward()
        results.append((out.detach().cpu().double(), copy.grad.cpu().double()))
    (value, gradient), (found, found_gradient) = results
    scale = gradient.abs().max()
    return float((value - found).abs().max()), float(
        (gradient - found_gradient).abs().max() / scale
    )


@pytest.mark.parametrize('log_space', [False, True])
@pytest.mark.parametrize('steps', [0, 1])
@pytest.mark.parametrize('constraint', ['free', 'known_sigma', 'unit_peak'])
def test_fit(constraint, steps, log_space, record_property):
    maps = noisy_maps()
    maps = 3 * maps.clamp_min(1e-3).log() if log_space else maps
    pixels, gradient = differences(
        lambda x: fit_gaussian(x, 3.0, 9, constraint, steps, log_space).centers, maps
    )
    record_property('pixels', pixels)
    record_property('gradient', gradient)
    assert pixels < 1e-4 and gradient < 1e-3


@pytest.mark.parametrize('name', LOSSES)
def test_loss(name, record_property):
    target = noisy_maps(noise=0)
    value, gradient = differences(
        lambda x: LOSSES[name](x, target.to(x.device, x.dtype)), 4 * noisy_maps()
    )
    record_property('value', value)
    record_property('gradient', gradient)
    assert value < 1e-4 and gradient < 1e-3


def test_attention(record_property):
    p, o = torch.randn(2, 3, 96, 40) / 8
    value, gradient = differences(lambda x: multi_order_attention(x, o.to(x.device, x.dtype)), p)
    record_property('value', value)
    record_property('gradient', gradient)
    assert value < 1e-4 and gradient < 1e-3


@pytest.mark.parametrize('activation', [None, 'sigmoid', 'softmax'])
def test_codec(activation, record_property):
    codec = SDTHeatmap((192, 256), (48, 64), activation=activation)
    maps = noisy_maps()
    maps = maps if activation is None else 8 * maps - 4
    expected, found = (
        [np.concatenate(x) for x in codec.batch_decode(heatmaps)]
        for heatmaps in (maps.double(), maps.to(DEVICE))
    )
    pixels, scores = (float(abs(a - b).max()) for a, b in zip(expected, found, strict=True))
    record_property('pixels', pixels)
    record_property('scores', scores)
    assert pixels < 1e-3 and scores < 1e-5


@needs_gpu
@pytest.mark.parametrize('activation', [None, 'sigmoid', 'softmax'])
def test_decoding_waits_once(activation):
    """For the copy that brings coordinates and scores."""
    codec, maps = SDTHeatmap((192, 256), (48, 64), activation=activation), noisy_maps().cuda()
    codec.batch_decode(maps)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        codec.batch_decode(maps)
        torch.cuda.set_sync_debug_mode('default')
    assert len([w for w in found if 'synchroniz' in str(w.message)]) == 1


def test_metric():
    random = np.random.default_rng(0)

    def evaluate(device):
        metric = FaceAlignmentMetric(['inter_ocular', 'inter_pupil'])
        metric.dataset_meta = dict(dataset_name='300w')
        for number, (points, errors) in enumerate(faces):
            truth = dict(keypoints=points, keypoints_visible=np.ones((1, 68)))
            predicted = torch.from_numpy(points + errors).to(device)
            sample = dict(id=number, gt_instances=truth, pred_instances=dict(keypoints=predicted))
            metric.process(None, [sample])
        return metric.evaluate(len(faces))

    faces = [(random.uniform(0, 200, (1, 68, 2)), random.normal(0, 9, (1, 68, 2))) for _ in 'abc']
    assert evaluate(DEVICE) == evaluate('cpu')


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


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_training_step_with_amp(dtype, record_property):
    from models import make_batch

    if DEVICE == 'cpu' and dtype == 'float16':
        pytest.skip('a CPU trains in bfloat16')
    losses = {}
    kind = 'AmpOptimWrapper' if DEVICE == 'cuda' else 'CpuAmpOptimWrapper'
    for name, wrapper in (('float32', {}), ('amp', dict(type=kind, dtype=dtype, loss_scale=128.0))):
        model, cfg = tiny_model()
        model.to(DEVICE).train()
        optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper | wrapper)
        before = model.head.multi_final_layers[0].weight.detach().clone()
        losses[name] = model.train_step(make_batch(cfg, 2), optim_wrapper)['loss'].item()
        assert not torch.equal(before, model.head.multi_final_layers[0].weight)
    record_property('losses', losses)
    # Not closer: where a map is flat, as before training, its maximum moves by rounding.
    assert losses['amp'] == pytest.approx(losses['float32'], rel=0.2)


def test_one_process_and_its_collective_library(monkeypatch):
    """NCCL on a GPU, gloo on a CPU."""
    import torch.distributed as dist

    monkeypatch.setenv('MASTER_ADDR', '127.0.0.1')
    monkeypatch.setenv('MASTER_PORT', '29511')
    dist.init_process_group('nccl' if DEVICE == 'cuda' else 'gloo', rank=0, world_size=1)
    try:
        layer = torch.nn.Linear(3, 2).to(DEVICE)
        model = torch.nn.parallel.DistributedDataParallel(layer)
        model(torch.ones(4, 3, device=DEVICE)).sum().backward()
    finally:
        dist.destroy_process_group()
    assert torch.equal(layer.weight.grad.cpu(), torch.full((2, 3), 4.0))


@needs_gpu
def test_training_as_a_graph_is_training(record_property):
    from memory_faces import random_faces
    from memory_training import Job, train_jobs

    losses = []
    for graph in (False, True):
        job = Job('HGs+HSR', str(TINY).replace('mhhn', 'hgs-hsr'), steps=30, batch=8)
        trainees = train_jobs([job], random_faces(16).to(DEVICE), list(range(68)), graph=graph)
        losses.append(trainees[0].losses[-1])
    record_property('losses', losses)
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_compile():
    backend = 'inductor' if DEVICE == 'cuda' else 'aot_eager'  # the former takes minutes on a CPU
    maps = noisy_maps().to(DEVICE)
    loss = SubpixelDetectionLoss()
    found = torch.compile(loss, backend=backend)(3 * maps, maps.clamp(0, 1))
    assert found.item() == pytest.approx(loss(3 * maps, maps.clamp(0, 1)).item(), rel=1e-3)

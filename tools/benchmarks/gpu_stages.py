"""The stages of on_gpu.py: is it correct, is it fast, what do the paper's models learn.

Axis letters: B batch, N positions, d channels, K landmarks, (H, W) heatmap.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from memory_faces import Faces, load_faces, load_hard_faces
from memory_training import Job, Trainee, train_jobs
from mmengine.logging import MMLogger
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from mhhn_mmpose.models import HeatmapJSDLoss, HeatmapKLDLoss, SubpixelDetectionLoss
from mhhn_mmpose.ops import fit_gaussian, multi_order_attention

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs' / '300w'
PAPER = 'td-hm_{}_8xb4-200e_300w-256x256.py'
TINY = 'td-hm_{}-tiny_2xb8-30e_300w-128x128.py'


def run(args: argparse.Namespace, report) -> None:
    """Run one stage."""
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    torch.set_num_threads(4 if args.device == 'cuda' else 1)
    if args.device == 'cuda':
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        report.add('device', f'{torch.cuda.get_device_name()}, torch {torch.__version__}')
    dict(correct=check, fast=measure).get(args.stage, train)(args, report)


# ---------------------------------------------------------------------------------------- correct


def check(args: argparse.Namespace, report) -> None:
    """The device against the CPU: largest differences; anything that raises is reported."""
    for name, function in CHECKS.items():
        start = time.perf_counter()
        try:
            result = function(args.device)
        except Exception as error:  # the other checks are still wanted
            result = f'FAILED {type(error).__name__}: {str(error)[:300]}'
        report.add(name, dict(result=result, seconds=round(time.perf_counter() - start, 2)))


def _maps(shape: tuple[int, ...] = (3, 5, 64, 48)) -> Tensor:
    """Noisy Gaussians, (B, K, H, W)."""
    torch.manual_seed(0)
    size = torch.tensor([shape[3], shape[2]])
    centers = torch.rand(*shape[:2], 2) * (size - 1)
    x, y = torch.arange(shape[3]), torch.arange(shape[2])
    dx, dy = x - centers[..., :1], y - centers[..., 1:]
    maps = (-(dx[:, :, None] ** 2 + dy[..., None] ** 2) / 18).exp()
    return maps + 0.02 * torch.randn(shape)


def _difference(function: Callable[[Tensor], Tensor], x: Tensor, device: str) -> dict[str, float]:
    """Largest difference between CPU (in float64) and device, of values and gradients."""
    found = []
    for copy in (x.double(), x.to(device)):
        copy = copy.detach().clone().requires_grad_()
        out = function(copy)
        out.float().sum().backward()
        found.append((out.detach().cpu().double(), copy.grad.cpu().double()))
    return dict(
        value=float((found[0][0] - found[1][0]).abs().max()),
        gradient=float((found[0][1] - found[1][1]).abs().max()),
    )


def _check_fit(device: str) -> dict:
    return {
        f'{constraint}, {steps} steps, log {log}': _difference(
            lambda x, c=constraint, s=steps, g=log: (
                fit_gaussian(x.clamp_min(1e-3).log() * 3 if g else x, 3.0, 9, c, s, g).centers
            ),
            _maps(),
            device,
        )
        for constraint in ('free', 'known_sigma', 'unit_peak')
        for steps in (0, 1)
        for log in (False, True)
    }


def _check_losses(device: str) -> dict:
    target, found = _maps().clamp(0, 1), {}
    losses = dict(
        jsd=HeatmapJSDLoss(),
        kld=HeatmapKLDLoss(),
        sdl=SubpixelDetectionLoss(),
        literal=SubpixelDetectionLoss(
            distribution='sigmoid', constraint='unit_peak', gate_fdl=False
        ),
    )
    for name, loss in losses.items():
        found[name] = _difference(
            lambda x, f=loss: f(x, target.to(x.device, x.dtype)), 4 * _maps(), device
        )
    return found


def _check_attention(device: str) -> dict:
    o = torch.randn(2, 96, 64) / 8
    return _difference(
        lambda p: multi_order_attention(p, o.to(p.device, p.dtype)),
        torch.randn(2, 96, 64) / 8,
        device,
    )


def _check_codec(device: str) -> dict:
    codec = KEYPOINT_CODECS.build(
        dict(type='SDTHeatmap', input_size=(192, 256), heatmap_size=(48, 64))
    )
    points, scores = (
        [np.concatenate(x) for x in codec.batch_decode(_maps().to(place))]
        for place in ('cpu', device)
    )
    return dict(
        points=float(abs(points[0] - scores[0]).max()),
        scores=float(abs(points[1] - scores[1]).max()),
    )


def _check_models(device: str) -> dict:
    """MHHN-tiny and HGs-tiny: heatmaps of the device, in float32 and under autocast."""
    found = {}
    for name in ('hgs', 'mhhn'):
        job = Job(name, str(CONFIGS / TINY.format(name)))
        faces = _random_faces(4, 'cpu')
        trainee = Trainee(job, faces, list(range(68)), graph=False)
        if name == 'mhhn':
            with torch.no_grad():
                for attention in trainee.model.backbone.attentions:
                    attention.gamma.fill_(0.5)
        trainee.model.eval()
        images = torch.randn(2, 3, 128, 128)
        with torch.no_grad():
            truth = trainee.model.double().head(trainee.model.backbone(images.double()))[-1]
            model = trainee.model.float().to(device)
            for dtype in (None, torch.bfloat16, torch.float16):
                with torch.autocast(device, dtype, enabled=dtype is not None):
                    maps = model.head(model.backbone(images.to(device)))[-1]
                error = (maps.cpu().double() - truth).norm() / truth.norm()
                found[f'{name} {dtype}'] = float(error)
    return found


def _check_compile(device: str) -> dict:
    maps = _maps().to(device)
    loss = SubpixelDetectionLoss()
    compiled = torch.compile(loss)
    return dict(
        sdl=float(abs(compiled(3 * maps, maps.clamp(0, 1)) - loss(3 * maps, maps.clamp(0, 1))))
    )


def _check_nccl(device: str) -> dict:
    import os

    import torch.distributed as dist

    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT='29511')
    backend = 'nccl' if device == 'cuda' else 'gloo'
    dist.init_process_group(backend, rank=0, world_size=1)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 2).to(device))
    model(torch.ones(4, 3, device=device)).sum().backward()
    dist.destroy_process_group()
    return dict(backend=backend, gradient=float(model.module.weight.grad.sum()))


def _check_graph(device: str) -> dict:
    """The loss of a model whose step is a CUDA graph against the same without."""
    if device != 'cuda':
        return dict(skipped='no GPU')
    losses = {}
    for graph in (False, True):
        job = Job('hgs-hsr', str(CONFIGS / TINY.format('hgs-hsr')), steps=30, batch=8)
        trainees, _ = train_jobs([job], _random_faces(16, device), list(range(68)), graph=graph)
        losses[f'graph {graph}'] = trainees[0].losses[-1]
    return losses


CHECKS = dict(
    fit=_check_fit,
    losses=_check_losses,
    attention=_check_attention,
    codec=_check_codec,
    models=_check_models,
    graph=_check_graph,
    nccl=_check_nccl,
    compile=_check_compile,
)


def _random_faces(count: int, device: str) -> Faces:
    torch.manual_seed(0)
    return Faces(
        torch.randint(0, 256, (count, 3, 200, 200), dtype=torch.uint8),
        torch.rand(count, 68, 2) * 100 + 50,
        torch.full((count, 2), 100.0),
        torch.full((count,), 125.0),
    ).to(device)


# ------------------------------------------------------------------------------------------- fast


def measure(args: argparse.Namespace, report) -> None:
    """Speed of parts and models, the most wanted first."""
    gpu = args.device == 'cuda'
    batch, side = (32, 8192) if gpu and not args.tiny else (4, 512)
    dtype = torch.bfloat16 if gpu else torch.float32
    a = torch.randn(side, side, device=args.device, dtype=dtype)
    rate = 2 * side**3 / _seconds(lambda: a @ a, args.device)
    report.add('matrix rate, TFLOP/s', round(rate / 1e12, 1))
    _measure_attention(args, report, rate, dtype)
    _measure_decoding(args, report, batch)
    names = ('mhhn', 'hgs', 'hourglass', 'hrnet')
    for variant in ('graph', 'bf16+channels_last', 'float32', 'compile'):
        for name in names:
            if report.seconds_left < (45 if variant == 'compile' else 8):
                report.add('ended', f'before {name} {variant}')
                return
            try:
                row = _measure_training(args, name, variant, batch)
            except Exception as error:  # the other models are still wanted
                row = f'FAILED {type(error).__name__}: {str(error)[:300]}'
            report.add(f'training {name} {variant}', row)
            if gpu:
                torch.cuda.empty_cache()


def _seconds(function: Callable[[], object], device: str, repeats: int = 10) -> float:
    """Median of a call."""
    for _ in range(3):
        function()
    found = []
    for _ in range(repeats):
        if device == 'cuda':
            torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        if device == 'cuda':
            torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def _measure_attention(args: argparse.Namespace, report, rate: float, dtype: torch.dtype) -> None:
    """Forward and backward at the paper's size, by the ways torch has, and its kernel's name."""
    n, d, b = (4096, 256, 8) if args.device == 'cuda' and not args.tiny else (256, 32, 2)
    make = lambda width: torch.randn(b, 1, n, width, device=args.device, dtype=dtype) / 16  # noqa: E731
    p, o = (make(d)[:, 0].requires_grad_() for _ in range(2))
    qk = [make(2 * d).requires_grad_() for _ in range(2)]
    v = make(d).requires_grad_()
    ways = {
        'ours': lambda: multi_order_attention(p, o, 1.0),
        'qk 2d, v d': lambda: F.scaled_dot_product_attention(*qk, v, scale=1.0),
        'v padded to 2d': lambda: F.scaled_dot_product_attention(*qk, F.pad(v, (0, d)), scale=1.0)[
            ..., :d
        ],
        'two products': lambda: _two_products(p, o),
        'formula': lambda: _formula(p, o),
    }
    for name, way in ways.items():
        try:
            seconds = _seconds(lambda w=way: w().sum().backward(), args.device)
            forward = _seconds(way, args.device)
            operations = 18 * b * n * n * d
            with torch.profiler.profile() as profile:
                way().sum().backward()
            kernels = sorted(profile.key_averages(), key=lambda e: -e.self_device_time_total)
            row = dict(
                ms=round(1e3 * seconds, 3),
                forward_ms=round(1e3 * forward, 3),
                share=round(operations / seconds / rate, 3),
                forward_share=round(6 * b * n * n * d / forward / rate, 3),
                kernels=[e.key[:90] for e in kernels[:4]],
            )
        except Exception as error:
            row = f'FAILED {type(error).__name__}: {str(error)[:200]}'
        report.add(f'attention B={b} N={n} d={d}: {name}', row)


def _two_products(p: Tensor, o: Tensor) -> Tensor:
    """Eq. 7-9 with one product for the logits."""
    return (torch.cat((p, o), -1) @ torch.cat((p + o, o), -1).mT).softmax(-1) @ o


def _formula(p: Tensor, o: Tensor) -> Tensor:
    """Eq. 7-9 as written."""
    return (p @ p.mT + o @ o.mT + p @ o.mT).softmax(-1) @ o


def _measure_decoding(args: argparse.Namespace, report, batch: int) -> None:
    """SDT on the device against copying to the CPU for MMPose's DARK."""
    maps = _maps((batch, 68, 64, 64)).to(args.device)
    sizes = dict(input_size=(256, 256), heatmap_size=(64, 64))
    sdt = KEYPOINT_CODECS.build(dict(type='SDTHeatmap', **sizes))
    dark = KEYPOINT_CODECS.build(dict(type='MSRAHeatmap', sigma=3.0, unbiased=True, **sizes))
    seconds = {
        'SDT': _seconds(lambda: sdt.batch_decode(maps), args.device),
        'argmax on the device': _seconds(lambda: maps.flatten(2).argmax(-1).cpu(), args.device),
        'copy, then DARK': _seconds(
            lambda: [dark.decode(m) for m in maps.cpu().numpy()], args.device, 2
        ),
    }
    report.add(f'decoding {batch} faces, ms', {k: round(1e3 * s, 3) for k, s in seconds.items()})


def _measure_training(args: argparse.Namespace, name: str, variant: str, batch: int) -> dict:
    """Images a second of MMEngine's training step and of inference with a flip test."""
    from trainees import build_trainee

    size = 'tiny' if args.tiny else 'paper'
    options = argparse.Namespace(device=args.device, size=size, batch=batch)
    if variant == 'graph':
        if name not in ('mhhn', 'hgs'):
            return dict(skipped='MMEngine has no graphs')
        template = TINY if args.tiny else PAPER
        faces = _random_faces(2 * batch, args.device)
        job = Job(name, str(CONFIGS / template.format(name)), steps=30, batch=batch)
        trainee = Trainee(job, faces, list(range(68)), graph=True)
        held = trainee.make_batch()
        for _ in range(5):
            trainee.step(held)
        seconds = _seconds(lambda: trainee.step(held), args.device, 8)
        return dict(images_a_second=round(batch / seconds, 1), ms=round(1e3 * seconds, 1))
    as_trained = 'bf16+channels_last+compile' if variant == 'compile' else variant
    start = time.perf_counter()
    trainee = build_trainee(name, as_trained, options)
    row = dict(build_s=round(time.perf_counter() - start, 1))
    seconds = _seconds(trainee.step, args.device, 6)
    row |= dict(
        images_a_second=round(batch / seconds, 1),
        ms=round(1e3 * seconds, 1),
        memory_MB=round(trainee.memory) if args.device == 'cuda' else None,
    )
    model = trainee.model.eval()
    inputs = torch.stack(trainee.data['inputs']).to(args.device).float()
    half = 'bf16' in as_trained and args.device == 'cuda'
    with torch.inference_mode(), torch.autocast(args.device, torch.bfloat16, enabled=half):

        def infer() -> object:
            feats = [model.extract_feat(x) for x in (inputs, inputs.flip(-1))]
            return [model.head.forward(f) for f in feats]

        seconds = _seconds(infer, args.device, 6)
    row['inference_images_a_second'] = round(batch / seconds, 1)
    return row


# ------------------------------------------------------------------------------------------ train


def paper_jobs(tiny: bool) -> list[Job]:
    """The paper's four models and its literal SDL, under one schedule."""
    template = TINY if tiny else PAPER
    leaf = lambda name: str(CONFIGS / template.format(name))  # noqa: E731
    mcg = {'model.backbone.attention': 'all', 'model.backbone.attention_scale': None}
    common = dict(
        batch=4 if tiny else 16,
        lr=1e-3,
        steps=40 if tiny else 100000,
        schedule='paper',
        augmentation=dict(shift=0.03),
    )
    return [
        Job('HGs', leaf('hgs'), **common),
        Job('HGs+HSR', leaf('hgs-hsr'), **common),
        Job('HGs+MCG', leaf('hgs'), options=mcg, **common),
        Job('MHHN', leaf('hgs-hsr'), options=mcg, **common),
        Job('HGs+HSR literal', leaf('hgs-hsr-literal'), **common),
    ]


def shipped_jobs(tiny: bool) -> list[Job]:
    """The models in mhhn_mmpose/weights."""
    common = dict(
        batch=4 if tiny else 32, steps=8 if tiny else 3778, ema=0.998,
        augmentation=dict(rotate=55.0, scale=0.25, shift=0.05, colour=0.35, occlude=0.3, spoil=0.3),
    )  # fmt: skip
    kld = {'model.head.loss.divergence': 'kld', 'model.head.loss.fdl_weight': 4.0}
    small = 'td-hm_hgs-hsr-small_1xb32-100e_300w-256x256.py'
    return [
        Job('tiny', str(CONFIGS / TINY.format('hgs-hsr')), options=kld, lr=4e-3, **common),
        Job('best', str(CONFIGS / small), lr=2.5e-3, **common),
    ]


def peer_jobs(tiny: bool) -> list[Job]:
    """The shipped 'best' and MMPose's HRNetV2-W18 + DARK, trained alike and shorter."""
    jobs = shipped_jobs(tiny)[1:]
    dark = str(CONFIGS / PAPER.format('hrnetv2-w18-dark'))
    jobs.append(replace(jobs[0], name='HRNetV2-W18 + DARK', config=dark))
    return [replace(job, steps=min(job.steps, 2000), lr=2e-3) for job in jobs]


JOBS = dict(train=paper_jobs, ship=shipped_jobs, peers=peer_jobs)


def train(args: argparse.Namespace, report) -> None:
    """Train a stage's models side by side, for equal steps, and score them."""
    flip = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/300w.py'))['flip_indices']
    limit = 16 if args.tiny else None
    sets = {
        name: load_faces(args.data, f'face_landmarks_300w_{part}.json', limit=limit).to(args.device)
        for name, part in (('train', 'train'), ('helen_test', 'valid'))
    }
    hard = {
        kind: load_hard_faces(args.data, 'face_landmarks_300w_valid.json', kind, limit)
        for kind in ('occluded', 'rotated', 'poor')
    }
    report.add('faces', {name: len(faces) for name, faces in sets.items()})
    jobs = JOBS[args.stage](args.tiny)
    reserve = 5 if args.tiny else 45
    start = time.perf_counter()
    trainees, logs = train_jobs(
        jobs, sets['train'], flip, seconds=report.seconds_left - reserve, log_every=200
    )
    minutes = (time.perf_counter() - start) / 60
    for trainee, log in zip(trainees, logs, strict=True):
        report.add(
            trainee.job.name,
            dict(
                steps=trainee.total,
                minutes_together=round(minutes, 2),
                log=log,
                scores=dict(helen_test=trainee.scores(sets['helen_test'])),
                shape=trainee.shape(sets['helen_test']),
            ),
        )
    for trainee in trainees:
        report.add(
            f'{trainee.job.name}, hard sets',
            {kind: trainee.scores(faces.to(args.device))['sdt'] for kind, faces in hard.items()},
        )
        save_half(trainee, args.out / f'{trainee.job.name.replace("+", "_")}.pth')


def save_half(trainee: Trainee, path: Path) -> None:
    """Save the evaluated weights in half precision, in pieces of at most 15 MB."""
    state = {
        name: value.half().cpu() if value.is_floating_point() else value.cpu()
        for name, value in trainee.mean_model.state_dict().items()
    }
    pieces, size = [{}], 0
    for name, value in state.items():
        if size + value.nbytes > 15e6:
            pieces.append({})
            size = 0
        pieces[-1][name] = value
        size += value.nbytes
    for number, piece in enumerate(pieces):
        suffix = f'.{number}' if len(pieces) > 1 else ''
        torch.save(dict(state_dict=piece), path.with_suffix(f'{suffix}.pth'))

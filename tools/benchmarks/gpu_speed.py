"""Stage `fast` of on_gpu.py: how fast parts and models are, the most wanted first."""

from __future__ import annotations

import argparse

import numpy as np
import torch
from attention import make_inputs, matrix_rate, measure_ways
from decoding_speed import decoders, make_heatmaps
from encoding_speed import encoders
from measure import medians
from memory_faces import random_faces
from memory_training import Job, TargetMaker, Trainee
from models import OURS, build_training, leaf

from mhhn_mmpose.codecs import SDTHeatmap

MODELS = ('mhhn', 'hgs', 'hourglass', 'hrnet')
VARIANTS = ('graph', 'bf16+channels_last', 'float32', 'bf16+channels_last+compile')


def measure(args: argparse.Namespace, report) -> None:
    """Measure until the time is up."""
    gpu = args.device == 'cuda'
    batch, repeats = (2, 1) if args.tiny else (32, 8)
    dtype = 'bfloat16' if gpu else 'float32'
    rate = matrix_rate(args.device, dtype, 8192 if gpu else 512)
    report.add('matrix rate, TFLOP/s', round(rate / 1e12, 2))
    b, n, d = (8, 4096, 256) if batch == 32 else (2, 256, 32)
    ways = measure_ways(make_inputs(b, n, d, args.device, dtype), repeats, rate)
    report.add(f'attention, B={b} N={n} d={d}', ways)
    report.add(f'decoding {batch} faces, ms', time_decoding(batch, args.device, repeats))
    report.add(f'encoding {batch} faces, ms', time_encoding(batch, args.device, repeats))
    for variant in VARIANTS:
        for name in MODELS:
            if variant == 'graph' and name not in OURS:
                continue  # MMEngine's step has none
            if report.seconds_left < (45 if 'compile' in variant and gpu else 8):
                report.add('ended', f'before {name} {variant}')
                return
            function = time_graph if variant == 'graph' else time_model
            report.attempt(f'{name} {variant}', function, args, name, variant, batch, repeats)
            if gpu:
                torch.cuda.empty_cache()


def milliseconds(functions: dict, repeats: int, device: str) -> dict[str, float]:
    """Medians of functions by name."""
    found = medians(functions, repeats, device)
    return {name: round(1e3 * seconds, 3) for name, seconds in found.items()}


def time_decoding(batch: int, device: str, repeats: int) -> dict[str, float]:
    """From heatmaps on the device to landmarks: SDT there, MMPose's codecs after a copy."""
    functions = decoders(make_heatmaps(batch).to(device))
    slow = {name: functions.pop(name) for name in list(functions) if name.startswith('MMPose')}
    return milliseconds(functions, repeats, device) | milliseconds(slow, 1, device)


def time_encoding(batch: int, device: str, repeats: int) -> dict[str, float]:
    """From landmarks to targets: codecs on the CPU face by face, and in one batch on the device."""
    points = np.random.default_rng(0).uniform(0, 255, (batch, 68, 2))
    maker = TargetMaker(SDTHeatmap((256, 256), (64, 64)), device)
    on_device = torch.from_numpy(points).float().to(device)
    functions = encoders(points) | {'SDT on the device': lambda: maker(on_device)}
    return milliseconds(functions, repeats, device)


def time_graph(
    args: argparse.Namespace, name: str, _: str, batch: int, repeats: int
) -> dict[str, float]:
    """The training step of memory_training.py: on a GPU a CUDA graph in bfloat16."""
    job = Job(name, leaf(name, 'tiny' if args.tiny else 'paper'), steps=30, batch=batch)
    trainee = Trainee(job, random_faces(2 * batch).to(args.device), list(range(68)), graph=True)
    held = trainee.make_batch()
    for _ in range(5):
        trainee.step(held)
    seconds = medians({name: lambda: trainee.step(held)}, repeats, args.device)[name]
    return dict(images_a_second=round(batch / seconds, 1), ms=round(1e3 * seconds, 1))


def time_model(args: argparse.Namespace, name: str, variant: str, batch: int, repeats: int) -> dict:
    """MMEngine's training step, and inference with a flip test up to the heatmaps."""
    size = 'tiny' if args.tiny else 'paper'
    backend = 'inductor' if args.device == 'cuda' else 'aot_eager'  # minutes on a CPU
    model, step, memory = build_training(name, size, variant, batch, args.device, backend)
    training = medians({name: step}, repeats, args.device)[name]
    width, height = model.head.decoder.input_size
    images = torch.randn(batch, 3, height, width, device=args.device)
    model.eval()

    def infer() -> list:
        with torch.inference_mode(), torch.autocast(args.device, torch.bfloat16, 'bf16' in variant):
            return [model.head.forward(model.extract_feat(x)) for x in (images, images.flip(-1))]

    inference = medians({name: infer}, repeats, args.device)[name]
    return dict(
        images_a_second=round(batch / training, 1),
        ms=round(1e3 * training, 1),
        memory_MB=round(memory) if memory == memory else None,
        inference_images_a_second=round(batch / inference, 1),
    )

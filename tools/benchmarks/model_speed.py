"""Speed of whole models, ours and MMPose's, with random weights.

python tools/benchmarks/model_speed.py inference --models mhhn mhhn-map32 mhhn-last
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
import torch
from measure import add_machine_arguments, medians, on_gpu, prepare, print_table
from memory_faces import random_faces
from memory_training import Job, Trainee
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import MODELS
from mmpose.testing import get_packed_inputs
from model_table import find_config, load_config

BOX = 250  # px, a face's
Step = Callable[[], object]


def training(name: str, batch: int, args: argparse.Namespace) -> Step:
    """MMEngine's `train_step`, from images and targets on the CPU to the optimizer's step."""
    cfg = load_config(*find_config(name, args.tiny))
    model = MODELS.build(cfg.model).to(args.device).train()
    if args.channels_last:
        model.to(memory_format=torch.channels_last)
    wrapper = cfg.optim_wrapper
    wrapper.optimizer.lr = 0.0  # every step costs the same, and none diverges
    if args.amp:
        kind = 'AmpOptimWrapper' if on_gpu(args.device) else 'CpuAmpOptimWrapper'
        wrapper = dict(wrapper, type=kind, dtype='bfloat16')
    optimizer = build_optim_wrapper(model, wrapper)
    inputs = get_packed_inputs(
        batch,
        num_keypoints=cfg.model.head.out_channels,
        img_shape=cfg.codec.input_size[::-1],
        input_size=cfg.codec.input_size,
        heatmap_size=cfg.codec.heatmap_size,
    )
    return lambda: model.train_step(inputs, optimizer)


def graph(name: str, batch: int, args: argparse.Namespace) -> Step:
    """Return memory_training.py's step: on a GPU a CUDA graph, in bfloat16 and channels_last."""
    job = Job(name, *find_config(name, args.tiny), batch=batch, lr=0.0)
    trainee = Trainee(job, random_faces(2 * batch).to(args.device), list(range(68)))
    held = trainee.make_batch()
    return lambda: trainee.step(held, 0.0)


def inference(name: str, batch: int, args: argparse.Namespace) -> Step:
    """From a photo and its boxes to landmarks, by MMPose's API, without a flip test."""
    cfg = load_config(*find_config(name, args.tiny))
    cfg.model.test_cfg.flip_test = False
    model = init_model(cfg, device=args.device)
    photo = np.random.default_rng(0).integers(0, 256, (BOX, BOX * batch, 3), np.uint8)
    left = BOX * np.arange(batch, dtype=np.float32)
    boxes = np.stack((left, 0 * left, left + BOX, 0 * left + BOX), -1)  # x1, y1, x2, y2

    def run() -> list:
        kind = torch.device(args.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=args.amp):
            return inference_topdown(model, photo, boxes)

    return run


STEPS = dict(training=training, graph=graph, inference=inference)


def build(name: str, batch: int, args: argparse.Namespace) -> tuple[Step, float]:
    """Return a model's step, and the GPU's peak in MB, of model and step."""
    torch.manual_seed(0)
    before = torch.cuda.memory_allocated(args.device) if on_gpu(args.device) else 0
    step = STEPS[args.what](name, batch, args)
    step()  # an optimizer then has its state
    if not on_gpu(args.device):
        return step, math.nan
    torch.cuda.reset_peak_memory_stats(args.device)
    for _ in range(4):  # a graph is recorded after three
        step()
    return step, (torch.cuda.max_memory_allocated(args.device) - before) / 1e6


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=STEPS)
    parser.add_argument(
        '--models',
        nargs='+',
        default=['mhhn', 'hgs', 'hrnetv2-w18-dark'],
        help="the middle of a name in configs/300w, or 'hourglass', MMPose's",
    )
    parser.add_argument('--tiny', action='store_true', help='tiny models, and others at 128 px')
    parser.add_argument('--batch', type=int, nargs='+', default=[4], metavar='B')
    parser.add_argument('--amp', action='store_true', help='bfloat16')
    parser.add_argument('--channels-last', action='store_true', help='in training')
    add_machine_arguments(parser, repeats=5)
    return parser.parse_args()


def main() -> None:
    """Parse, build, measure, print Markdown."""
    args = parse_args()
    MMLogger.get_current_instance().setLevel('WARNING')  # of each parameter's options
    prepare(args)
    half = on_gpu(args.device) if args.what == 'graph' else args.amp  # see memory_training.py
    for batch in args.batch:
        built = {name: build(name, batch, args) for name in args.models}
        found = medians({name: step for name, (step, _) in built.items()}, args)
        print(f'\n{args.what}, batch {batch}, {"bfloat16" if half else "float32"}:\n')
        rows = [
            [
                name,
                f'{1e3 * seconds:.1f}',
                f'{batch / seconds:.2f}',
                f'{found[args.models[-1]] / seconds:.2f}',
                f'{built[name][1]:.0f}',
            ]
            for name, seconds in found.items()
        ]
        print_table(['model', 'ms', 'images/s', f'{args.models[-1]} /', 'peak MB on a GPU'], rows)


if __name__ == '__main__':
    main()

"""Speed of a training step: MHHN and HGs against MMPose's HourglassNet and HRNetV2-W18.

A step is MMEngine's `train_step`: images and targets to the device, forward, loss and `acc_pose`,
backward, optimizer. Its batch is random and made once; `--pipeline` times the making of batches.
Learning rates are 0, so that every step costs the same and none diverges.

Axis letters: B batch, K landmarks, (H, W) heatmap, (h, w) input.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from timing import describe_machine, medians, print_table
from torch.utils.data import ConcatDataset, DataLoader

from mhhn_mmpose.datasets.converters import convert_300w
from mhhn_mmpose.datasets.generated_faces import write_300w_archive

CONFIGS = Path(__file__).parents[2] / 'configs' / '300w'
HRNET = 'td-hm_hrnetv2-w18-msra_8xb4-200e_300w-256x256'
LEAVES = {
    'paper': dict(mhhn='td-hm_mhhn_8xb4-200e_300w-256x256', hgs='td-hm_hgs_8xb4-200e_300w-256x256'),
    'tiny': dict(
        mhhn='td-hm_mhhn-tiny_2xb8-30e_300w-128x128', hgs='td-hm_hgs-tiny_2xb8-30e_300w-128x128'
    ),
}
PEERS = ('hourglass', 'hrnet')
NAMES = dict(mhhn='MHHN', hgs='HGs', hourglass='MMPose HourglassNet', hrnet='MMPose HRNetV2-W18')
OPTIONS = ('bf16', 'channels_last', 'compile')
# Each on or off: 8 of them.
VARIANTS = tuple(
    '+'.join(chosen) or 'float32'
    for count in range(len(OPTIONS) + 1)
    for chosen in itertools.combinations(OPTIONS, count)
)
PARTS = ('to device', 'forward', 'loss', 'acc_pose', 'backward', 'optimizer', 'rest')
NOT_MEASURED = 'not measured'


def load_config(name: str, size: str) -> Config:
    """A model's config, at the input size of `size`."""
    ours = LEAVES[size]['mhhn']
    cfg = Config.fromfile(CONFIGS / f'{LEAVES[size].get(name, HRNET)}.py')
    init_default_scope(cfg.default_scope)
    if name in PEERS:
        sizes = Config.fromfile(CONFIGS / f'{ours}.py').codec
        cfg.codec.update(input_size=sizes.input_size, heatmap_size=sizes.heatmap_size)
        cfg.model.head.decoder = cfg.codec
        for step in cfg.train_pipeline:
            if step.type == 'TopdownAffine':
                step.input_size = sizes.input_size
            elif step.type == 'GenerateTarget':
                step.encoder = cfg.codec
        cfg.train_dataloader.dataset.pipeline = cfg.train_pipeline
        cfg.model.backbone.pop('init_cfg', None)  # would be downloaded
    if name == 'hourglass':  # as in MMPose's hourglass configs, but for the number of stacks
        stacks = Config.fromfile(CONFIGS / f'{ours}.py').model.backbone.num_stacks
        del cfg.model['neck']
        cfg.model.backbone = dict(type='HourglassNet', num_stacks=stacks)
        cfg.model.head = dict(
            type='CPMHead',
            in_channels=256,
            out_channels=cfg.model.head.out_channels,
            num_stages=stacks,
            deconv_out_channels=None,
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=cfg.codec,
        )
    return cfg


def make_batch(cfg: Config, batch: int) -> dict:
    """Random images (3, h, w) uint8 and the codec's targets (K, H, W), as a loader hands them."""
    random = np.random.default_rng(0)
    codec = KEYPOINT_CODECS.build(cfg.codec)
    width, height = cfg.codec.input_size
    landmarks = cfg.model.head.out_channels
    inputs, samples = [], []
    for _ in range(batch):
        points = random.uniform(0, (width - 1, height - 1), (1, landmarks, 2))
        encoded = codec.encode(points, np.ones((1, landmarks), np.float32))
        sample = PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
        weights = torch.from_numpy(encoded['keypoint_weights'])
        sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
        samples.append(sample)
        image = random.integers(0, 256, (3, height, width), dtype=np.uint8)
        inputs.append(torch.from_numpy(image))
    return dict(inputs=inputs, data_samples=samples)


def let_heads_take_bfloat16() -> None:
    """Mend MMPose's `acc_pose`, which stops at bfloat16: numpy has no such type."""
    # Not importable on every stack before `mhhn_mmpose` is.
    from mmpose.models.heads.heatmap_heads import cpm_head, heatmap_head

    for module in (cpm_head, heatmap_head):
        module.to_numpy = lambda x, to_numpy=module.to_numpy: to_numpy(x.float())


class CpuAmpOptimWrapper(OptimWrapper):
    """`AmpOptimWrapper` in bfloat16 for the CPU, which that class refuses."""

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Forward and loss under autocast."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


@dataclass
class Trainee:
    """A model in training; after it ran out of memory its steps do nothing.

    Attributes:
        memory: Peak of one step in MB, with weights and optimizer, without other models.
    """

    model: BaseModel
    optimizer: OptimWrapper
    data: dict
    memory: float = float('nan')
    failed: bool = False

    def step(self) -> None:
        """One training step."""
        if not self.failed:
            with self.until_memory_ends():
                self.model.train_step(self.data, self.optimizer)

    @contextmanager
    def until_memory_ends(self) -> Iterator[None]:
        """Let pass no other error than that there is no memory left."""
        try:
            yield
        except RuntimeError as error:
            if 'out of memory' not in str(error) and "can't allocate memory" not in str(error):
                raise
            self.failed = True
        if self.failed:
            self.model = self.optimizer = None
            torch.cuda.empty_cache()


def build_trainee(name: str, variant: str, args: argparse.Namespace) -> Trainee:
    """Build a model and its optimizer as MMEngine's runner does, and take its first steps."""
    cuda = args.device.startswith('cuda')
    before = torch.cuda.memory_allocated(args.device) if cuda else 0
    cfg = load_config(name, args.size)
    torch.manual_seed(0)
    trainee = Trainee(MODELS.build(cfg.model), None, make_batch(cfg, args.batch))
    with trainee.until_memory_ends():
        model = trainee.model.to(args.device).train()
        if 'channels_last' in variant:
            model.to(memory_format=torch.channels_last)
            model.backbone.register_forward_pre_hook(to_channels_last)
        trainee.optimizer = build_optimizer(model, cfg, variant, args.device)
        if 'compile' in variant:
            model.train_step = torch.compile(model.train_step)
    for _ in range(2):  # the second with the optimizer's state in place
        if cuda:
            torch.cuda.reset_peak_memory_stats(args.device)
        trainee.step()
    if cuda:
        trainee.memory = (torch.cuda.max_memory_allocated(args.device) - before) / 1e6
    return trainee


def to_channels_last(_: torch.nn.Module, args: tuple) -> tuple:
    """A hook that brings a backbone's input into that memory format."""
    return tuple(x.contiguous(memory_format=torch.channels_last) for x in args)


def build_optimizer(model: BaseModel, cfg: Config, variant: str, device: str) -> OptimWrapper:
    """The config's optimizer, with MMEngine's AMP or without."""
    wrapper = cfg.optim_wrapper
    wrapper.optimizer.lr = 0.0
    if 'bf16' not in variant:
        return build_optim_wrapper(model, wrapper)
    if device.startswith('cuda'):
        return build_optim_wrapper(model, dict(wrapper, type='AmpOptimWrapper', dtype='bfloat16'))
    return CpuAmpOptimWrapper(build_optim_wrapper(model, wrapper).optimizer)


def why_not(variant: str, device: str) -> str:
    """Why a variant cannot run here, or ''."""
    if 'bf16' in variant and device.startswith('cuda') and not torch.cuda.is_bf16_supported():
        return 'the GPU has no bfloat16'
    if 'compile' in variant:
        try:
            torch.compile(lambda x: x.sin() + 1)(torch.ones(8, device=device))
        except Exception as error:  # whatever it is, it is shown
            return f'torch.compile: {str(error).strip().splitlines()[0]}'
    return ''


def measure_variant(variant: str, args: argparse.Namespace) -> list[list[str]]:
    """A row per model: images per second, ms a step, ratios to the peers, peak memory."""
    peers = [name for name in PEERS if name in args.models]
    reason = why_not(variant, args.device)
    if reason:
        print(f'{variant} {NOT_MEASURED}: {reason}', file=sys.stderr)
        return [[variant, NAMES[n], *[NOT_MEASURED] * (3 + len(peers))] for n in args.models]
    torch.compiler.reset()
    trainees = {name: build_trainee(name, variant, args) for name in args.models}
    seconds = medians({n: t.step for n, t in trainees.items()}, args.repeats, args.device)
    rows = []
    for name, trainee in trainees.items():
        ratios = [
            NOT_MEASURED
            if trainee.failed or trainees[peer].failed
            else f'{seconds[peer] / seconds[name]:.2f}'
            for peer in peers
        ]
        speed = [f'{args.batch / seconds[name]:.1f}', f'{seconds[name] * 1e3:.1f}']
        memory = NOT_MEASURED if np.isnan(trainee.memory) else f'{trainee.memory:.0f}'
        if trainee.failed:
            speed, memory = [NOT_MEASURED] * 2, 'out of memory'
        rows.append([variant, NAMES[name], *speed, *ratios, memory])
    return rows


class Clock:
    """Times functions that call one another, each without those inside it."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self.inside = [0.0]  # seconds of what each running function has called
        self.patches = ExitStack()

    def watch(self, owner: object, attribute: str, part: str) -> None:
        """Count a function's time to a part, until `patches` is closed."""
        timed = self.timed(getattr(owner, attribute), part)
        self.patches.enter_context(mock.patch.object(owner, attribute, timed))

    def timed(self, function: Callable, part: str) -> Callable:
        """The function, with its time counted."""

        def call(*args: object, **kwargs: object) -> object:
            self.synchronize()
            start = time.perf_counter()
            self.inside.append(0.0)
            result = function(*args, **kwargs)
            self.synchronize()
            total = time.perf_counter() - start
            self.seconds[part] = self.seconds.get(part, 0.0) + total - self.inside.pop()
            self.inside[-1] += total
            return result

        return call

    def synchronize(self) -> None:
        """Wait for the GPU, if it is one."""
        if self.device.startswith('cuda'):
            torch.cuda.synchronize(self.device)


def watch_step(clock: Clock, trainee: Trainee) -> None:
    """Have each part of a training step timed."""
    model, head = trainee.model, trainee.model.head
    clock.watch(model, 'train_step', 'rest')
    clock.watch(model.data_preprocessor, 'forward', 'to device')
    for module in (model.backbone, getattr(model, 'neck', None), head):
        if module is not None:
            clock.watch(module, 'forward', 'forward')
    clock.watch(head.loss_module, 'forward', 'loss')
    accuracy = sys.modules[type(head).loss.__module__]  # where `loss` finds what it calls
    for name in ('to_numpy', 'pose_pck_accuracy', 'pck_accuracy'):
        if hasattr(accuracy, name):
            clock.watch(accuracy, name, 'acc_pose')
    clock.watch(trainee.optimizer, 'backward', 'backward')
    for name in ('step', 'zero_grad'):
        clock.watch(trainee.optimizer, name, 'optimizer')


def profile_step(name: str, variant: str, args: argparse.Namespace) -> list[str]:
    """A row: ms of a step in which the GPU is waited for after each part, and the parts' shares."""
    row = [variant, NAMES[name]]
    trainee, clock, rounds = build_trainee(name, variant, args), Clock(args.device), []
    if trainee.failed:
        return [*row, *[NOT_MEASURED] * (1 + len(PARTS))]
    with clock.patches:
        watch_step(clock, trainee)
        for _ in range(args.repeats):
            clock.seconds = dict.fromkeys(PARTS, 0.0)
            trainee.step()
            rounds.append(clock.seconds)
    found = {part: statistics.median(seconds[part] for seconds in rounds) for part in PARTS}
    return [*row, *shares(list(found.values()), unit=1e3)]


def shares(seconds: list[float], unit: float) -> list[str]:
    """The sum, in 1 / unit seconds, and each one's share of it."""
    total = sum(seconds)
    return [f'{total * unit:.1f}', *(f'{100 * part / total:.1f}%' for part in seconds)]


def generated_dataset(cfg: Config, folder: Path, faces: int) -> BaseDataset:
    """300W's training set of generated faces, with a config's pipeline."""
    data = folder / '300w'
    if not data.exists():
        write_300w_archive(folder / 'archive', num_train=faces, num_common=1, num_challenge=1)
        _, problems = convert_300w(folder / 'archive', data)
        if problems.errors:
            raise RuntimeError(f'generated faces did not convert: {problems.errors}')
    dataset = cfg.train_dataloader.dataset
    dataset.data_root = str(data)
    return DATASETS.build(dataset)


def profile_pipeline(dataset: BaseDataset, rounds: int) -> dict[str, float]:
    """Seconds a face takes in each step of a pipeline, the median of all faces and rounds."""
    steps = [('get_data_info', None)]
    steps += [(type(step).__name__, step) for step in dataset.pipeline.transforms]
    seconds: dict[str, list[float]] = {name: [] for name, _ in steps}
    for round_ in range(rounds + 1):
        for index in range(len(dataset)):
            face = None
            for name, step in steps:
                start = time.perf_counter()
                face = dataset.get_data_info(index) if step is None else step(face)
                if round_:  # the first does not count: it reads the files
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def loader_speed(dataset: BaseDataset, batch: int, rounds: int) -> float:
    """Faces per second that a worker process makes and hands over, from its second batch on."""
    loader = DataLoader(
        ConcatDataset([dataset] * (rounds + 1)),
        batch_size=batch,
        num_workers=1,
        drop_last=True,
        collate_fn=pseudo_collate,
        worker_init_fn=lambda _: cv2.setNumThreads(0),
    )
    batches = iter(loader)
    next(batches)
    start = time.perf_counter()
    return batch * sum(1 for _ in batches) / (time.perf_counter() - start)


def print_pipeline(args: argparse.Namespace) -> None:
    """Time the training pipelines of the chosen models; the peers share one."""
    cv2.setNumThreads(0)  # as MMPose's runtime sets it in every worker
    faces = max(args.faces, 2 * args.batch)
    names = list({name if name not in PEERS else 'hrnet': None for name in args.models})
    print(f'\nTraining pipeline, generated 300W, {faces} faces, {args.rounds} rounds:\n')
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            dataset = generated_dataset(load_config(name, args.size), Path(folder), faces)
            found = profile_pipeline(dataset, args.rounds)
            total, *parts = shares(list(found.values()), unit=1e6)
            speed = loader_speed(dataset, args.batch, args.rounds)
            rate = f'{1 / sum(found.values()):.0f}'
            rows.append([NAMES[name], rate, f'{speed:.0f}', total, *parts])
    header = ['', 'faces/s', 'faces/s, from a worker', 'µs a face', *found]
    print_table(header, rows)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:1')
    parser.add_argument('--models', nargs='*', choices=NAMES, default=list(NAMES))
    parser.add_argument('--variants', nargs='*', choices=VARIANTS, default=VARIANTS)
    parser.add_argument('--batch', type=int, default=4, help='images a step')
    parser.add_argument('--size', choices=LEAVES, default='paper')
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--profile', action='store_true', help='also show the parts of a step')
    parser.add_argument('--pipeline', action='store_true', help='also time the data pipeline')
    parser.add_argument('--faces', type=int, default=32, help='of --pipeline')
    parser.add_argument('--rounds', type=int, default=3, help='of --pipeline, over all faces')
    return parser.parse_args()


def print_steps(args: argparse.Namespace) -> None:
    """Compare the models in each variant, and show a step's parts if wanted."""
    print(f'\nTraining step, {args.size} size, batch {args.batch}, median of {args.repeats}:\n')
    ratios = [f'/ {NAMES[peer]}' for peer in PEERS if peer in args.models]
    rows = [row for variant in args.variants for row in measure_variant(variant, args)]
    header = ['variant', 'model', 'images/s', 'ms a step', *ratios, 'peak MB']
    print_table(header, rows)
    if args.profile:
        print('\nWhere a step spends its time, the GPU waited for after each part:\n')
        eager = [v for v in args.variants if 'compile' not in v and not why_not(v, args.device)]
        rows = [profile_step(name, v, args) for v in eager for name in args.models]
        print_table(['variant', 'model', 'ms', *PARTS], rows)


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        print(f'{NOT_MEASURED}: torch finds no CUDA device')
        return
    torch.set_num_threads(args.threads)
    MMLogger.get_current_instance().setLevel('WARNING')  # of each parameter's options
    let_heads_take_bfloat16()
    print(describe_machine(args.device, args.threads))
    if args.variants and args.models:
        print_steps(args)
    if args.pipeline:
        print_pipeline(args)


if __name__ == '__main__':
    main()

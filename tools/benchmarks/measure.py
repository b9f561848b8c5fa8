"""What the benchmarks share: the machine, functions timed in turn, a Markdown table."""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random

import cv2
import numpy as np
import torch

import mhhn_mmpose  # noqa: F401, what MMPose needs to import beside mmcv-lite


def add_machine_arguments(parser: argparse.ArgumentParser, repeats: int) -> None:
    """Add --device, --threads and --repeats with its default."""
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:1')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--repeats', type=int, default=repeats, help='of which the median counts')


def prepare(args: argparse.Namespace) -> None:
    """Set the number of threads and say what machine this is; end if it lacks the device."""
    name = f'{cpu_name()}, {args.threads} thread(s)'
    if on_gpu(args.device):
        if not torch.cuda.is_available():
            raise SystemExit(f'--device {args.device}: torch finds no CUDA device')
        name = torch.cuda.get_device_name(args.device)
        torch.backends.cudnn.benchmark = True  # chooses kernels by trial
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    print(f'{name}; torch {torch.__version__}, numpy {np.__version__}')


def on_gpu(device: str) -> bool:
    """Whether it has to be waited for."""
    return device.startswith('cuda')


def cpu_name() -> str:
    """Return the processor's name, or else its architecture."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else f'{platform.machine()} CPU'


def clock(device: str) -> float:
    """Seconds; of one thread on a CPU those that it runs, which a busy machine lengthens less.

    Not of the whole process: idle threads of numpy's BLAS count there.
    """
    if on_gpu(device):
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.thread_time() if torch.get_num_threads() == 1 else time.perf_counter()


def medians(
    functions: Mapping[str, Callable[[], object]], args: argparse.Namespace
) -> dict[str, float]:
    """Seconds of each function, the median of `args.repeats` rounds after one that is not counted.

    A round calls each function once, so that a busy machine slows all of them alike. Its order is
    new, since a function finds in the cache what the one before has read.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    order, random = list(functions), Random(0)
    for _ in range(args.repeats + 1):
        random.shuffle(order)
        for name in order:
            start = clock(args.device)
            functions[name]()
            seconds[name].append(clock(args.device) - start)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print Markdown."""
    for line in (header, ['---'] * len(header), *rows):
        print('|', ' | '.join(line), '|', flush=True)

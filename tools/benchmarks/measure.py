"""What the benchmarks share: the machine, functions timed in turn, a Markdown table."""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
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
    if on_gpu(args.device) and not torch.cuda.is_available():
        raise SystemExit(f'--device {args.device}: torch finds no CUDA device')
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    name = f'{cpu_name()}, {args.threads} thread(s)'
    if on_gpu(args.device):
        name = torch.cuda.get_device_name(args.device)
    print(f'{name}; torch {torch.__version__}, numpy {np.__version__}')


def on_gpu(device: str | torch.device) -> bool:
    """Whether it has to be waited for."""
    return str(device).startswith('cuda')


def cpu_name() -> str:
    """Return the processor's name, or else its architecture."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else f'{platform.machine()} CPU'


def synchronize(device: str) -> None:
    """Wait for the GPU, if it is one."""
    if on_gpu(device):
        torch.cuda.synchronize(device)


def clock(device: str = 'cpu') -> float:
    """Seconds; of one thread on a CPU those that it runs, which a busy machine lengthens less.

    Not of the whole process: idle threads of numpy's BLAS count there.
    """
    alone = not on_gpu(device) and torch.get_num_threads() == 1
    return time.thread_time() if alone else time.perf_counter()


def medians(
    functions: Mapping[str, Callable[[], object]], repeats: int, device: str = 'cpu'
) -> dict[str, float]:
    """Time each function once per round, so that a busy machine slows all of them alike.

    Each round has another order, since a function finds in the cache what the one before has read.

    Args:
        functions: By name.
        repeats: Rounds, after one that does not count.
        device: Waited for after each call if it is a GPU.

    Returns:
        The median of each one's seconds by `clock`.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    order, random = list(functions), Random(0)
    for _ in range(repeats + 1):
        random.shuffle(order)
        for name in order:
            start = clock(device)
            functions[name]()
            synchronize(device)
            seconds[name].append(clock(device) - start)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print Markdown, each row as soon as it is there."""
    for line in chain((header, ['---'] * len(header)), rows):
        print('|', ' | '.join(line), '|', flush=True)

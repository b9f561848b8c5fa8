"""What the benchmarks share: ours and the peer in turn, medians, the machine's name, a table."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch


def describe_machine(device: str = 'cpu', threads: int = 1) -> str:
    """Say what a benchmark ran on."""
    name = f'{cpu_name()}, {threads} thread(s)'
    if device.startswith('cuda'):
        name = torch.cuda.get_device_name(device)
    return f'{name}; torch {torch.__version__}, numpy {np.__version__}'


def cpu_name() -> str:
    """Return the processor's name, or else its architecture."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else f'{platform.machine()} CPU'


def medians(
    functions: Mapping[str, Callable[[], object]], repeats: int, device: str = 'cpu'
) -> dict[str, float]:
    """Time each function once per round, so that a busy machine slows all of them alike.

    Args:
        functions: By name.
        repeats: Rounds, after one that does not count.
        device: Waited for after each call if it is a GPU.

    Returns:
        The median of each one's seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if device.startswith('cuda'):
                torch.cuda.synchronize(device)
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print Markdown."""
    for line in (header, ['---'] * len(header), *rows):
        print('|', ' | '.join(line), '|', flush=True)

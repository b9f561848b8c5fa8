"""What the benchmarks share of the machine: its name, its threads, its memory."""

from __future__ import annotations

import argparse
import platform
import resource
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

NOT_MEASURED = 'not measured'


def add_machine_arguments(parser: argparse.ArgumentParser, repeats: int) -> None:
    """Add --device, --threads and --repeats with its default."""
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:1')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--repeats', type=int, default=repeats, help='of which the median counts')


def prepare(args: argparse.Namespace) -> None:
    """Set the number of threads and say what machine this is; end if it lacks the device."""
    if on_gpu(args.device) and not torch.cuda.is_available():
        raise SystemExit(f'{NOT_MEASURED}: torch finds no CUDA device')
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    print(describe_machine(args.device, args.threads))


def on_gpu(device: str | torch.device) -> bool:
    """Whether it has to be waited for."""
    return str(device).startswith('cuda')


def describe_machine(device: str = 'cpu', threads: int = 1) -> str:
    """Say what a benchmark ran on."""
    name = f'{cpu_name()}, {threads} thread(s)'
    if on_gpu(device):
        name = torch.cuda.get_device_name(device)
    return f'{name}; torch {torch.__version__}, numpy {np.__version__}'


def cpu_name() -> str:
    """Return the processor's name, or else its architecture."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else f'{platform.machine()} CPU'


def peak_memory(device: str) -> float:
    """Peak in MB: of this process, or of the GPU's allocator since its last reset."""
    if on_gpu(device):
        return torch.cuda.max_memory_allocated(device) / 1e6
    unit = 1 if sys.platform == 'darwin' else 1024  # bytes there, kB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a GPU, or torch's allocator for the CPU, says so."""
    return 'out of memory' in str(error) or "can't allocate memory" in str(error)

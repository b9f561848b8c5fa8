"""What the benchmarks share of time: functions in turn, medians, parts of a call, a table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from random import Random
from unittest import mock

import torch
from machine import on_gpu


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
        The median of each one's seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    order, random = list(functions), Random(0)
    for _ in range(repeats + 1):
        random.shuffle(order)
        for name in order:
            start = time.perf_counter()
            functions[name]()
            synchronize(device)
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def synchronize(device: str) -> None:
    """Wait for the GPU, if it is one."""
    if on_gpu(device):
        torch.cuda.synchronize(device)


class Clock:
    """Times functions that call one another, each without those inside it.

    Attributes:
        seconds: By part, since they were last cleared.
        patches: A context; when it ends nothing is timed any more.
    """

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
            synchronize(self.device)
            start = time.perf_counter()
            self.inside.append(0.0)
            result = function(*args, **kwargs)
            synchronize(self.device)
            total = time.perf_counter() - start
            self.seconds[part] = self.seconds.get(part, 0.0) + total - self.inside.pop()
            self.inside[-1] += total
            return result

        return call


def shares(seconds: Sequence[float], unit: float) -> list[str]:
    """The sum, in 1 / unit seconds, and each one's share of it."""
    total = sum(seconds)
    return [f'{total * unit:.1f}', *(f'{100 * part / total:.1f}%' for part in seconds)]


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print Markdown, each row as soon as it is there."""
    for line in chain((header, ['---'] * len(header)), rows):
        print('|', ' | '.join(line), '|', flush=True)

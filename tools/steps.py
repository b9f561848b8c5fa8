"""Commands side by side, each with a log and a place on one progress line."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# MMEngine's `Epoch(train)  [ 3][20/30]  ... eta: 0:01:20`.
_EPOCH = re.compile(
    r'Epoch\(\w+\)\s+(?:\[\s*(\d+)\])?\[\s*(\d+)/(\d+)\].*? eta: ((?:\d+ days?, )?[\d:]+)'
)
_SECONDS_A_LINE = 20.0  # between two lines where there is no terminal
# Where torch's launcher starts to say that a process failed: after what that process itself said.
_LAUNCHER = 'torch/distributed/elastic'
_SECONDS_TO_STOP = 45.0  # torch's launcher grants its processes 30 to end


class StepError(RuntimeError):
    """A command failed; the message says where its log is and how that ends."""


@dataclass
class Step:
    """A command.

    Attributes:
        title: For the progress line and, its blanks replaced, the log's name.
        command: What to run.
        outputs: Files that are there afterwards; if they are there already, nothing is run.
        epochs: How many MMEngine is to train, for the progress line.
    """

    title: str
    command: Sequence[object]
    outputs: Sequence[Path]
    epochs: int = 1
    progress: tuple[float, str] = field(default=(0.0, '?'), init=False)
    follower: threading.Thread | None = field(default=None, init=False)

    @property
    def is_done(self) -> bool:
        """Whether all outputs are there."""
        return bool(self.outputs) and not self.missing

    @property
    def missing(self) -> list[str]:
        """The outputs that are not there."""
        return [str(path) for path in self.outputs if not path.exists()]


def parse_progress(line: str, epochs: int = 1) -> tuple[float, str] | None:
    """Read how far a command is from a line of MMEngine's log.

    Args:
        line: What it wrote.
        epochs: How many epochs it is to train.

    Returns:
        The share that is done, in [0, 1], and the time left as written; None if the line tells
        nothing of either.

    >>> parse_progress('Epoch(train)  [ 3][ 6/30]  lr: 1.7e-04  eta: 0:01:20', epochs=10)
    (0.22, '0:01:20')
    """
    found = _EPOCH.search(line)
    if not found:
        return None
    epoch, done, of, left = found.groups()
    return (int(epoch or 1) - 1 + int(done) / int(of)) / (epochs if epoch else 1), left


def run_side_by_side(steps: Sequence[Step], logs: Path, env: dict[str, str]) -> None:
    """Run commands at the same time, those left out whose outputs are there.

    Raises:
        StepError: If one fails, or does not write its outputs; the others are then stopped.
    """
    logs.mkdir(parents=True, exist_ok=True)
    for step in steps:
        if step.is_done:
            print(f'{step.title}: there already')
    steps = [step for step in steps if not step.is_done]
    processes: list[subprocess.Popen] = []
    started = shown = time.monotonic()
    try:
        for step in steps:
            processes.append(_start(step, _log(step, logs), env))
        while any(process.poll() is None for process in processes):
            for step, process in zip(steps, processes, strict=True):
                if process.poll():
                    raise StepError(_failure(step, logs, process.returncode))
            if sys.stdout.isatty() or time.monotonic() - shown >= _SECONDS_A_LINE:
                shown = time.monotonic()
                _show(steps)
            time.sleep(0.5)
        for step, process in zip(steps, processes, strict=True):
            if process.returncode or step.missing:
                raise StepError(_failure(step, logs, process.returncode))
    finally:
        for step, process in zip(steps, processes, strict=False):
            stop(process)
            step.follower.join(5.0)
    if steps:
        print(f'{", ".join(step.title for step in steps)}: {time.monotonic() - started:.0f} s')


def stop(process: subprocess.Popen) -> None:
    """End a command and what it started; it leads a process group of its own."""
    for number, patience in ((signal.SIGINT, _SECONDS_TO_STOP), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=patience)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def command_environment(**changes: str) -> dict[str, str]:
    """Return the environment of the commands: this Python, a free port, one thread a process."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')])
    return os.environ | dict(PATH=path, PORT=str(port), OMP_NUM_THREADS='1') | changes


def last_lines(log_file: Path, count: int) -> list[str]:
    """Return how a log ends, without what torch's launcher adds after a failure."""
    lines = log_file.read_text(encoding='utf-8').splitlines()
    launcher = (index for index, line in enumerate(lines) if _LAUNCHER in line)
    return lines[: next(launcher, None) or len(lines)][-count:]


def _log(step: Step, logs: Path) -> Path:
    return logs / f'{step.title.replace(" ", "-")}.log'


def _start(step: Step, log_file: Path, env: dict[str, str]) -> subprocess.Popen:
    """Start a command, and a thread that writes its output to the log and follows its progress."""
    command = [str(word) for word in step.command]
    process = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding='utf-8',
        errors='replace',
        start_new_session=True,  # so that Ctrl-C comes here alone, and `stop` reaches all
    )

    def follow() -> None:
        with process.stdout, open(log_file, 'w', encoding='utf-8') as log:
            log.write(f'$ {shlex.join(command)}\n')
            for line in process.stdout:
                step.progress = parse_progress(line, step.epochs) or step.progress
                log.write(line)
                log.flush()

    step.follower = threading.Thread(target=follow, daemon=True)
    step.follower.start()
    return process


def _failure(step: Step, logs: Path, code: int | None) -> str:
    """Return what to say of a failed command."""
    if not code:
        return f'{step.title} did not write {", ".join(step.missing)}; see {_log(step, logs)}'
    step.follower.join(5.0)  # the log's last lines
    text = '\n'.join(f'    {line}' for line in last_lines(_log(step, logs), 30))
    return f'{text}\n{step.title}: exit status {code}; see {_log(step, logs)}'


def _show(steps: Sequence[Step]) -> None:
    """Print how far the commands are: one line that changes on a terminal, else a new one."""
    parts = (f'{s.title} {s.progress[0]:4.0%}, {s.progress[1]} left' for s in steps)
    before, after = ('\r\033[K', '\r') if sys.stdout.isatty() else ('', '\n')
    print(before + ' | '.join(parts), end=after, flush=True)

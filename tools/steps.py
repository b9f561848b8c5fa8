"""Commands side by side, each with a log and a place on one progress line."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

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


class Step(NamedTuple):
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

    @property
    def missing(self) -> list[str]:
        """The outputs that are not there."""
        return [str(path) for path in self.outputs if not path.exists()]

    def log(self, logs: Path) -> Path:
        """The file that takes what the command says, in a folder."""
        return logs / f'{self.title.replace(" ", "-")}.log'


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
    done = [step for step in steps if step.outputs and not step.missing]
    for step in done:
        print(f'{step.title}: there already')
    running: list[tuple[Step, subprocess.Popen]] = []
    started = shown = time.monotonic()
    try:
        running += ((step, _start(step, logs, env)) for step in steps if step not in done)
        while any(process.poll() is None for _, process in running):
            for step, process in running:
                if process.poll():
                    raise StepError(_failure(step, logs, process.returncode))
            if sys.stdout.isatty() or time.monotonic() - shown >= _SECONDS_A_LINE:
                shown = time.monotonic()
                _show([step for step, _ in running], logs)
            time.sleep(0.5)
        for step, process in running:
            if process.returncode or step.missing:
                raise StepError(_failure(step, logs, process.returncode))
    finally:
        for _, process in running:
            stop(process)
    if running:
        titles = ', '.join(step.title for step, _ in running)
        print(f'{titles}: {time.monotonic() - started:.0f} s')


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


def said(log_file: Path) -> list[str]:
    """Return a log's lines, without what torch's launcher adds after a failure."""
    lines = log_file.read_text(encoding='utf-8', errors='replace').splitlines()
    launcher = (index for index, line in enumerate(lines) if _LAUNCHER in line)
    return lines[: next(launcher, None) or len(lines)]


def _start(step: Step, logs: Path, env: dict[str, str]) -> subprocess.Popen:
    """Start a command, whose output goes to its log."""
    command = [str(word) for word in step.command]
    with open(step.log(logs), 'w', encoding='utf-8') as log:
        log.write(f'$ {shlex.join(command)}\n')
        log.flush()
        return subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C comes here alone, and `stop` reaches all
        )


def _failure(step: Step, logs: Path, code: int | None) -> str:
    """Return what to say of a failed command."""
    log = step.log(logs)
    if not code:
        return f'{step.title} did not write {", ".join(step.missing)}; see {log}'
    text = '\n'.join(f'    {line}' for line in said(log)[-30:])
    return f'{text}\n{step.title}: exit status {code}; see {log}'


def _show(steps: Sequence[Step], logs: Path) -> None:
    """Print how far the commands are: one line that changes on a terminal, else a new one."""
    parts = []
    for step in steps:
        _, *lines = said(step.log(logs))  # the first is the command
        found = (parse_progress(line, step.epochs) for line in reversed(lines))
        share, left = next(filter(None, found), (0.0, '?'))
        parts.append(f'{step.title} {share:4.0%}, {left} left')
    before, after = ('\r\033[K', '\r') if sys.stdout.isatty() else ('', '\n')
    print(before + ' | '.join(parts), end=after, flush=True)

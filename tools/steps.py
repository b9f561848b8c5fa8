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

from mhhn_landmarks.errors import InputError

# MMEngine's `Epoch(train)  [ 3][20/30]  ... eta: 0:01:20`.
_EPOCH = re.compile(r'Epoch\(train\) +\[ *(\d+)\]\[ *(\d+)/(\d+)\].*? eta: (\S+(?: days?, \S+)?)')
_SECONDS_A_LINE = 20.0  # of progress
# Where torch's launcher starts to say that a process failed: after what that process itself said.
_LAUNCHER = re.compile(r'^.*torch/distributed/elastic', re.MULTILINE)
_SECONDS_TO_STOP = 45.0  # torch's launcher grants its processes 30 to end


class StepError(InputError):
    """A command failed; the message says where its log is and how that ends."""


class Step(NamedTuple):
    """A training."""

    title: str  # for the progress line and, its blanks replaced, the log's name
    command: tuple[object, ...]
    output: Path  # file that is there afterwards; if it is there already, nothing is run
    epochs: int = 1

    def log(self, logs: Path) -> Path:
        """The file that takes what the command says, in a folder."""
        return logs / f'{self.title.replace(" ", "-")}.log'

    def progress(self, logs: Path) -> str:
        """Say how far it is, by the last line of MMEngine's that tells."""
        found = _EPOCH.findall(self.log(logs).read_text(errors='replace'))
        epoch, done, of, left = found[-1] if found else (1, 0, 1, '?')
        share = (int(epoch) - 1 + int(done) / int(of)) / self.epochs
        return f'{self.title} {share:4.0%}, {left} left'


def run_side_by_side(steps: Sequence[Step], logs: Path, env: dict[str, str]) -> None:
    """Run commands at the same time, those left out whose outputs are there.

    Raises:
        StepError: If one fails, or does not write its output; the others are then stopped.
    """
    logs.mkdir(parents=True, exist_ok=True)
    running: dict[Step, subprocess.Popen] = {}
    started = shown = time.monotonic()
    try:
        for step in steps:
            if step.output.exists():
                print(f'{step.title}: there already')
            else:
                running[step] = _start(step, logs, env)
        while any(process.poll() is None for process in running.values()):
            _check(running, logs)
            if time.monotonic() - shown >= _SECONDS_A_LINE:
                shown = time.monotonic()
                print(' | '.join(step.progress(logs) for step in running), flush=True)
            time.sleep(0.5)
        _check(running, logs)
    finally:
        for process in running.values():
            stop(process)
    if running:
        titles = ', '.join(step.title for step in running)
        print(f'{titles}: {time.monotonic() - started:.0f} s')


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


def _check(running: dict[Step, subprocess.Popen], logs: Path) -> None:
    """Raise a `StepError` if a command failed."""
    for step, process in running.items():
        code = process.poll()
        if code:
            said = _LAUNCHER.split(step.log(logs).read_text(errors='replace'))[0]
            text = '\n'.join(f'    {line}' for line in said.splitlines()[-30:])
            raise StepError(f'{text}\n{step.title}: exit status {code}; see {step.log(logs)}')
        if code == 0 and not step.output.exists():
            raise StepError(f'{step.title} did not write {step.output}; see {step.log(logs)}')


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

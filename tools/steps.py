"""Commands side by side, each with a log."""

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

# Where torch's launcher starts to say that a process failed: after what that process itself said.
_LAUNCHER = re.compile(r'^.*torch/distributed/elastic', re.MULTILINE)
_SECONDS_TO_STOP = 45.0  # torch's launcher grants its processes 30 to end


class Step(NamedTuple):
    """A command."""

    title: str
    command: tuple[object, ...]
    output: Path  # file that is there afterwards; if it is there already, nothing is run
    log: Path  # takes what the command says


def run_side_by_side(steps: Sequence[Step], env: dict[str, str]) -> None:
    """Run commands at the same time, those left out whose outputs are there.

    If one fails or writes no output, the others are stopped; the `InputError` ends as the log does.
    """
    processes: dict[Step, subprocess.Popen] = {}
    started = time.monotonic()
    try:
        for step in steps:
            if step.output.exists():
                print(f'{step.title}: there already')
            else:
                print(f'{step.title}: progress in {step.log}', flush=True)
                processes[step] = _start(step, env)
        running = dict(processes)
        while running:
            time.sleep(0.5)
            for step in [step for step, process in running.items() if process.poll() is not None]:
                _check(step, running.pop(step).returncode)
                print(f'{step.title}: {time.monotonic() - started:.0f} s', flush=True)
    finally:
        for process in processes.values():
            _stop(process)


def _start(step: Step, env: dict[str, str]) -> subprocess.Popen:
    """Start a command, whose output goes to its log."""
    command = [str(word) for word in step.command]
    step.log.parent.mkdir(parents=True, exist_ok=True)
    with open(step.log, 'w', encoding='utf-8') as log:
        log.write(f'$ {shlex.join(command)}\n')
        log.flush()
        return subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C comes here alone, and `_stop` reaches all
        )


def _check(step: Step, code: int) -> None:
    """Raise an `InputError` if a command failed."""
    if code:
        printed = _LAUNCHER.split(step.log.read_text(errors='replace'))[0]
        text = '\n'.join(f'    {line}' for line in printed.splitlines()[-30:])
        raise InputError(f'\n{text}\n{step.title}: exit status {code}; see {step.log}')
    if not step.output.exists():
        raise InputError(f'{step.title} did not write {step.output}; see {step.log}')


def _stop(process: subprocess.Popen) -> None:
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

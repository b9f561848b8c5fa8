"""Steps one after another, each with a log and a progress line, none of them done twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

# MMEngine's `Epoch(train)  [ 3][20/30]  ... eta: 0:01:20`, `Epoch(test)  [3/5] ...`; tqdm's
# ` 12%|#2  | 75/624 [00:08<01:00, 9.12face/s]`.
_EPOCH = re.compile(
    r'Epoch\(\w+\)\s+(?:\[\s*(\d+)\])?\[\s*(\d+)/(\d+)\].*? eta: ((?:\d+ days?, )?[\d:]+)'
)
_TQDM = re.compile(r'\d+%\|.*\| *(\d+)/(\d+) \[[\d:]+<([\d:?]+)')
_WIDTH = 24  # of the bar, in characters
_SECONDS_A_LINE = 20.0  # between two lines where there is no terminal
# Where torch's launcher starts to say that a process failed: after what that process itself said.
_LAUNCHER = 'torch/distributed/elastic'
_SECONDS_TO_STOP = 45.0  # torch's launcher grants its processes 30 to end


class StepError(RuntimeError):
    """A step failed; the message says where its log is and how that ends."""


def parse_progress(line: str, epochs: int = 1) -> tuple[float, str] | None:
    """Read how far a command is from a line of its output.

    Args:
        line: What it wrote.
        epochs: How many epochs MMEngine is to train.

    Returns:
        The share that is done, in [0, 1], and the time left as written; None if the line tells
        nothing of either.
    """
    if found := _EPOCH.search(line):
        epoch, done, of, left = found.groups()
        return (int(epoch or 1) - 1 + int(done) / int(of)) / (epochs if epoch else 1), left
    if found := _TQDM.search(line):
        done, of, left = found.groups()
        return int(done) / int(of), left
    return None


class ProgressLine:
    """One line that changes where there is a terminal, and a line now and then elsewhere."""

    def __init__(self, label: str, stream: TextIO | None = None):
        self.label = label
        self.stream = stream or sys.stdout
        self.started = self.shown = time.monotonic()
        self._write(f'{label} ...')

    def update(self, share: float, left: str) -> None:
        """Show the share that is done, in [0, 1], and the time left."""
        now = time.monotonic()
        if self.stream.isatty() or now - self.shown >= _SECONDS_A_LINE:
            self.shown = now
            bar = '#' * round(share * _WIDTH)
            self._write(f'{self.label}  [{bar:-<{_WIDTH}}] {share:4.0%}  {left} left')

    def close(self, outcome: str) -> None:
        """End the line with the outcome and the time it took."""
        self._write(f'{self.label}: {outcome}, {time.monotonic() - self.started:.0f} s', '\n')

    def _write(self, text: str, end: str = '') -> None:
        terminal = self.stream.isatty()
        self.stream.write(f'\r\033[K{text}{end}' if terminal else f'{text}\n')
        self.stream.flush()


class Steps:
    """Takes steps that have not been finished before for the same inputs.

    Args:
        folder: Where logs and records of what is done go.
        total: How many steps there will be.
        env: The commands' environment.
    """

    def __init__(self, folder: Path, total: int, env: Mapping[str, str] = os.environ):
        self.folder = folder
        self.total = total
        self.env = dict(env)
        self.number = 0
        folder.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        title: str,
        action: Sequence[object] | Callable[[], None],
        inputs: Sequence[Path],
        outputs: Sequence[Path],
        owns: Path | None = None,
        epochs: int = 1,
        state: str = '',
    ) -> None:
        """Take a step, unless all of ``outputs`` are there from the same command and inputs.

        One that was interrupted is taken again as it was, so that it can resume; where anything
        changed, ``owns`` is removed first.

        Args:
            title: For the progress line and, its blanks replaced, the log's name.
            action: A command, or a function whose printing goes to the log.
            inputs: Files whose content the outcome depends on.
            outputs: Files that are there afterwards.
            owns: The folder that belongs to this step, if one does.
            epochs: How many MMEngine is to train, for the progress line.
            state: Whatever else the outcome depends on.

        Raises:
            StepError: If the command fails, or does not write ``outputs``.
        """
        self.number += 1
        label = f'[{self.number}/{self.total}] {title}'
        command = [] if callable(action) else [str(word) for word in action]
        record = self.folder / f'{title.replace(" ", "-").replace(",", "")}.json'
        key = _fingerprint(command, inputs, state)
        before = json.loads(record.read_text()) if record.is_file() else {}
        if before == dict(key=key, done=True) and all(path.exists() for path in outputs):
            print(f'{label}: there already')
            return
        if owns and before != dict(key=key, done=False):
            shutil.rmtree(owns, ignore_errors=True)
        record.write_text(json.dumps(dict(key=key, done=False)))
        self._take(label, action if callable(action) else command, record, epochs)
        if missing := [str(path) for path in outputs if not path.exists()]:
            raise StepError(f'{title} did not write {", ".join(missing)}')
        record.write_text(json.dumps(dict(key=key, done=True)))

    def _take(
        self, label: str, action: list[str] | Callable[[], None], record: Path, epochs: int
    ) -> None:
        """Run a command or call a function, with a log beside the record."""
        line, log_file = ProgressLine(label), record.with_suffix('.log')
        try:
            with open(log_file, 'w', encoding='utf-8') as log:
                if callable(action):
                    with contextlib.redirect_stdout(log):
                        action()
                else:
                    self._execute(action, log, line, epochs)
        except subprocess.CalledProcessError as error:
            line.close('failed')
            text = '\n'.join(f'    {text}' for text in last_lines(log_file, 30))
            code = error.returncode
            raise StepError(f'{text}\n{label}: exit status {code}; see {log_file}') from None
        except BaseException:
            line.close('stopped')
            raise
        line.close('done')

    def _execute(self, command: list[str], log: TextIO, line: ProgressLine, epochs: int) -> None:
        """Run a command to its end, its output in the log and its progress on the line."""
        log.write(f'$ {shlex.join(command)}\n')
        process = subprocess.Popen(
            command,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding='utf-8',
            errors='replace',
            start_new_session=True,  # so that Ctrl-C comes here alone, and `stop` reaches all
        )
        try:
            for text in process.stdout:  # tqdm's carriage returns end a line here too
                progress = parse_progress(text, epochs)
                if progress:
                    line.update(*progress)
                if not _TQDM.search(text):
                    log.write(text)
                    log.flush()
            code = process.wait()
        except BaseException:
            stop(process)
            raise
        if code:
            raise subprocess.CalledProcessError(code, command)


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


def stop(process: subprocess.Popen) -> None:
    """End a command and what it started; it leads a process group of its own."""
    for number, patience in ((signal.SIGINT, _SECONDS_TO_STOP), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            continue


def _fingerprint(command: Sequence[str], inputs: Sequence[Path], state: str) -> str:
    """Return a hash of a command and the content of its inputs."""
    digest = hashlib.sha256(json.dumps([list(command), state]).encode())
    for path in sorted(inputs):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()

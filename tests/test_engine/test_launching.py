"""A process ends with its launcher, however that ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mhhn_mmpose.engine.launching import _is_running, full_disk_in_one_line

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='Linux only')

# A launcher, whose worker says when it is ready and then waits for ever.
WORKER = """
import os, sys, time
from mhhn_mmpose.engine.launching import end_with_launcher
end_with_launcher(*sys.argv[1:])
print(os.getpid(), flush=True)
time.sleep(1000)
"""
LAUNCHER = """
import subprocess, sys
subprocess.run([sys.executable, '-c', *sys.argv[1:]])
"""


def wait_until_gone(process):
    end = time.monotonic() + 20
    while _is_running(process) and time.monotonic() < end:
        time.sleep(0.02)
    return not _is_running(process)


@pytest.mark.parametrize(
    ('arguments', 'variables'),
    [([], {'TORCHELASTIC_RUN_ID': 'none'}), (['slurm'], {})],
    ids=['torchrun', 'slurm'],
)
def test_killed_launcher_takes_its_worker_along(arguments, variables):
    launchers = ('TORCHELASTIC_RUN_ID', 'LAUNCHER_PID')
    environment = {k: v for k, v in os.environ.items() if k not in launchers}
    launcher = subprocess.Popen(
        [sys.executable, '-c', LAUNCHER, WORKER, *arguments],
        stdout=subprocess.PIPE,
        env={**environment, **variables},
    )
    worker = int(launcher.stdout.readline())
    assert _is_running(worker)
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    assert wait_until_gone(worker)


def test_launcher_that_is_gone_already():
    gone = subprocess.Popen(['true'])
    gone.wait()
    environment = {**os.environ, 'TORCHELASTIC_RUN_ID': 'none', 'LAUNCHER_PID': str(gone.pid)}
    worker = subprocess.run(
        [sys.executable, '-c', WORKER], capture_output=True, text=True, env=environment, timeout=120
    )
    assert worker.returncode == 1
    assert worker.stderr.endswith(f'the launcher (process {gone.pid}) is gone\n')


def test_denormals_are_flushed_in_every_thread_without_a_warning():
    code = """
import warnings, numpy, torch
from mhhn_mmpose.engine.launching import flush_denormals
warnings.simplefilter('error')
torch.set_num_threads(1)  # no other thread is there before
small = torch.full((1_000_000,), 1e-30)
assert (small * 1e-10).count_nonzero() == len(small), 'nothing to flush'
flush_denormals()
torch.set_num_threads(2)
assert (small * 1e-10).count_nonzero() == 0
numpy.finfo(numpy.float32), numpy.finfo(numpy.float64)
"""
    subprocess.run([sys.executable, '-c', code], check=True, timeout=120)


def test_zombie_is_not_running():
    killed = subprocess.Popen(['sleep', '100'])
    assert _is_running(killed.pid)
    killed.kill()
    assert wait_until_gone(killed.pid)
    killed.wait()


def test_only_a_full_disk_ends_in_one_line(tmp_path):
    with pytest.raises(FileNotFoundError), full_disk_in_one_line(tmp_path):
        open(tmp_path / 'none')
    with (
        pytest.raises(SystemExit, match='No space left on device'),
        full_disk_in_one_line(tmp_path),
        open('/dev/full', 'w') as file,
    ):
        file.write('x')

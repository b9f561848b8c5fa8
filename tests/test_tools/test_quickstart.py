"""tools/quickstart.py from end to end, and the commands that it runs side by side."""

import os
import signal
import time
from pathlib import Path

import cv2
import pytest
from conftest import ROOT, run_tool
from steps import Step, run_side_by_side

from mhhn_landmarks.errors import InputError


def run(tmp_path, *scripts):
    """Run bash scripts; each step, its log and its output are named by the script's number."""
    steps = [
        Step(f'step {i}', ('bash', '-c', script), tmp_path / str(i), tmp_path / 'logs' / f'{i}.log')
        for i, script in enumerate(scripts)
    ]
    run_side_by_side(steps, dict(os.environ, HERE=str(tmp_path)))


def test_commands_run_at_the_same_time_and_once(tmp_path, capsys):
    # Each waits for what the other writes.
    scripts = [
        f'echo hello; echo x >> $HERE/{ours}; until [ -e $HERE/{theirs} ]; do sleep 0.1; done'
        for ours, theirs in ((0, 1), (1, 0))
    ]
    run(tmp_path, *scripts)
    assert capsys.readouterr().out.count(' s\n') == 2
    assert (tmp_path / 'logs' / '0.log').read_text().endswith('hello\n')
    run(tmp_path, *scripts)
    assert capsys.readouterr().out == 'step 0: there already\nstep 1: there already\n'
    (tmp_path / '0').unlink()
    with pytest.raises(InputError, match='step 0 did not write .*/0'):
        run(tmp_path, 'true')


def test_a_failure_stops_the_others_and_shows_how_the_log_ends(tmp_path):
    # The log's first line is the command: the launcher's mark must not be in it.
    script = 'for i in {1..50}; do echo $i; done; d=distributed; echo torch/$d/elastic: x; exit 4'
    wait = 'until [ -s $HERE/pid ]; do sleep 0.1; done;'
    with pytest.raises(InputError) as error:
        run(tmp_path, wait + script, 'sleep 300 & echo $! > $HERE/pid; wait')
    _, *lines, last = str(error.value).splitlines()
    assert [line.strip() for line in lines] == [str(i) for i in range(21, 51)]
    assert last == f'step 0: exit status 4; see {tmp_path / "logs" / "0.log"}'
    state = Path(f'/proc/{int((tmp_path / "pid").read_text())}/stat')
    for _ in range(50):
        if not state.exists() or ') Z ' in state.read_text():
            return
        time.sleep(0.1)
    raise AssertionError('what the other command started is still there')


@pytest.fixture
def quickstart(monkeypatch, capfd, uncovered_processes):
    """Calls the script in this process: (exit status, stdout, stderr)."""
    monkeypatch.setattr(signal, 'signal', lambda *_: None)
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))

    def call(*arguments):
        capfd.readouterr()
        status = run_tool(monkeypatch, 'quickstart.py', *arguments)
        return status, *capfd.readouterr()

    return call


def test_from_end_to_end(quickstart, tmp_path):
    out = tmp_path / 'out'
    arguments = ('--faces', 24, '--epochs', 1, '--out', out)
    status, said, error = quickstart(*arguments)
    assert status == 0, said + error
    results = (out / 'results.md').read_text()
    assert 'Generated faces: 24 to train, 6 to test.' in results
    table = results.split('inter-pupil')[0].splitlines()
    rows = [line.split('|')[1].strip() for line in table if line.startswith('| ')]
    assert rows[2:] == ['HGs, argmax', 'HGs, SDT', 'MHHN, argmax', 'MHHN, SDT']
    assert results in said
    for name in ('ced', 'faces', 'heatmaps'):
        assert cv2.imread(str(out / f'{name}.png')).std() > 10
        assert f'({name}.png)' in results
    assert 'mmengine' not in said

    checkpoints = {path: path.stat().st_mtime_ns for path in out.glob('*/epoch_1.pth')}
    assert len(checkpoints) == 2
    (out / 'results.md').unlink()  # the comparison alone is made again
    status, said, error = quickstart(*arguments)
    assert status == 0 and said.count('there already') == 2, said + error
    assert (out / 'results.md').read_text() == results
    assert checkpoints == {path: path.stat().st_mtime_ns for path in checkpoints}
    status, _, _ = quickstart(*arguments[2:])
    assert status == f'quickstart: {out} was made with other faces, options or configs; remove it'
    status, _, error = quickstart('--data', tmp_path / 'nothing')
    assert status == 2 and 'nothing is no folder' in error
    status, _, error = quickstart('--out', tmp_path / 'with blank')
    assert status == 2 and "--out must not contain ' '" in error

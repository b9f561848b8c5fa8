"""tools/quickstart.py from end to end, and the commands that it runs side by side."""

import os
import signal
import time
from pathlib import Path

import cv2
import pytest
import steps as module
from analysis.compare import choose_faces
from conftest import ROOT, run_tool
from steps import Step, StepError, run_side_by_side

TRAIN = (
    '11/22 19:22:28 - mmengine - INFO - Epoch(train)  [ 3][ 6/30]  lr: 1.75e-04  '
    'eta: {eta}  time: 1.473880  data_time: 0.246181  loss: 6.851963'
)


def bash(title, script, output=Path('nowhere')):
    return Step(title, ('bash', '-c', script), output)


def run(tmp_path, *steps):
    run_side_by_side(steps, tmp_path / 'logs', dict(os.environ))


def test_commands_run_at_the_same_time_and_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(module, '_SECONDS_A_LINE', 0.0)
    # Each waits for what the other writes.
    ours, theirs = tmp_path / 'a', tmp_path / 'b'
    said = TRAIN.format(eta='0:01:20')
    wait = 'until [ -e {} ]; do sleep 0.1; done; sleep 1'
    steps = [
        bash('a b', f'echo "{said}"; echo x >> {ours}; {wait.format(theirs)}', ours),
        bash('c', f'touch {theirs}; {wait.format(ours)}', theirs),
    ]
    run(tmp_path, *steps)
    shown = capsys.readouterr().out
    assert 'a b 220%, 0:01:20 left | c   0%, ? left' in shown and 'a b, c: ' in shown
    assert said in (tmp_path / 'logs' / 'a-b.log').read_text()
    run(tmp_path, *steps)
    assert capsys.readouterr().out == 'a b: there already\nc: there already\n'
    assert ours.read_text() == 'x\n'


def test_a_failure_stops_the_others_and_shows_how_the_log_ends(tmp_path):
    # The log's first line is the command: the launcher's mark must not be in it.
    script = 'for i in {1..50}; do echo $i; done; d=distributed; echo torch/$d/elastic: x; exit 4'
    child = tmp_path / 'pid'
    wait = f'until [ -s {child} ]; do sleep 0.1; done;'
    with pytest.raises(StepError) as error:
        run(
            tmp_path,
            bash('train HGs', wait + script),
            bash('wait', f'sleep 300 & echo $! > {child}; wait'),
        )
    *lines, last = str(error.value).splitlines()
    assert [line.strip() for line in lines] == [str(i) for i in range(21, 51)]
    assert last == f'train HGs: exit status 4; see {tmp_path / "logs" / "train-HGs.log"}'
    state = Path(f'/proc/{int(child.read_text())}/stat')
    for _ in range(50):
        if not state.exists() or ') Z ' in state.read_text():
            return
        time.sleep(0.1)
    raise AssertionError('what the other command started is still there')


def test_a_command_that_does_not_write_its_output(tmp_path):
    with pytest.raises(StepError, match='a step did not write .*out'):
        run(tmp_path, bash('a step', 'true', tmp_path / 'out'))


def test_faces_are_chosen_by_rank():
    errors = {face: 100 - face for face in range(12)}
    assert choose_faces(errors, 3) == [9, 5, 1]
    assert choose_faces({4: 3.0, 5: 1.0}, 6) == [5, 4]


@pytest.fixture
def quickstart(monkeypatch, capfd, uncovered_processes):
    """Calls the script in this process: (exit status, stdout, stderr)."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))

    def call(*arguments):
        capfd.readouterr()
        status = run_tool(monkeypatch, 'quickstart.py', *arguments)
        return status, *capfd.readouterr()

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_from_end_to_end(quickstart, tmp_path):
    out = tmp_path / 'out'
    arguments = ('--faces', 24, '--epochs', 1, '--out', out)
    status, said, error = quickstart(*arguments)
    assert status == 0, said + error
    results = (out / 'results.md').read_text()
    assert 'Train: 24 faces: afw (3), helen/trainset (15), lfpw/trainset (6).' in results
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
    assert status == 0 and said.count('there already') == 3, said + error
    assert (out / 'results.md').read_text() == results
    assert checkpoints == {path: path.stat().st_mtime_ns for path in checkpoints}


def test_refuses(quickstart, tmp_path):
    status, _, error = quickstart('--data', tmp_path / 'nothing')
    assert status == 2 and 'nothing is no folder' in error
    status, _, error = quickstart('--out', tmp_path / 'with blank')
    assert status == 2 and "--out must not contain ' '" in error

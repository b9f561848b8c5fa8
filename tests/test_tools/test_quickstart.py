"""tools/quickstart.py from end to end."""

import signal
import time
from types import SimpleNamespace

import cv2
import pytest
from conftest import ROOT, run_tool
from quickstart import train

from mhhn_landmarks.errors import InputError


def test_a_failure_stops_the_others(tmp_path):
    failing = 'echo hello; d=distributed; echo [0] torch/$d/elastic/x; exit 4'
    scripts, start = dict(HGs=failing, MHHN='exec sleep 300'), time.monotonic()
    runs = {
        name: SimpleNamespace(
            train_command=['bash', '-c', script], folder=tmp_path, checkpoint=tmp_path / 'none'
        )
        for name, script in scripts.items()
    }
    with pytest.raises(InputError, match='^\nhello\ntrain HGs: exit status 4; see .*/hgs.log$'):
        train(runs, tmp_path)
    assert time.monotonic() - start < 100


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
    assert status == 0, said + error
    assert (out / 'results.md').read_text() == results
    assert checkpoints == {path: path.stat().st_mtime_ns for path in checkpoints}
    status, _, _ = quickstart(*arguments, '--epochs', 2)
    assert status.startswith(f'quickstart: {out}/hgs was made with other options')
    status, _, error = quickstart('--data', tmp_path / 'nothing')
    assert status == 2 and 'nothing is no folder' in error
    status, _, error = quickstart('--out', tmp_path / 'with blank')
    assert status == 2 and "--out must not contain ' '" in error

"""The scripts in tools/analysis, as a user calls them."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mhhn_mmpose.evaluation import FaceAlignmentMetric

ROOT = Path(__file__).parents[2]
STEM = 'td-hm_hgs_8xb4-200e_300w-256x256'
ANALYSIS = ROOT / 'tools' / 'analysis'


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs a script in this process, which saves its imports: (exit status, stdout, stderr)."""

    def run(script, *arguments):
        monkeypatch.setattr(sys, 'argv', [script, *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ANALYSIS / script), run_name='__main__')
        return end.value.code, *capsys.readouterr()

    return run


def run_table(*arguments):
    """Runs the script as a process: it changes folder and signals."""
    command = [sys.executable, '-W', 'ignore', ANALYSIS / 'run_table.py', *arguments]
    environment = os.environ | dict(PYTHONPATH=str(ROOT))
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environment
    )


@pytest.fixture
def runs(tmp_path) -> Path:
    """A folder with two tested runs of five faces, three of them of the subset challenge."""
    rng = np.random.default_rng(7)
    for name in ('hgs', 'mhhn'):
        folder = tmp_path / 'runs' / name
        metric = FaceAlignmentMetric(
            ['inter_ocular', 'inter_pupil'], errors_file=str(folder / 'errors.json')
        )
        metric.dataset_meta = dict(dataset_name='300w')
        for number in range(1, 6):
            points = rng.uniform(20, 200, (1, 68, 2))
            points[0, 45] = points[0, 36] + [30.0, 40.0]
            truth = dict(keypoints=points, keypoints_visible=np.ones((1, 68)))
            predicted = dict(keypoints=points + rng.normal(0, 1, points.shape))
            subset = 'challenge' if number > 2 else 'common'
            face = dict(id=number, img_path='a.jpg', raw_ann_info=dict(subsets=[subset]))
            metric.process(None, [face | dict(gt_instances=truth, pred_instances=predicted)])
        scores = metric.evaluate(5)
        (folder / 'metrics.json').write_text(json.dumps(scores))
        (folder / f'{STEM}.py').write_text(f'# {name}\n')
    return tmp_path / 'runs'


def test_report(call, runs, tmp_path):
    out = tmp_path / 'new' / 'report.md'
    code, text, _ = call('report.py', runs, '--out', out, '--table', '300w')
    assert code == 0 and out.read_text() == text
    nme = json.loads((runs / 'mhhn' / 'metrics.json').read_text())['challenge/inter_pupil/NME']
    assert f' {nme:.2f} (' in text
    assert text.count('not the official 689 full test faces but 5') == 2
    assert text.count(', NOT COMPARABLE') == 4


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nowhere'], 'report: nowhere: no such folder'),
        (['runs/empty'], 'report: runs/empty: no run in it, neither metrics.json nor'),
        (['runs', '--out', 'runs'], 'Is a directory'),
    ],
)
def test_report_refuses_in_one_line(call, runs, monkeypatch, arguments, message):
    monkeypatch.chdir(runs.parent)
    (runs / 'empty').mkdir()
    code, text, error = call('report.py', *arguments)
    assert (code, text, error.count('\n')) == (1, '', 1)
    assert message in error


def test_plot_ced(call, runs, tmp_path):
    out = tmp_path / 'ced.png'
    arguments = ['--out', out, '--normalizer', 'inter_pupil', '--subset', 'challenge']
    code, text, _ = call('plot_ced.py', runs / 'hgs', f'MHHN={runs}/mhhn/errors.json', *arguments)
    assert (code, text) == (0, f'{out}: challenge, inter_pupil, faces: hgs 3, MHHN 3\n')
    assert cv2.imread(str(out)).std() > 10
    code, text, _ = call('plot_ced.py', runs / 'hgs', '--out', out)
    assert text == f'{out}: full, inter_ocular, faces: hgs 5\n'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['runs'], 'runs/errors.json: no such file; tools/test.py writes errors.json'),
        (['runs/hgs', 'hgs=runs/mhhn'], "a second run called 'hgs'; say NAME=runs/mhhn"),
        (['runs/hgs/metrics.json'], 'not what FaceAlignmentMetric writes to its errors_file'),
        ([f'runs/hgs/{STEM}.py'], 'cannot be read (Expecting value'),
        (['runs/hgs', '--normalizer', 'box'], "has no normaliser 'box', only inter_ocular,"),
        (['runs/hgs', '--subset', 'pose'], "has no subset 'pose', only challenge, common"),
        (['runs/hgs', '--threshold', '0'], 'threshold is in percent, above 0'),
        (['runs/hgs', '--out', 'a.nothing'], "Format 'nothing' is not supported"),
    ],
)
def test_plot_ced_refuses_in_one_line(call, runs, monkeypatch, arguments, message):
    monkeypatch.chdir(runs.parent)
    out = [] if '--out' in arguments else ['--out', 'ced.png']
    code, text, error = call('plot_ced.py', *arguments, *out)
    assert (code, text, error.count('\n')) == (1, '', 1)
    assert message in error
    assert not list(runs.parent.glob('*.*'))


def test_run_table_dry_run(tmp_path):
    out, data = tmp_path / 'out', tmp_path / 'nothing'
    arguments = ['--tiny', '--rows', 'mhhn', '--work-dir', out, '--data-root', f'300w={data}']
    run = run_table('300w', '--dry-run', *arguments)
    assert run.returncode == 0, run.stderr
    train, test, missing = run.stdout.splitlines()
    name = 'td-hm_mhhn-tiny_2xb8-30e_300w-128x128'
    assert train == (
        f'tools/dist_train.sh {out}/configs/{name}.py 2 --work-dir {out}/{name} --resume'
    )
    assert test.startswith(f'tools/dist_test.sh {out}/configs/{name}.py {out}/{name}/epoch_30.pth')
    assert missing.startswith(f'not ready: mhhn-tiny 300w: no {data}/annotations/face_landmarks')
    run = run_table('300w', *arguments)
    assert (run.returncode, run.stdout) == (1, '')
    assert run.stderr.splitlines()[-1].startswith('run_table: mhhn-tiny 300w: no ')
    assert not out.exists()


def test_run_table_refuses():
    run = run_table('300w', '--data-root', 'lfw=here')
    assert run.returncode == 2 and "'lfw=here' is not one of 300w|cofw" in run.stderr

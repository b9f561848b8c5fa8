"""A training of two processes that is killed and resumed ends as one that was left alone.

So the same seed gives the same weights, bit by bit.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from analysis.run_table import command_environment
from conftest import ROOT, SMALL, cfg_options

from mhhn_mmpose.apis.model_loading import load_checkpoint

CONFIG = ROOT / 'configs/300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py'


def start(data, work_dir) -> subprocess.Popen:
    """Train a small MHHN for two epochs; 12 faces do not divide by two processes of 5."""
    options = {**SMALL, 'model.backbone.depth': 2, 'train_dataloader.batch_size': 5}
    options |= {'train_cfg.max_epochs': 2, 'train_cfg.val_interval': 1}
    options |= {'train_dataloader.num_workers': 2, 'default_hooks.checkpoint.interval': 1}
    words = ['--work-dir', work_dir, '--resume', *cfg_options(data, **options)]
    with open(f'{work_dir}.log', 'ab') as log:
        return subprocess.Popen(
            [ROOT / 'tools/dist_train.sh', CONFIG, '2', *words],
            stdout=log, stderr=log, env=command_environment(),
        )  # fmt: skip


def end_of(work_dir) -> tuple[dict, set]:
    """Return the last checkpoint, and each validation's scores without the times."""
    scores = set()
    for file in work_dir.glob('*/vis_data/scalars.json'):
        rows = [json.loads(line) for line in file.read_text().splitlines() if line.endswith('}')]
        rows = [row for row in rows if 'full/inter_ocular/NME' in row]
        scores |= {tuple(sorted((k, v) for k, v in r.items() if 'time' not in k)) for r in rows}
    return load_checkpoint(work_dir / 'epoch_2.pth'), scores


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='looks for processes in /proc')
def test_killed_run_ends_as_one_left_alone(generated_300w, tmp_path, uncovered_processes):
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    assert start(generated_300w, whole).wait() == 0, Path(f'{whole}.log').read_text()
    launcher = start(generated_300w, cut)
    while launcher.poll() is None and not (cut / 'epoch_1.pth').is_file():
        time.sleep(0.02)
    assert launcher.poll() is None, Path(f'{cut}.log').read_text()
    children = Path(f'/proc/{launcher.pid}/task/{launcher.pid}/children').read_text().split()
    launcher.kill()
    launcher.wait()
    end = time.monotonic() + 60
    while any(Path(f'/proc/{child}').exists() for child in children):
        assert len(children) == 2 and time.monotonic() < end
        time.sleep(0.1)
    assert start(generated_300w, cut).wait() == 0, Path(f'{cut}.log').read_text()
    assert 'resumed epoch: 1' in Path(f'{cut}.log').read_text()
    (expected, scores), (found, found_scores) = end_of(whole), end_of(cut)
    assert len(scores) == 2 and found_scores == scores
    torch.testing.assert_close(found['state_dict'], expected['state_dict'], rtol=0, atol=0)
    for name, state in expected['optimizer']['state'].items():
        torch.testing.assert_close(found['optimizer']['state'][name], state, rtol=0, atol=0)

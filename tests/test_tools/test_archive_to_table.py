"""The way of every dataset: a miniature original, converted, trained on, tested, reported."""

import argparse
import json

import pytest
from analysis import run_table
from analysis.paper_tables import TABLES
from analysis.report import find_runs, write_report
from conftest import NUM_TEST, NUM_TRAIN, SMALL, cfg_options, convert_generated, run_tool

# What it is tested on, and subsets that its scores have.
DATASETS = {
    '300w': ('face_landmarks_300w_valid', {'common', 'challenge'}),
    'cofw': ('cofw_test', {'visible_landmarks', 'occluded_landmarks'}),
    'aflw': ('face_landmarks_aflw_test', {'visible_landmarks', 'occluded_landmarks'}),
    'wflw': ('face_landmarks_wflw_test', {'pose', 'blur'}),
}


@pytest.mark.parametrize('dataset', DATASETS)
def test_archive_to_table(dataset, tmp_path, monkeypatch):
    """HGs+HSR, one step."""
    annotations, subsets = DATASETS[dataset]
    small = {'train_cfg.max_epochs': 1, 'model.backbone.num_stacks': 1, 'model.head.num_stages': 1}
    small |= {'train_dataloader.batch_size': NUM_TRAIN, **SMALL}
    _, *words = cfg_options(convert_generated(dataset, tmp_path), annotations, **small)
    options, runs = dict(word.split('=', 1) for word in words), tmp_path / 'runs'
    args = dict(rows=['hgs-hsr'], processes=1, cfg_options=options, work_dir=runs)
    (run,) = run_table.plan(dataset, argparse.Namespace(**args))
    _, config, _, *words = run.train_command
    assert not run_tool(monkeypatch, 'train.py', config, *words)
    _, config, checkpoint, _, *words = run.test_command
    assert not run_tool(monkeypatch, 'test.py', config, checkpoint, *words)
    scores = json.loads((run.folder / 'metrics.json').read_text())
    nme = scores[f'full/{TABLES[dataset].normalizer}/NME']
    assert nme > 0 and subsets <= {key.split('/')[0] for key in scores}
    text = write_report(find_runs([runs]), [dataset])
    rows = [line for line in text.splitlines() if line.startswith('| HGs+HSR') and 'TINY' in line]
    assert f'{nme:.2f}' in rows[0]
    assert len(json.loads((run.folder / 'errors.json').read_text())['images']) == NUM_TEST

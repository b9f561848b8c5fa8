"""The way of every dataset: a miniature original, converted, trained on, tested, reported."""

import argparse
import json
from pathlib import Path

import pytest
from analysis import run_table
from analysis.paper_tables import TABLES
from analysis.report import write_report
from analysis.runs import find_runs
from conftest import NUM_TEST, NUM_TRAIN, convert_generated, run_tool

LOADERS = ('train', 'val', 'test')
WORKERS = {'num_workers': 0, 'persistent_workers': False}
ONE_STEP = {f'{kind}_dataloader.{key}': v for kind in LOADERS for key, v in WORKERS.items()} | {
    'train_dataloader.batch_size': NUM_TRAIN,
    'train_cfg.max_epochs': 1,
    'train_cfg.val_interval': 1,
    'model.backbone.num_stacks': 1,
    'model.backbone.feat_channels': 16,
    'model.head.num_stages': 1,
    'model.head.in_channels': 16,
}
SUBSETS = {
    '300w': {'common', 'challenge'},
    'cofw': {'visible_landmarks', 'occluded_landmarks'},
    'aflw': {'visible_landmarks', 'occluded_landmarks'},
    'wflw': {'pose', 'blur'},
}


def execute(monkeypatch, job, trained=None):
    """Train a table's row for one step and test it; or test it with another's weights."""
    job.file.parent.mkdir(parents=True, exist_ok=True)
    job.file.write_text(job.text)
    if trained is None:
        assert not run_tool(monkeypatch, 'train.py', job.file, '--work-dir', job.folder)
        trained = job.folder / 'epoch_1.pth'
    assert not run_tool(monkeypatch, 'test.py', job.file, trained, '--work-dir', job.folder)
    return trained, json.loads((job.folder / 'metrics.json').read_text())


def jobs_of(table: str, roots: dict, folder: Path) -> list:
    options = dict(rows=['hgs-hsr'], tiny=False, processes=1, cfg_options=ONE_STEP)
    args = argparse.Namespace(data_root=roots, work_dir=folder / 'runs', **options)
    return run_table.plan(table, args)


@pytest.mark.parametrize('dataset', SUBSETS)
def test_archive_to_table(dataset, tmp_path, monkeypatch):
    root = convert_generated(dataset, tmp_path)
    (job,) = jobs_of(dataset, {dataset: root}, tmp_path)
    _, scores = execute(monkeypatch, job)
    normalizer = TABLES[dataset].normalizer
    assert scores[f'full/{normalizer}/NME'] > 0
    scored = {key.split('/')[0] for key in scores}
    assert SUBSETS[dataset] <= scored

    text = write_report(find_runs([tmp_path / 'runs']), [dataset])
    row = next(
        line for line in text.splitlines() if line.startswith('| HGs+HSR') and 'TINY' in line
    )
    assert f'{scores[f"full/{normalizer}/NME"]:.2f}' in row
    assert len(json.loads((job.folder / 'errors.json').read_text())['images']) == NUM_TEST


def test_cofw68_is_tested_with_a_300w_model(tmp_path, monkeypatch):
    roots = {name: convert_generated(name, tmp_path) for name in ('300w', 'cofw')}
    (job,) = jobs_of('cofw68', roots, tmp_path)
    checkpoint, _ = execute(monkeypatch, job.weights)
    _, scores = execute(monkeypatch, job, checkpoint)
    assert {key for key in scores if key.endswith('NME')} >= {
        f'{group}/{name}/NME'
        for group in ('full', 'visible_landmarks', 'occluded_landmarks')
        for name in ('landmark_box', 'inter_ocular')
    }
    text = write_report(find_runs([tmp_path / 'runs']), ['cofw68'])
    assert f'{scores["full/landmark_box/NME"]:.2f}' in text

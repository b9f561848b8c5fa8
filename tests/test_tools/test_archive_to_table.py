"""The way of every dataset: a miniature original, converted, trained on, tested, reported."""

import argparse
import json

import pytest
from analysis import run_table
from analysis.paper_tables import TABLES
from analysis.report import write_report
from analysis.runs import find_runs
from conftest import NUM_TEST, NUM_TRAIN, convert_generated, run_tool

SMALL = {
    'train_cfg.max_epochs': 1,
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


FILES = {
    '300w': '*valid.json', 'cofw': 'cofw_test.json', 'wflw': '*test.json',
    'aflw': '*test.json', 'cofw68': 'cofw68_test.json',
}  # fmt: skip


def job_of(table, roots, folder) -> run_table.Job:
    """Plan HGs+HSR for one step; `roots` are of training and test data."""
    options = dict(SMALL)
    for kind, root in zip(('train', 'val', 'test'), roots, strict=True):
        options[f'{kind}_dataloader.dataset.data_root'] = f'{root}/'
        options[f'{kind}_dataloader.num_workers'] = 0
        options[f'{kind}_dataloader.persistent_workers'] = False
    validated = '300w' if table == 'cofw68' else table
    for kind, root, name in (('val', roots[1], validated), ('test', roots[2], table)):
        (file,) = root.glob(f'annotations/{FILES[name]}')
        options[f'{kind}_evaluator.ann_file'] = str(file)
    options['train_dataloader.batch_size'] = NUM_TRAIN
    args = argparse.Namespace(
        rows=['hgs-hsr'], tiny=False, processes=1, cfg_options=options, work_dir=folder / 'runs'
    )
    (job,) = run_table.plan(table, args)
    return job


def execute(monkeypatch, job):
    """Run the commands of a job in this process; return the scores."""
    if job.weights is None:
        _, config, _, *words = job.train_command
        assert not run_tool(monkeypatch, 'train.py', config, *words)
    _, config, checkpoint, _, *words = job.test_command
    assert not run_tool(monkeypatch, 'test.py', config, checkpoint, *words)
    return json.loads((job.folder / 'metrics.json').read_text())


@pytest.mark.parametrize('dataset', SUBSETS)
def test_archive_to_table(dataset, tmp_path, monkeypatch):
    root = convert_generated(dataset, tmp_path)
    job = job_of(dataset, [root] * 3, tmp_path)
    scores = execute(monkeypatch, job)
    nme = scores[f'full/{TABLES[dataset].normalizer}/NME']
    assert nme > 0 and SUBSETS[dataset] <= {key.split('/')[0] for key in scores}
    text = write_report(find_runs([tmp_path / 'runs']), [dataset])
    rows = [line for line in text.splitlines() if line.startswith('| HGs+HSR') and 'TINY' in line]
    assert f'{nme:.2f}' in rows[0]
    assert len(json.loads((job.folder / 'errors.json').read_text())['images']) == NUM_TEST


def test_cofw68_is_tested_with_a_300w_model(tmp_path, monkeypatch):
    faces, occluded = (convert_generated(name, tmp_path) for name in ('300w', 'cofw'))
    job = job_of('cofw68', [faces, faces, occluded], tmp_path)
    trained = job_of('300w', [faces] * 3, tmp_path)
    assert trained.folder == job.weights.folder
    execute(monkeypatch, trained)
    scores = execute(monkeypatch, job)
    assert {key for key in scores if key.endswith('NME')} >= {
        f'{group}/{name}/NME'
        for group in ('full', 'visible_landmarks', 'occluded_landmarks')
        for name in ('landmark_box', 'inter_ocular')
    }
    text = write_report(find_runs([tmp_path / 'runs']), ['cofw68'])
    assert f'{scores["full/landmark_box/NME"]:.2f}' in text

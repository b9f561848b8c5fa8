"""The same metrics, to the last digit, whatever the number of processes."""

import json
import os
import socket

import conftest
import pytest
import torch
import torch.multiprocessing as mp
from conftest import ROOT, cfg_options, run_tool
from mmengine.config import Config

from mhhn_mmpose.apis.loading import load_model

CONFIG = ROOT / 'configs/300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py'
SMALL = {**conftest.SMALL, 'model.backbone.depth': 2}


def free_port():
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Weights as drawn at the start: errors are large, and different for every face."""
    cfg = Config.fromfile(str(CONFIG))
    cfg.merge_from_dict(SMALL)
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp('weights') / 'a.pth'
    torch.save(dict(state_dict=load_model(cfg).state_dict()), file)
    return file


# What each launcher tells its processes.
NAMES = {
    'pytorch': ('RANK', 'LOCAL_RANK', 'WORLD_SIZE'),
    'slurm': ('SLURM_PROCID', 'SLURM_LOCALID', 'SLURM_NTASKS'),
}


def _test_on(rank, launcher, world_size, port, folder, arguments):
    torch.set_num_threads(1)
    os.environ.update(zip(NAMES[launcher], map(str, (rank, rank, world_size)), strict=True))
    os.environ.update(SLURM_NODELIST='here', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    os.chdir(folder)  # MMEngine collects results through a folder here
    with pytest.MonkeyPatch.context() as patch:
        assert not run_tool(patch, 'test.py', *arguments)


def arguments_for(checkpoint, data, faces):
    options = {'test_dataloader.dataset.indices': faces, 'test_dataloader.batch_size': 2}
    return [CONFIG, checkpoint, *cfg_options(data, **SMALL, **options)]


@pytest.mark.skipif(
    'fork' not in mp.get_all_start_methods(), reason='needs fork, this system has only spawn'
)
@pytest.mark.parametrize(
    ('faces', 'runs'),
    [(7, [('pytorch', 2), ('slurm', 2)]), (2, [('pytorch', 3)])],  # more processes than faces
)
def test_same_digits(checkpoint, generated_300w, tmp_path, monkeypatch, faces, runs):
    monkeypatch.chdir(tmp_path)
    common = arguments_for(checkpoint, generated_300w, faces)
    scores, errors = [], []
    runs = [('none', 1), *runs]
    for launcher, processes in runs:
        work_dir = tmp_path / f'{launcher}_{processes}'
        arguments = [*common, '--work-dir', work_dir, '--launcher', launcher]
        if launcher == 'none':
            assert not run_tool(monkeypatch, 'test.py', *arguments)
        else:
            rest = (launcher, processes, free_port(), tmp_path, arguments)
            mp.start_processes(_test_on, rest, nprocs=processes, start_method='fork')
        scores.append(json.loads((work_dir / 'metrics.json').read_text()))
        errors.append(json.loads((work_dir / 'errors.json').read_text()))
    assert len(errors[0]['images']) == faces
    assert {key.split('/')[0] for key in scores[0]} >= {'full', 'common'}
    assert all(found == scores[0] for found in scores)
    assert all(found == errors[0] for found in errors)

"""The same metrics, to the last digit, whatever the number of processes."""

import json
import os

import pytest
import torch
import torch.multiprocessing as mp
from analysis.run_table import command_environment
from conftest import TINY, cfg_options, run_tool

NAMES = {  # what each launcher tells its processes
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


@pytest.mark.skipif('fork' not in mp.get_all_start_methods(), reason='needs fork')
@pytest.mark.parametrize(
    ('faces', 'runs'),
    [(7, [('pytorch', 2), ('slurm', 2)]), (2, [('pytorch', 3)])],  # more processes than faces
)
def test_same_digits(checkpoint, generated_300w, tmp_path, monkeypatch, faces, runs):
    monkeypatch.chdir(tmp_path)
    options = {'test_dataloader.dataset.indices': faces, 'test_dataloader.batch_size': 2}
    common = [TINY, checkpoint, *cfg_options(generated_300w, **options)]
    scores, errors = [], []
    for launcher, processes in [('none', 1), *runs]:
        work_dir = tmp_path / f'{launcher}_{processes}'
        arguments = [*common, '--work-dir', work_dir, '--launcher', launcher]
        if launcher == 'none':
            assert not run_tool(monkeypatch, 'test.py', *arguments)
        else:
            rest = (launcher, processes, command_environment()['PORT'], tmp_path, arguments)
            mp.start_processes(_test_on, rest, nprocs=processes, start_method='fork')
        scores.append(json.loads((work_dir / 'metrics.json').read_text()))
        errors.append(json.loads((work_dir / 'errors.json').read_text()))
    assert len(errors[0]['images']) == faces
    assert {key.split('/')[0] for key in scores[0]} >= {'full', 'common'}
    assert all(found == scores[0] for found in scores)
    assert all(found == errors[0] for found in errors)

"""The same metrics, to the last digit, whatever the number of processes."""

import json
import os
import socket

import pytest
import torch
import torch.multiprocessing as mp
from conftest import ROOT, run_tool
from mmengine.config import Config
from mmpose.registry import MODELS

CONFIG = ROOT / 'configs/300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py'
SMALL = {
    'model.backbone.feat_channels': 8,
    'model.backbone.depth': 2,
    'model.head.in_channels': 8,
    'test_dataloader.num_workers': 0,
    'test_dataloader.persistent_workers': False,
}


def free_port():
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Weights as drawn at the start: errors are large, and different for every face."""
    from mmpose.utils import register_all_modules

    register_all_modules()
    cfg = Config.fromfile(str(CONFIG))
    cfg.merge_from_dict(SMALL)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    file = tmp_path_factory.mktemp('weights') / 'a.pth'
    torch.save(dict(state_dict=model.state_dict()), file)
    return file


def _test_on(rank, world_size, port, folder, arguments):
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world_size),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    os.chdir(folder)  # MMEngine collects results through a folder here
    with pytest.MonkeyPatch.context() as patch:
        assert not run_tool(patch, 'test.py', *arguments)


@pytest.mark.skipif(
    'fork' not in mp.get_all_start_methods(), reason='needs fork, this system has only spawn'
)
@pytest.mark.parametrize('faces', [7, 2])
def test_same_digits(checkpoint, generated_300w, tmp_path, monkeypatch, faces):
    monkeypatch.chdir(tmp_path)
    ann_file = generated_300w / 'annotations/face_landmarks_300w_valid.json'
    options = {
        **SMALL,
        'test_dataloader.dataset.data_root': f'{generated_300w}/',
        'test_dataloader.dataset.indices': faces,
        'test_dataloader.batch_size': 2,
        'test_evaluator.ann_file': ann_file,
    }
    common = [CONFIG, checkpoint, '--cfg-options', *(f'{k}={v}' for k, v in options.items())]
    scores, errors = [], []
    for processes in (0, 1, 2, 3):
        work_dir = tmp_path / f'{processes}'
        arguments = [*common, '--work-dir', work_dir]
        if processes == 0:
            assert not run_tool(monkeypatch, 'test.py', *arguments)
        else:
            arguments += ['--launcher', 'pytorch']
            rest = (processes, free_port(), tmp_path, arguments)
            mp.start_processes(_test_on, rest, nprocs=processes, start_method='fork')
        scores.append(json.loads((work_dir / 'metrics.json').read_text()))
        errors.append(json.loads((work_dir / 'errors.json').read_text()))
    assert len(errors[0]['images']) == faces
    assert {key.split('/')[0] for key in scores[0]} >= {'full', 'common'}
    assert all(found == scores[0] for found in scores)
    assert all(found == errors[0] for found in errors)

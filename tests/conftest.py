"""What several tests share: generated datasets, tools in this process, no way to the network."""

import json
import os
import runpy
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import cv2
import hypothesis
import numpy as np
import pytest
import torch
import torch.multiprocessing as mp

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / 'tools'))  # generated_faces, dataset_converters

# The same examples in every run; no deadline, since two cores are shared.
hypothesis.settings.register_profile(
    'suite',
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile('suite')


HERE = ('127.', '::1', 'localhost', '0.0.0.0', '/')  # addresses, and sockets in the file system
asked = []  # what a test, or the import of a package, has asked of another machine


def _refuse_network(event: str, arguments: tuple) -> None:
    """Let nothing be downloaded. An audit hook: Python has no other way past it."""
    if event in ('socket.connect', 'socket.sendto', 'socket.getaddrinfo', 'socket.gethostbyname'):
        place = arguments[0] if event.startswith('socket.get') else arguments[1]
        place = place[0] if isinstance(place, tuple) else place
        if place and not os.fsdecode(place).startswith(HERE):
            asked.append(f'{event} {place}')
            raise OSError(f'no network in tests: {asked[-1]}')


sys.addaudithook(_refuse_network)


@pytest.fixture(autouse=True)
def _nothing_is_downloaded():
    yield
    assert not asked, asked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of tools first: they take longest, and no process shall wait for another at the end."""
    items.sort(key=lambda item: 'test_tools' not in item.nodeid)


@pytest.fixture(autouse=True)
def _one_thread_with_denormals():
    """Two threads on a shared machine wait for each other longer than they work.

    Denormal numbers are there, whatever a tool in this process has asked for before.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(False)


@pytest.fixture(autouse=True, scope='session')
def _mmengine_is_quick():
    """Leave out what takes MMEngine half of a short training.

    It parses MMPose's 148 metafiles for each config that inherits from MMPose's, formats a config
    by yapf five times a run, and collects garbage for each dataset.
    """
    from mmengine.config import config, utils
    from mmengine.dataset import base_dataset

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, 'load', cache(utils.load))
        patch.setattr(config, 'FormatCode', lambda text, **_: (text, True))
        patch.setattr(base_dataset, 'gc', SimpleNamespace(collect=lambda: None))
        yield


@pytest.fixture
def uncovered_processes(monkeypatch):
    """What a test starts is not measured: a process's imports take half as long again if it is."""
    for name in ('COVERAGE_PROCESS_START', 'COVERAGE_PROCESS_CONFIG'):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope='session')
def generated_300w(tmp_path_factory) -> Path:
    """Folder with `annotations/` and `images/` of 12 training, 6 Common and 3 Challenge faces."""
    from dataset_converters import convert_300w
    from generated_faces import write_archive

    folder = tmp_path_factory.mktemp('generated')
    write_archive('300w', folder / 'archive', train=12, common=6, challenge=3)
    _, problems = convert_300w(folder / 'archive', folder / '300w')
    assert not problems.errors
    return folder / '300w'


@pytest.fixture(scope='session')
def archive(tmp_path_factory) -> Callable[[str], Path]:
    """A dataset's original with 4 training and 3 test faces, as if unpacked, by its name."""
    folder = tmp_path_factory.mktemp('archives')
    return cache(lambda dataset: write_generated(dataset, folder))


@pytest.fixture
def copy(archive, tmp_path) -> Callable[[str], Path]:
    """Copies an archive to a folder whose name is not ASCII."""
    return lambda dataset: shutil.copytree(archive(dataset), tmp_path / 'ñ 脸')


@pytest.fixture(scope='session')
def generated(tmp_path_factory) -> Callable[[str], Path]:
    """The same converted: folder with `annotations/` and `images/`."""
    folder = tmp_path_factory.mktemp('all')
    return cache(lambda dataset: convert_generated(dataset, folder))


@pytest.fixture(scope='session')
def people(tmp_path_factory) -> Path:
    """A folder as COCO's, of 3 pictures of noise with a person each, to train and to test on."""
    folder, rng = tmp_path_factory.mktemp('people'), np.random.default_rng(0)
    content = dict(info={}, images=[], annotations=[], categories=[dict(id=1, name='person')])
    for number in (1, 2, 3):
        name, box = f'{number}.png', [20, 30, 100, 150]
        points = np.c_[rng.uniform(30, 110, 17), rng.uniform(40, 170, 17), np.full(17, 2)]
        content['images'].append(dict(id=number, file_name=name, width=160, height=200))
        person = dict(id=number, image_id=number, category_id=1, iscrowd=0, bbox=box, area=7500)
        content['annotations'].append(
            person | dict(num_keypoints=17, keypoints=points.ravel().tolist())
        )
        for split in ('train2017', 'val2017'):
            (folder / split).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / split / name), rng.integers(0, 255, (200, 160, 3)))
    (folder / 'annotations').mkdir()
    for split in ('train2017', 'val2017'):
        file = folder / 'annotations' / f'person_keypoints_{split}.json'
        file.write_text(json.dumps(content))
    return folder


NUM_TRAIN, NUM_TEST = 4, 3


def write_generated(dataset: str, folder: Path) -> Path:
    """Write a dataset's miniature original below a folder."""
    from generated_faces import write_archive

    test = dict(common=NUM_TEST - 1, challenge=1) if dataset == '300w' else dict(test=NUM_TEST)
    out = folder / f'{dataset}_archive'
    write_archive(dataset, out, train=NUM_TRAIN, **test)
    return out


def convert_generated(dataset: str, folder: Path) -> Path:
    """Write a dataset's miniature original below a folder and convert it."""
    import dataset_converters

    options = dict(num_train=NUM_TRAIN) if dataset == 'aflw' else {}
    to_json = getattr(dataset_converters, f'convert_{dataset}')
    written, problems = to_json(write_generated(dataset, folder), folder / dataset, **options)
    assert written and not problems.errors
    return folder / dataset


TINY = ROOT / 'configs/300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py'


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory) -> str:
    """Weights for TINY that are random, but larger than at the start, so that maps differ."""
    from mhhn_mmpose.apis.model_loading import load_model

    torch.manual_seed(0)
    model = load_model(TINY)
    for weights in model.head.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    meta = dict(dataset_meta=model.dataset_meta)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return str(path)


def on_two_processes(function: Callable, folder: Path, *arguments: object) -> None:
    """Call `function(rank, folder, *arguments)` in two processes that are one group."""
    if 'fork' not in mp.get_all_start_methods():
        pytest.skip('needs fork, this system has only spawn')
    context = mp.start_processes(
        _join_group, (function, folder, *arguments), nprocs=2, start_method='fork', join=False
    )
    for process in context.processes:
        process.join(120)
        assert process.exitcode == 0  # None: it waits for the other


def _join_group(rank: int, function: Callable, folder: Path, *arguments: object) -> None:
    os.environ.update(OMP_NUM_THREADS='1', LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    store = f'file://{folder}/store'
    torch.distributed.init_process_group('gloo', init_method=store, rank=rank, world_size=2)
    function(rank, folder, *arguments)
    torch.distributed.destroy_process_group()


# Of a tiny model, for a training of seconds.
SMALL = {'model.backbone.feat_channels': 8, 'model.head.in_channels': 8}


def cfg_options(root: Path, valid: str = 'face_landmarks_300w_valid', **more: object) -> list[str]:
    """Have a tool read a converted dataset, without processes of its own."""
    given = {}
    for split in ('train', 'val', 'test'):
        given[f'{split}_dataloader.dataset.data_root'] = f'{root}/'
        given[f'{split}_dataloader.num_workers'] = 0
        given[f'{split}_dataloader.persistent_workers'] = False
    for split in ('val', 'test'):
        given[f'{split}_evaluator.ann_file'] = root / f'annotations/{valid}.json'
    return ['--cfg-options', *(f'{key}={value}' for key, value in {**given, **more}.items())]


def run_tool(monkeypatch, name: str, *arguments: object) -> object:
    """Run a tool as its own script, without the seconds that a new process takes to import.

    Returns its exit status if it ends by one.
    """
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
    try:
        runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
    except SystemExit as end:
        return end.code
    return 0

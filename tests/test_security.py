"""Files of others: what they hold is not run, not written elsewhere; and nothing is downloaded."""

import contextlib
import json
import os
import pickle
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, run_tool
from dataset_converters import convert_cofw, convert_wflw
from generated_faces import write_cofw_archive, write_wflw_archive
from mmengine.config import Config

from mhhn_landmarks.errors import InputError
from mhhn_mmpose.apis.loading import load_model
from mhhn_mmpose.engine.resuming import check_resumable

from mmpose.apis import init_model  # isort: skip  (after mhhn_mmpose, on mmcv-lite)

CONFIG = ROOT / 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py'
ONE_STEP = (
    'train_cfg.max_epochs=1',
    'train_dataloader.batch_size=6',
    *(
        f'{split}_dataloader.{option}'
        for split in ('train', 'val', 'test')
        for option in ('num_workers=0', 'persistent_workers=False')
    ),
)


def options(data) -> list[str]:
    """`--cfg-options` for two steps on the generated faces, without worker processes."""
    roots = [f'{split}_dataloader.dataset.data_root={data}' for split in ('train', 'val', 'test')]
    names = ('val', 'valid'), ('test', 'valid')
    files = [
        f'{split}_evaluator.ann_file={data}/annotations/face_landmarks_300w_{name}.json'
        for split, name in names
    ]
    return ['--cfg-options', *ONE_STEP, *roots, *files]


class MakesFolder:
    """Unpickled in full, it makes a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.fixture(params=['zip', 'legacy', 'pickle'])
def checkpoint(request, tmp_path):
    """A checkpoint that would make the folder `run` beside it, in each form that torch reads."""
    path = tmp_path / 'a.pth'
    payload = MakesFolder(tmp_path / 'run')
    if request.param == 'pickle':
        path.write_bytes(pickle.dumps(payload, protocol=2))
    else:
        content = dict(state_dict=dict(w=torch.zeros(2, 3)), meta=payload)
        torch.save(content, path, _use_new_zipfile_serialization=request.param == 'zip')
    return path


@pytest.mark.parametrize('load', ['load_model', 'init_model'])
def test_code_in_a_checkpoint_is_not_run_by_loading(load, checkpoint):
    if load == 'load_model':  # which the demo, the export and the tools call
        with pytest.raises(InputError, match='refused, it holds posix.mkdir'):
            load_model(CONFIG, checkpoint)
    else:
        with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
            init_model(str(CONFIG), str(checkpoint), device='cpu')
    assert not (checkpoint.parent / 'run').exists()
    with contextlib.suppress(RuntimeError):  # of a bare pickle, after it was run
        torch.load(checkpoint, weights_only=False)
    assert (checkpoint.parent / 'run').exists()  # so it would have been


@pytest.mark.parametrize('checkpoint', ['zip'], indirect=True)
def test_code_in_a_checkpoint_is_not_run_by_a_tool(
    checkpoint, tmp_path, generated_300w, monkeypatch, capsys
):
    work_dir = ['--work-dir', tmp_path / 'work', *options(generated_300w)]
    for name, *arguments in (
        ('test.py', CONFIG, checkpoint, *work_dir),
        ('train.py', CONFIG, '--resume', checkpoint, *work_dir),
        ('misc/publish_model.py', checkpoint, tmp_path / 'b.pth'),
    ):
        said = run_tool(monkeypatch, name, *arguments)
        assert f'{checkpoint}: refused, it holds posix.mkdir, which may run code' in said
    assert not (tmp_path / 'run').exists()


def test_a_config_in_a_checkpoint_is_not_run(tmp_path):
    """MMEngine runs `meta.config` as Python when it resumes."""
    model = load_model(CONFIG)
    code = f'made = __import__("os").mkdir({str(tmp_path / "run")!r})'
    content = dict(state_dict=model.state_dict(), optimizer={}, message_hub={})
    torch.save(dict(content, meta=dict(config=code)), tmp_path / 'a.pth')
    with pytest.raises(InputError, match='refused, its meta.config would be run as code'):
        check_resumable(model, str(tmp_path / 'a.pth'), CONFIG)
    Config.fromstring(code, '.py')
    assert (tmp_path / 'run').exists()  # so it would have been


def everything(folder) -> dict:
    """Return each file below a folder with its content."""
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('link', ['annotations', 'images', 'images/.000001.jpg.part'])
def test_an_archives_link_is_not_written_through(link, tmp_path):
    out, elsewhere = tmp_path / 'cofw', tmp_path / 'elsewhere'
    write_cofw_archive(out, 2, 1, cofw68=False)
    elsewhere.mkdir()
    (elsewhere / 'mine').write_text('kept')
    (out / link).parent.mkdir(exist_ok=True)
    (out / link).symlink_to(elsewhere / 'mine' if '/' in link else elsewhere)
    written, problems = convert_cofw(out, out)
    assert bool(written) == ('/' in link)
    assert any(str(out / link) in error for error in problems.errors) != bool(written)
    assert everything(elsewhere) == {elsewhere / 'mine': b'kept'}


def test_a_list_names_no_photo_outside(tmp_path):
    archive = tmp_path / 'wflw'
    write_wflw_archive(archive, 2, 2)
    (tmp_path / 'secret.jpg').write_bytes(next(archive.rglob('*.jpg')).read_bytes())
    (faces,) = archive.rglob('*test.txt')
    lines = faces.read_text().splitlines()
    names = ['../../secret.jpg', str(tmp_path / 'secret.jpg')]
    lines = [f'{line.rsplit(" ", 1)[0]} {name}' for line, name in zip(lines, names, strict=True)]
    faces.write_text('\n'.join(lines))
    before = everything(tmp_path)
    written, problems = convert_wflw(archive, tmp_path / 'out')
    assert not written and everything(tmp_path) == before
    assert sum('is no name of a photo inside' in error for error in problems.errors) == 2


def test_names_in_annotations_choose_no_file_to_write(tmp_path, generated_300w, monkeypatch):
    content = json.loads(
        (generated_300w / 'annotations/face_landmarks_300w_train.json').read_text()
    )
    photos = (generated_300w / 'images').resolve()
    folder = tmp_path / 'deep' / 'annotations'
    folder.mkdir(parents=True)
    for image in content['images']:  # two of them to the left of the folder of photos
        image['file_name'] = f'../{photos.name}/{image["file_name"]}'
    (folder / 'train_x.json').write_text(json.dumps(content))
    data = ('data_root=', f'ann_file={folder}/train_x.json', f'data_prefix.img={photos}/')
    arguments = [f'train_dataloader.dataset.{entry}' for entry in data]
    sheet = tmp_path / 'deep' / 'sheet.png'
    run = run_tool(
        *(monkeypatch, 'misc/browse_dataset.py', CONFIG, sheet, '--count', 1),
        *('--cfg-options', *arguments),
    )
    assert not run
    assert not run_tool(monkeypatch, 'misc/hold_out.py', folder / 'train_x.json', '--parts', 2)
    names = {path.relative_to(tmp_path / 'deep').as_posix() for path in everything(tmp_path)}
    parts = {f'annotations/train_x{part}.json' for part in ('', '_fit', '_dev')}
    assert names == {'sheet.png', *parts}


def test_the_metric_unpickles_no_annotations(tmp_path):
    from mhhn_mmpose.evaluation import FaceAlignmentMetric

    path = tmp_path / 'annotations.pkl'
    path.write_bytes(pickle.dumps(MakesFolder(tmp_path / 'run')))
    metric = FaceAlignmentMetric(ann_file=str(path))
    with pytest.raises(ValueError):
        metric._read_annotations()
    assert not (tmp_path / 'run').exists()


# Python's own events, so that nothing in C goes past; child processes inherit it.
GUARD = """
import os
import sys

LOCAL = ('127.', '::1', 'localhost', '0.0.0.0')

def refuse(event, arguments):
    if event in ('socket.connect', 'socket.sendto', 'socket.getaddrinfo', 'socket.gethostbyname'):
        place = arguments[0] if event.startswith('socket.get') else arguments[1]
        place = place[0] if isinstance(place, tuple) else place
        if place and not os.fspath(place).startswith((*LOCAL, '/')):
            with open(os.environ['ATTEMPTS'], 'a') as file:
                file.write(f'{event} {place}\\n')
            raise OSError(f'no network in this test: {event} {place}')

sys.addaudithook(refuse)
"""
TRAIN_AND_TEST = """
import runpy
import sys
import urllib.request

root, config, folder, *options = sys.argv[1:]
try:
    urllib.request.urlopen('http://192.0.2.1/', timeout=1)  # TEST-NET-1: nobody's
except OSError as error:
    assert 'no network in this test' in str(error), error
for name, *arguments in (['train.py', config], ['test.py', config, f'{folder}/epoch_1.pth']):
    sys.argv = [name, *arguments, '--work-dir', folder, *options]
    runpy.run_path(f'{root}/tools/{name}', run_name='__main__')
"""


def test_import_training_and_test_need_no_network(tmp_path, generated_300w):
    (tmp_path / 'sitecustomize.py').write_text(GUARD)
    attempts = tmp_path / 'attempts'
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    command = [sys.executable, '-c', TRAIN_AND_TEST, ROOT, CONFIG, tmp_path / 'work']
    done = subprocess.run(
        [*command, *options(generated_300w)],
        env={**os.environ, 'PYTHONPATH': paths, 'ATTEMPTS': str(attempts)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / 'work' / 'metrics.json').read_text())
    assert attempts.read_text() == 'socket.getaddrinfo 192.0.2.1\n'  # the guard's own trial

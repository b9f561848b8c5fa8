"""Files of others: what they hold is not run, not written elsewhere; and nothing is downloaded."""

import contextlib
import os
import pickle
import urllib.request

import pytest
import torch
from conftest import ROOT, asked
from dataset_converters import convert_cofw, convert_wflw
from generated_faces import write_archive
from mmengine.config import Config

from mhhn_landmarks.errors import InputError
from mhhn_mmpose.apis.model_loading import load_model
from mhhn_mmpose.engine.resuming import check_resumable

from mmpose.apis import init_model  # isort: skip  (after mhhn_mmpose, on mmcv-lite)

CONFIG = ROOT / 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py'


class MakesFolder:
    """Unpickled in full, it makes a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize('form', ['zip', 'legacy', 'pickle'])
def test_code_in_a_checkpoint_is_not_run(form, tmp_path):
    """In no form that torch reads: neither by `load_model`, nor by MMPose's own function."""
    path, payload = tmp_path / 'a.pth', MakesFolder(tmp_path / 'run')
    if form == 'pickle':
        path.write_bytes(pickle.dumps(payload, protocol=2))
    else:
        content = dict(state_dict=dict(w=torch.zeros(2, 3)), meta=payload)
        torch.save(content, path, _use_new_zipfile_serialization=form == 'zip')
    with pytest.raises(InputError, match='refused, it holds posix.mkdir'):
        load_model(CONFIG, path)
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        init_model(str(CONFIG), str(path), device='cpu')
    assert not (tmp_path / 'run').exists()
    with contextlib.suppress(RuntimeError):  # of a bare pickle, after it was run
        torch.load(path, weights_only=False)
    assert (tmp_path / 'run').exists()  # so it would have been


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
    write_archive('cofw', out, train=2, test=1)
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
    write_archive('wflw', archive, train=2, test=2)
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


def test_no_test_reaches_the_network():
    """Not the imports either, nor training and testing; see conftest."""
    with pytest.raises(OSError, match='no network in tests: socket.getaddrinfo 192.0.2.1'):
        urllib.request.urlopen('http://192.0.2.1/')  # TEST-NET-1: nobody's
    assert asked.pop() and not asked

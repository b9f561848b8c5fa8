"""Runs that meet bad data: they stop, and their last words are the file and the reason."""

import json
import shutil
import zlib

import pytest
from conftest import ROOT, SMALL, cfg_options, run_tool
from odd_photos import PICTURE, cut, damage, write_turned

CONFIG = ROOT / 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py'
FILE = 'annotations/face_landmarks_300w_{}.json'


@pytest.fixture
def data(generated, tmp_path):
    """A dataset of its own, to spoil: 4 training and 3 test faces."""
    return shutil.copytree(generated('300w'), tmp_path / '300w')


@pytest.fixture
def options(data):
    short = {'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 2}
    return cfg_options(data, **SMALL, **short)


@pytest.fixture
def check(data, options, monkeypatch, capsys):
    """Runs check_dataset: what it returned, and the lines that name a file of the dataset."""

    def run(*more):
        end = run_tool(monkeypatch, 'misc/check_dataset.py', CONFIG, *more[:2], *options, *more[2:])
        return end, [line for line in capsys.readouterr().out.splitlines() if str(data) in line]

    return run


def photo(data, split, index=1):
    images = json.loads((data / FILE.format(split)).read_text())['images']
    return data / 'images' / images[index]['file_name']


def change(data, split, edit):
    file = data / FILE.format(split)
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))
    return file


def test_a_truncated_photo_stops_the_training_with_one_line(data, options, monkeypatch, capfd):
    path = photo(data, 'train')
    cut(path)
    said = run_tool(monkeypatch, 'train.py', CONFIG, '--work-dir', data / 'work', *options)
    assert said.startswith(f'train: {path}: unreadable photo (') and '\n' not in said
    assert 'Traceback' not in ''.join(capfd.readouterr())
    assert not list((data / 'work').glob('*.pth'))


def test_bad_annotations_of_validation_stop_it_before_training(data, options, monkeypatch):
    def spoil(content):
        content['annotations'][1]['keypoints'][15] = float('nan')
        content['annotations'][2]['num_keypoints'] = 0

    file = change(data, 'valid', spoil)
    said = run_tool(monkeypatch, 'train.py', CONFIG, '--work-dir', data / 'work', *options)
    first, second, third = said.split('\n')
    assert first == f'train: {file}: 2 faults; mend them, or convert again with --skip-bad'
    assert second.startswith('  annotation 2, ') and 'landmark 5 is not finite' in second
    assert third.startswith('  annotation 3, ') and third.endswith('no visible landmark')
    assert not list((data / 'work').glob('*/*.pth'))


def test_check_dataset_lists_everything(data, check):
    train_file, test_file = (data / FILE.format(split) for split in ('train', 'valid'))
    good = '{}: {} faces can be used, 0 faults'
    assert check() == (0, [good.format(train_file, 4), good.format(test_file, 3)])

    cut(photo(data, 'train', 0))
    photo(data, 'train', 1).unlink()
    change(data, 'train', lambda content: content['annotations'][2].update(num_keypoints=0))
    path = photo(data, 'valid')
    write_turned(path, 1)
    damage(path)
    size = dict(zip(('height', 'width'), PICTURE.shape, strict=False))
    record = size | dict(crc32=zlib.crc32(path.read_bytes()))
    change(data, 'valid', lambda content: content['images'][1].update(record))
    end, said = check()
    assert end == 1 and len(said) == 6
    assert f'{train_file}: annotation 3, ' in said[0] and said[0].endswith('no visible landmark')
    assert said[1] == f'{train_file}: {photo(data, "train", 1)}: no such photo'
    assert said[2].startswith(f'{train_file}: {photo(data, "train", 0)}: unreadable photo (')
    assert said[3] == f'{train_file}: 1 faces can be used, 3 faults'
    assert said[4].startswith(f'{test_file}: {path}: parts of the photo may be wrong (Corrupt JPEG')
    assert said[5] == f'{test_file}: 3 faces can be used, 0 faults, 1 photos that may be damaged'
    assert check('--split', 'test') == (1, said[4:])


def test_check_dataset_looks_at_mmposes_own_classes_too(data, check):
    """Faces as this project's classes do, others for photos and numbers."""
    file = change(data, 'train', lambda content: content['annotations'][2].update(num_keypoints=0))
    change(data, 'train', lambda c: c['annotations'][0]['keypoints'].__setitem__(4, float('nan')))
    cut(photo(data, 'train', 1))
    arguments = ['--split', 'train', 'train_dataloader.dataset.type=CocoDataset']
    end, said = check(*arguments[:2], 'train_dataloader.dataset.type=Face300WDataset')
    assert 'landmark 1 is not finite' in said[0] and said[1].endswith('no visible landmark')
    assert end == 1 and said[3] == f'{file}: 1 faces can be used, 3 faults'
    end, said = check(*arguments)
    assert end == 1 and said[0] == f'{file}: annotation 1: a landmark or the box is not finite'
    assert said[1].startswith(f'{file}: {photo(data, "train", 1)}: unreadable photo (')
    # MMPose leaves out the third.
    assert said[2] == f'{file}: 1 annotations can be used, 2 faults'
    change(data, 'train', lambda content: content['annotations'][1].update(id=1))
    assert check(*arguments)[1][0] == f'{file}: annotation 1: 2 of them have this id'
    change(data, 'train', lambda content: content['annotations'][1].update(id=2, keypoints=[1]))
    said, _ = check(*arguments)
    assert said.startswith(f'check_dataset: {file}: MMPose cannot read it (cannot reshape')

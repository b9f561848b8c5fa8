"""COFW files with something wrong: one line each, with the file and the face."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from dataset_converters.cofw2coco import convert_cofw
from generated_faces.matlab_archives import write_cofw_archive

TRAIN = 'COFW_train_color.mat'
PHOTO = '#refs#/photo2'  # of the second face


@pytest.fixture(scope='session')
def archive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('bad cofw') / 'archive'
    write_cofw_archive(folder, 3, 1, cofw68=False)
    return folder


@pytest.fixture
def source(archive, tmp_path) -> Path:
    return shutil.copytree(archive, tmp_path / 'ñ source')


def set_entry(name, row, index, value):
    def spoil(path):
        with h5py.File(path, 'r+') as file:
            file[name][row, index] = value

    return spoil


def swap(name, value):
    """Put another variable in the place of one, or nothing if it is None."""

    def spoil(path):
        with h5py.File(path, 'r+') as file:
            new = value(file[name][()]) if callable(value) else value
            del file[name]
            if new is not None:
                file[name] = new
            if new is not None and name == PHOTO:
                file['IsTr'][0, 1] = file[PHOTO].ref

    return spoil


def drop_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_photo(path):
    """Overwrite the second face's compressed pixels, as a bad disk does."""
    with h5py.File(path) as file:
        chunk = file[PHOTO].id.get_chunk_info(0)
    with path.open('r+b') as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(chunk.size))


BAD_FILES = [
    (drop_half, 'unreadable file, MATLAB 7.3 (HDF5) expected'),
    (lambda path: path.write_text('<html>'), 'unreadable file, MATLAB 7.3 (HDF5) expected'),
    (lambda path: scipy.io.savemat(path, dict(IsTr=[1])), 'MATLAB 5 file, MATLAB 7.3'),
    (swap('phisTr', None), 'no variable phisTr; it holds IsTr, bboxesTr'),
    (swap('phisTr', lambda v: v[:86]), 'phisTr is 3 x 86 float64, faces x 87 numbers expected'),
    (swap('phisTr', lambda v: v.astype('S')), 'faces x 87 numbers expected'),
    (swap('bboxesTr', lambda v: v.T), 'bboxesTr is 4 x 3 float64, faces x 4'),
    (swap('phisTr', lambda v: v[:, :2]), 'disagree: 3 in IsTr, 2 in phisTr, 3 in bboxesTr'),
    (swap('IsTr', np.zeros((1, 3))), 'IsTr is no cell array of photos'),
]
BAD_FACES = [
    (set_entry('phisTr', 30, 1, np.nan), 'landmark 1 is not finite'),
    (set_entry('phisTr', 60, 1, 2), 'occlusion flag 2 is 2, 0 or 1 expected'),
    (set_entry('phisTr', 60, 1, np.nan), 'occlusion flag 2 is nan, 0 or 1 expected'),
    (set_entry('phisTr', 5, 1, -900), 'it seems to belong to another photo'),
    (set_entry('phisTr', 5, 1, 900), 'it seems to belong to another photo'),
    (set_entry('phisTr', slice(0, 58), 1, 9.0), 'landmarks are in one place'),
    (set_entry('bboxesTr', 3, 1, 0), 'the face box has no area'),
    (set_entry('bboxesTr', 3, 1, np.nan), 'the face box is not finite'),
    (swap(PHOTO, np.zeros((3, 7, 5))), 'the photo is 5 x 7 x 3 float64, H x W x 3 or H x W uint8'),
    (swap(PHOTO, np.zeros((4, 7, 5), np.uint8)), 'the photo is 5 x 7 x 4 uint8'),
    (swap(PHOTO, np.zeros(2, np.uint64)), 'the photo is 2 uint64'),
    (swap(PHOTO, np.zeros((3, 70000, 1), np.uint8)), 'too large for a JPEG'),
    (set_entry('IsTr', 0, 1, h5py.Reference()), 'damaged'),
    (damage_photo, 'damaged'),
]


@pytest.mark.parametrize(('spoil', 'words'), BAD_FILES, ids=range(len(BAD_FILES)))
def test_bad_files(source, tmp_path, spoil, words):
    spoil(source / TRAIN)
    out = tmp_path / 'out'
    written, problems = convert_cofw(source, out)
    assert not written and not (out / 'annotations').exists()
    (error,) = problems.errors
    assert error.startswith(f'{source / TRAIN}: ') and words in error and '\n' not in error
    written, _ = convert_cofw(source, out, skip_bad=True)
    assert [path.name for path in written] == ['cofw_test.json']


@pytest.mark.parametrize(('spoil', 'words'), BAD_FACES, ids=range(len(BAD_FACES)))
def test_bad_faces(source, tmp_path, spoil, words):
    spoil(source / TRAIN)
    out = tmp_path / 'out'
    written, problems = convert_cofw(source, out)
    assert not written and not (out / 'annotations').exists()
    (error,) = problems.errors
    assert error.startswith(f'{source / TRAIN}, face 2: ') and words in error and '\n' not in error
    convert_cofw(source, out, skip_bad=True)
    content = json.loads((out / 'annotations' / 'cofw_train.json').read_text())
    assert [a['id'] for a in content['annotations']] == [1, 3]


def test_more_training_faces_than_there_are_numbers_for(source, tmp_path):
    for name in ('IsTr', 'phisTr', 'bboxesTr'):
        swap(name, lambda values: np.tile(values, 449))(source / TRAIN)
    (error,) = convert_cofw(source, tmp_path)[1].errors
    assert error.startswith(f'{source / TRAIN}: 1347 faces; the official 1345 at most')

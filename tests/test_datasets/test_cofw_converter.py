import json
import os
import runpy
import shutil
import sys
import zlib
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from dataset_converters.cofw2coco import convert_cofw
from generated_faces import landmarks, occluded, render
from generated_faces.matlab_archives import cofw_faces, write_cofw_archive

CLI = Path(__file__).parents[2] / 'tools' / 'dataset_converters' / 'cofw2coco.py'
NUM_TRAIN, NUM_TEST = 3, 2
TRAIN, TEST = 'COFW_train_color.mat', 'COFW_test_color.mat'
IDS = dict(train=[1, 2, 3], test=[1346, 1347])


@pytest.fixture(scope='session')
def archive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('cofw') / 'Gesichter ñ 脸'
    assert write_cofw_archive(folder, NUM_TRAIN, NUM_TEST, cofw68=False)
    return folder


@pytest.fixture
def source(archive, tmp_path) -> Path:
    return shutil.copytree(archive, tmp_path / 'ñ source')


def load(out, split):
    return json.loads((out / 'annotations' / f'cofw_{split}.json').read_text())


def write_mat(path, photos, shapes, boxes, suffix='T'):
    """Write photos (H, W, 3) RGB or (H, W), landmarks (N, 87) and boxes (N, 4)."""
    with h5py.File(path, 'w') as file:
        cells = [file.create_dataset(f'#refs#/{i}', data=p.T) for i, p in enumerate(photos)]
        references = np.array([cell.ref for cell in cells], h5py.ref_dtype)[None]
        file.create_dataset(f'Is{suffix}', data=references, dtype=h5py.ref_dtype)
        file[f'phis{suffix}'], file[f'bboxes{suffix}'] = np.array(shapes).T, np.array(boxes).T


def set_entry(name, row, index, value):
    def spoil(path):
        with h5py.File(path, 'r+') as file:
            file[name][row, index] = value

    return spoil


@pytest.mark.parametrize('split', ['train', 'test'])
def test_archive_to_mmpose_dataset(source, tmp_path, split):
    written, problems = convert_cofw(source, tmp_path / 'out')
    assert not problems.errors
    assert {path.name: count for path, count in written.items()} == {
        'cofw_train.json': NUM_TRAIN,
        'cofw_test.json': NUM_TEST,
    }
    faces = cofw_faces(split, len(IDS[split]))
    from mmpose.registry import DATASETS

    dataset = DATASETS.build(
        dict(
            type='COFWDataset',
            data_root=str(tmp_path / 'out'),
            ann_file=f'annotations/cofw_{split}.json',
            data_prefix=dict(img='images/'),
            pipeline=[dict(type='mmpose.LoadImage')],
        )
    )
    assert [sample['id'] for sample in dataset] == IDS[split]
    for sample, face in zip(dataset, faces, strict=True):
        points = landmarks(face, 'cofw')
        np.testing.assert_allclose(sample['keypoints'][0], points, atol=1e-4)
        x1, y1, x2, y2 = sample['bbox'][0]
        assert (points > (x1, y1)).all() and (points < (x2, y2)).all()
        # The very photo, neither transposed nor with its colours swapped, but for the JPEG's loss.
        photo = render(face).astype(float)
        assert sample['img'].shape == photo.shape
        assert np.abs(sample['img'] - photo).mean() < 4
    assert len({face.camera.gray for face in faces}) == 2  # one and three channels were met


def test_schema_ids_and_occlusion(source, tmp_path):
    convert_cofw(source, tmp_path)
    content = load(tmp_path, 'test')
    face = cofw_faces('test', NUM_TEST)[1]
    assert content['images'][1] == dict(
        id=1347,
        file_name='001347.jpg',
        width=face.width,
        height=face.height,
        crc32=zlib.crc32((tmp_path / 'images/001347.jpg').read_bytes()),
    )
    annotation = content['annotations'][1]
    assert set(annotation) == {
        *('keypoints', 'image_id', 'id', 'num_keypoints', 'bbox', 'iscrowd', 'area'),
        *('category_id', 'occluded', 'subsets'),
    }
    hidden = occluded(face, 'cofw').astype(int)
    assert 0 < hidden.sum() < 29
    assert annotation['occluded'] == hidden.tolist()
    assert annotation['keypoints'][2::3] == (2 - hidden).tolist()
    with h5py.File(source / TEST) as file:
        assert annotation['bbox'] == file['bboxesT'][:, 1].tolist()
    assert annotation['area'] == annotation['bbox'][2] * annotation['bbox'][3]
    assert not list((tmp_path / 'annotations').glob('.*'))
    assert not list((tmp_path / 'images').glob('.*'))


def test_colour_and_size_of_a_plain_photo(tmp_path):
    red = np.zeros((83, 97, 3), np.uint8)
    red[:, :, 0], red[5, 90] = 200, 255  # (row, column)
    points = np.random.default_rng(0).uniform(20, 70, (29, 2))
    row = [*points.T.ravel(), *[0] * 29]
    write_mat(tmp_path / TEST, [red], [row], [[10, 11, 60, 61]])
    convert_cofw(tmp_path, tmp_path)
    photo = cv2.imread(str(tmp_path / 'images/001346.jpg'))
    assert photo.shape == (83, 97, 3)
    np.testing.assert_allclose(photo[60, 40], (0, 0, 200), atol=3)  # BGR
    assert photo[5, 90].min() > 150


@pytest.mark.skipif(not os.environ.get('MHHN_SAMPLES'), reason='MHHN_SAMPLES: no real samples')
def test_published_annotations_are_reproduced(tmp_path):
    samples = Path(os.environ['MHHN_SAMPLES']) / 'cofw'
    published = json.loads((samples / 'test_cofw.json').read_text())
    photos = [cv2.imread(str(samples / i['file_name']))[:, :, ::-1] for i in published['images']]
    rows, boxes = [], []
    for annotation in published['annotations']:
        x, y, visible = np.reshape(annotation['keypoints'], (29, 3)).T
        rows.append([*(x + 1), *(y + 1), *(2 - visible)])
        boxes.append(annotation['bbox'])
    write_mat(tmp_path / TEST, photos, rows, boxes)
    convert_cofw(tmp_path, tmp_path)
    ours = load(tmp_path, 'test')
    for image, expected in zip(ours['images'], published['images'], strict=True):
        assert (image['width'], image['height']) == (expected['width'], expected['height'])
    for annotation, expected in zip(ours['annotations'], published['annotations'], strict=True):
        assert set(annotation) - set(expected) == {'occluded', 'subsets'}
        for key in set(expected) - {'id', 'image_id'}:
            np.testing.assert_allclose(annotation[key], expected[key], atol=1e-9)


def test_negative_numbers_become_zero_as_published(source, tmp_path):
    set_entry('phisTr', 4, 1, -3.5)(source / TRAIN)
    set_entry('bboxesTr', 0, 1, -2.0)(source / TRAIN)
    problems = convert_cofw(source, tmp_path)[1]
    annotation = load(tmp_path, 'train')['annotations'][1]
    assert annotation['keypoints'][12] == 0 and annotation['bbox'][0] == 0
    assert any(
        w.endswith('face 2: a landmark at -4.5 px was moved to 0') for w in problems.warnings
    )


def test_half_an_archive_keeps_its_numbers_and_official_counts_are_compared(source, tmp_path):
    (source / TRAIN).unlink()
    _, problems = convert_cofw(source, tmp_path)
    assert [a['id'] for a in load(tmp_path, 'test')['annotations']] == IDS['test']
    assert f'no {TRAIN} in it' in problems.warnings[0]
    assert '2 faces, the official set has 507' in problems.warnings[1]


def test_missing_and_doubled_files(source, tmp_path):
    (source / 'b').mkdir()
    shutil.copy(source / TEST, source / 'b' / TEST)
    (error,) = convert_cofw(source, tmp_path)[1].errors
    assert error == f'{source / TEST}: there is {source / "b" / TEST} too; keep one'
    (source / TEST).unlink()
    assert len(convert_cofw(source, tmp_path)[0]) == 2  # it may lie deeper
    (tmp_path / 'empty').mkdir()
    for place in ('empty', 'nowhere'):
        written, problems = convert_cofw(tmp_path / place, tmp_path / 'out')
        assert not written and not problems.warnings and not (tmp_path / 'out').exists()
        (error,) = problems.errors
        assert error == f'{tmp_path / place}: no {TRAIN} or {TEST} in it; unpack COFW there'


def test_repeating_after_an_interruption(source, tmp_path):
    convert_cofw(source, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob('*/*.j*')}
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / 'images').iterdir()}
    half, lost, *kept = sorted(times)
    half.write_bytes(half.read_bytes()[:99])
    lost.unlink()
    (tmp_path / 'images' / f'.{lost.name}.a1b2c3d4').write_bytes(b'killed here')
    assert not convert_cofw(source, tmp_path)[1].errors
    assert before == {path: path.read_bytes() for path in tmp_path.glob('*/*.j*')}
    assert sorted((tmp_path / 'images').iterdir()) == sorted(times)
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)


def test_a_place_that_cannot_be_written_is_one_line(source, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'images').write_text('a file')
    written, problems = convert_cofw(source, tmp_path / 'out')
    assert not written
    (error,) = problems.errors
    assert error.startswith(str(tmp_path / 'out' / 'images')) and 'run this again' in error


def run_cli(monkeypatch, *args):
    """Run the script in this process, since a new one spends 4 s on importing MMPose."""
    monkeypatch.setattr(sys, 'argv', [str(CLI), *map(str, args)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(CLI), run_name='__main__')
    return end.value.code


def test_command(source, tmp_path, monkeypatch, capsys):
    set_entry('bboxesT', 2, 0, 0)(source / TEST)
    assert run_cli(monkeypatch, source, tmp_path / 'out') == 1
    said = capsys.readouterr().err
    assert f'ERROR {source / TEST}, face 1: the face box has no area' in said
    assert '--skip-bad' in said
    assert run_cli(monkeypatch, source, tmp_path / 'out', '--skip-bad') == 0
    said = capsys.readouterr()
    assert 'cofw_train.json: 3 faces' in said.out and 'cofw_test.json: 1 faces' in said.out
    assert 'left out: 1' in said.err
    assert run_cli(monkeypatch, '--help') == 0
    text = capsys.readouterr().out
    assert 'https://data.caltech.edu/' in text and TRAIN in text and 'licence' in text

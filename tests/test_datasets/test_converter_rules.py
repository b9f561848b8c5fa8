"""What is particular to the converter of one archive."""

import os
import shutil

import numpy as np
import pytest
import scipy.io
from archive_edits import (
    COFW,
    LIST,
    MAT,
    POINTS,
    PTS,
    TEST,
    cells,
    cofw,
    convert,
    load,
    variables,
)
from conftest import run_tool


def test_private_test_set_of_300w(copy, tmp_path):
    root = copy('300w')
    for folder in ('01_Indoor', '02_Outdoor'):
        shutil.copytree(root / 'ibug', root / '300W' / folder)
    convert('300w', root, tmp_path)
    faces = load(tmp_path, 'face_landmarks_300w_test')['annotations']
    assert [face['subsets'] for face in faces] == [['indoor'], ['outdoor']]


def test_line_ends_byte_order_marks_and_empty_lines_do_not_matter(copy, tmp_path, generated):
    for dataset, file in (('300w', PTS), ('wflw', LIST)):
        root = copy(dataset)
        text = (root / file).read_text().replace('n_points: ', 'n_points:  ')
        text = text.replace('\n', ' \r\n') + '\r\n \n\n'
        (root / file).write_bytes(('\ufeff' + text).encode())
        assert not convert(dataset, root, tmp_path)[1].errors
        name = f'face_landmarks_{dataset}_train'
        assert load(tmp_path, name) == load(generated(dataset), name)
        shutil.rmtree(root)
        (tmp_path / 'images').unlink()


def test_boxes_of_the_archives_detectors(copy, archive, tmp_path, monkeypatch, capsys):
    root, box = copy('300w'), np.array([[11.0, 13, 61, 83]])
    for name in ('helen_trainset', 'lfpw_trainset', 'helen_testset', 'lfpw_testset', 'ibug'):
        names = [f'gen_{i + 1:04d}.jpg' for i in range(3)]
        found = [dict(imgName=n, bb_detector=box, bb_ground_truth=box * 0) for n in names]
        path = root / f'bounding_boxes_{name}.mat'
        scipy.io.savemat(path, dict(bounding_boxes=cells(*found)))
    tool = 'dataset_converters/{}2coco.py'
    options = ['--boxes', 'detector']
    assert not run_tool(monkeypatch, tool.format('300w'), root, tmp_path / 'a', *options)
    for split in ('train', 'valid'):
        for face in load(tmp_path / 'a', f'face_landmarks_300w_{split}')['annotations']:
            found = face['bbox'], face['scale'], face['center']
            assert found == ([10, 12, 50, 70], 70 / 200, [35, 47])
    path.unlink()
    assert run_tool(monkeypatch, tool.format('300w'), root, tmp_path / 'a', *options) == 1
    assert 'no box of it in bounding_boxes_*.mat' in capsys.readouterr().err

    assert not run_tool(monkeypatch, tool.format('wflw'), archive('wflw'), tmp_path, *options)
    line = (archive('wflw') / LIST).read_text().split()
    x1, y1, x2, y2 = map(float, line[196:200])
    face = load(tmp_path, 'face_landmarks_wflw_train')['annotations'][0]
    assert face['bbox'] == [x1, y1, x2 - x1, y2 - y1]
    assert face['center'] == [(x1 + x2) / 2, (y1 + y2) / 2]
    assert face['scale'] == max(x2 - x1, y2 - y1) / 200


def test_link_is_relative_and_a_second_run_changes_nothing(archive, tmp_path):
    convert('300w', archive('300w'), tmp_path)
    first = {path.name: path.read_bytes() for path in (tmp_path / 'annotations').iterdir()}
    assert not os.path.isabs(os.readlink(tmp_path / 'images'))
    assert (tmp_path / 'images').samefile(archive('300w'))
    warnings = convert('300w', archive('300w'), tmp_path)[1].warnings
    assert not any('images' in warning for warning in warnings)
    assert first == {p.name: p.read_bytes() for p in (tmp_path / 'annotations').iterdir()}
    (tmp_path / 'images').unlink()
    (tmp_path / 'images').mkdir()
    written, problems = convert('300w', archive('300w'), tmp_path)
    assert written and not (tmp_path / 'images').is_symlink()
    assert 'data_prefix=dict(img=...)' in problems.warnings[-1]


@pytest.mark.parametrize(
    ('dataset', 'file', 'note', 'left'),
    [
        ('wflw', LIST, 'attr_train.txt: missing, so no file is written for it', 'test'),
        ('cofw', COFW, f'no {COFW} in it; left out', 'test'),
    ],
)
def test_half_an_archive(copy, tmp_path, generated, dataset, file, note, left):
    root = copy(dataset)
    (root / file).unlink()
    written, problems = convert(dataset, root, tmp_path)
    assert not problems.errors and any(note in w for w in problems.warnings)
    assert all(path.stem.endswith(left) for path in written)
    for path in written:
        assert load(tmp_path, path.stem) == load(generated(dataset), path.stem)


def test_boxes_of_aflw(copy, tmp_path):
    root, small = copy('aflw'), np.tile(np.array([70, 210, 60, 200], np.uint8), (7, 1))
    small[1, 1] = 220  # oblong
    variables(MAT, bbox=small, ra=np.arange(1, 8, dtype=np.uint8)[None])(root)
    convert('aflw', root, tmp_path)
    first, second, *_ = load(tmp_path, 'face_landmarks_aflw_train')['annotations']
    # 70 + 210 and 60 + 200 would overflow the uint8 they come in.
    assert (first['center'], first['scale'], first['box_size']) == ([140.0, 130.0], 0.7, 140.0)
    assert (second['center'], second['scale'], second['box_size']) == ([145.0, 130.0], 0.75, 150.0)
    wide = np.tile([0.0, 999, 0, 999], (7, 1))
    variables(MAT, bbox=wide, mask_new=np.ones((7, 19)))(root)
    convert('aflw', root, tmp_path)
    faces = load(tmp_path, 'face_landmarks_aflw_test')['annotations']
    assert all(face['subsets'] == ['frontal', 'frontal_in_box'] for face in faces)


def test_layouts_and_wrong_suffixes_of_aflw(copy, tmp_path, generated):
    root = copy('aflw')
    shutil.move(root / 'data/flickr', root / 'flickr')
    photo = next((root / 'flickr/0').iterdir())
    photo.rename(photo.with_suffix('.png'))
    assert not convert('aflw', root, tmp_path)[1].errors
    for split in ('train', 'test'):
        ours, expected = (
            load(out, f'face_landmarks_aflw_{split}') for out in (tmp_path, generated('aflw'))
        )
        assert ours['annotations'] == expected['annotations']
        for image in ours['images']:
            assert (tmp_path / 'images' / image['file_name']).is_file()


def test_negative_numbers_of_cofw_become_zero_as_published(copy, tmp_path):
    root = copy('cofw')
    cofw('phisTr', 4, 1, -3.5)(root)
    cofw('bboxesTr', 0, 1, -2.0)(root)
    warnings = convert('cofw', root, tmp_path)[1].warnings
    annotation = load(tmp_path, 'cofw_train')['annotations'][1]
    assert annotation['keypoints'][12] == 0 and annotation['bbox'][0] == 0
    assert any(w.endswith('face 2: a landmark at -4.5 px was moved to 0') for w in warnings)


def test_a_conversion_of_cofw_can_be_repeated(archive, tmp_path):
    convert('cofw', archive('cofw'), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob('*/*.j*')}
    photos = sorted((tmp_path / 'images').iterdir())
    half, lost, *_ = photos
    half.write_bytes(half.read_bytes()[:99])
    lost.unlink()
    (tmp_path / 'images' / f'.{lost.name}.a1b2c3d4').write_bytes(b'killed here')
    assert not convert('cofw', archive('cofw'), tmp_path)[1].errors
    assert before == {path: path.read_bytes() for path in tmp_path.glob('*/*.j*')}
    assert sorted((tmp_path / 'images').iterdir()) == photos


def test_what_cofw68_can_do_without(copy, tmp_path, generated):
    root, expected = copy('cofw'), load(generated('cofw'), 'cofw68_test')
    convert('cofw', root, tmp_path)
    for name in (COFW, TEST):  # photos of an earlier run will do
        (root / name).unlink()
    variables(POINTS, Points=np.transpose, Occ=np.transpose)(root)
    written, problems = convert('cofw', root, tmp_path)
    assert len(written) == 1 and not problems.errors and load(tmp_path, 'cofw68_test') == expected
    (error,) = convert('cofw', root, tmp_path / 'other')[1].errors
    assert 'test_annotations: COFW-68 needs the test photos' in error

"""What is particular to the converter of one archive."""

import os
import shutil

import archive_edits as edits
import numpy as np
import pytest
import scipy.io
from conftest import run_tool


def test_private_test_set_of_300w(copy, tmp_path):
    root = copy('300w')
    for folder in ('01_Indoor', '02_Outdoor'):
        shutil.copytree(root / 'ibug', root / '300W' / folder)
    edits.convert('300w', root, tmp_path)
    faces = edits.load(tmp_path, 'face_landmarks_300w_test')['annotations']
    assert [face['subsets'] for face in faces] == [['indoor'], ['outdoor']]


def test_line_ends_byte_order_marks_and_empty_lines_do_not_matter(copy, tmp_path, generated):
    for dataset, file in (('300w', edits.PTS), ('wflw', edits.LIST)):
        root = copy(dataset)
        text = (root / file).read_text().replace('n_points: ', 'n_points:  ')
        text = text.replace('\n', ' \r\n') + '\r\n \n\n'
        (root / file).write_bytes(('\ufeff' + text).encode())
        assert not edits.convert(dataset, root, tmp_path)[1].errors
        name = f'face_landmarks_{dataset}_train'
        assert edits.load(tmp_path, name) == edits.load(generated(dataset), name)
        shutil.rmtree(root)
        (tmp_path / 'images').unlink()


def test_boxes_of_the_archives_detectors(copy, archive, tmp_path, monkeypatch, capsys):
    root, box = copy('300w'), np.array([[11.0, 13, 61, 83]])
    for name in ('helen_trainset', 'lfpw_trainset', 'helen_testset', 'lfpw_testset', 'ibug'):
        names = [f'gen_{i + 1:04d}.jpg' for i in range(3)]
        found = [dict(imgName=n, bb_detector=box, bb_ground_truth=box * 0) for n in names]
        path = root / f'bounding_boxes_{name}.mat'
        scipy.io.savemat(path, dict(bounding_boxes=edits.cells(*found)))
    tool = 'dataset_converters/{}2coco.py'
    options = ['--boxes', 'detector']
    assert not run_tool(monkeypatch, tool.format('300w'), root, tmp_path / 'a', *options)
    for split in ('train', 'valid'):
        for face in edits.load(tmp_path / 'a', f'face_landmarks_300w_{split}')['annotations']:
            found = face['bbox'], face['scale'], face['center']
            assert found == ([10, 12, 50, 70], 70 / 200, [35, 47])
    path.unlink()
    assert run_tool(monkeypatch, tool.format('300w'), root, tmp_path / 'a', *options) == 1
    assert 'no box of it in bounding_boxes_*.mat' in capsys.readouterr().err

    assert not run_tool(monkeypatch, tool.format('wflw'), archive('wflw'), tmp_path, *options)
    line = (archive('wflw') / edits.LIST).read_text().split()
    x1, y1, x2, y2 = map(float, line[196:200])
    face = edits.load(tmp_path, 'face_landmarks_wflw_train')['annotations'][0]
    assert face['bbox'] == [x1, y1, x2 - x1, y2 - y1]
    assert face['center'] == [(x1 + x2) / 2, (y1 + y2) / 2]
    assert face['scale'] == max(x2 - x1, y2 - y1) / 200


def test_link_is_relative_and_a_second_run_changes_nothing(archive, tmp_path):
    edits.convert('300w', archive('300w'), tmp_path)
    first = {path.name: path.read_bytes() for path in (tmp_path / 'annotations').iterdir()}
    assert not os.path.isabs(os.readlink(tmp_path / 'images'))
    assert (tmp_path / 'images').samefile(archive('300w'))
    warnings = edits.convert('300w', archive('300w'), tmp_path)[1].warnings
    assert not any('images' in warning for warning in warnings)
    assert first == {p.name: p.read_bytes() for p in (tmp_path / 'annotations').iterdir()}
    (tmp_path / 'images').unlink()
    (tmp_path / 'images').mkdir()
    written, problems = edits.convert('300w', archive('300w'), tmp_path)
    assert written and not (tmp_path / 'images').is_symlink()
    assert 'data_prefix=dict(img=...)' in problems.warnings[-1]


@pytest.mark.parametrize(
    ('dataset', 'file', 'note', 'left'),
    [
        ('wflw', edits.LIST, 'attr_train.txt: missing, so no file is written for it', 'test'),
        ('cofw', edits.COFW, f'no {edits.COFW} in it; left out', 'test'),
    ],
)
def test_half_an_archive(copy, tmp_path, generated, dataset, file, note, left):
    root = copy(dataset)
    (root / file).unlink()
    written, problems = edits.convert(dataset, root, tmp_path)
    assert not problems.errors and any(note in w for w in problems.warnings)
    assert all(path.stem.endswith(left) for path in written)
    for path in written:
        assert edits.load(tmp_path, path.stem) == edits.load(generated(dataset), path.stem)


def test_boxes_of_aflw(copy, tmp_path):
    root, small = copy('aflw'), np.tile(np.array([70, 210, 60, 200], np.uint8), (7, 1))
    small[1, 1] = 220  # oblong
    edits.variables(edits.MAT, bbox=small, ra=np.arange(1, 8, dtype=np.uint8)[None])(root)
    edits.convert('aflw', root, tmp_path)
    first, second, *_ = edits.load(tmp_path, 'face_landmarks_aflw_train')['annotations']
    # 70 + 210 and 60 + 200 would overflow the uint8 they come in.
    assert (first['center'], first['scale'], first['box_size']) == ([140.0, 130.0], 0.7, 140.0)
    assert (second['center'], second['scale'], second['box_size']) == ([145.0, 130.0], 0.75, 150.0)
    wide = np.tile([0.0, 999, 0, 999], (7, 1))
    edits.variables(edits.MAT, bbox=wide, mask_new=np.ones((7, 19)))(root)
    edits.convert('aflw', root, tmp_path)
    faces = edits.load(tmp_path, 'face_landmarks_aflw_test')['annotations']
    assert all(face['subsets'] == ['frontal', 'frontal_in_box'] for face in faces)


def test_layouts_and_wrong_suffixes_of_aflw(copy, tmp_path, generated):
    root = copy('aflw')
    shutil.move(root / 'data/flickr', root / 'flickr')
    photo = next((root / 'flickr/0').iterdir())
    photo.rename(photo.with_suffix('.png'))
    assert not edits.convert('aflw', root, tmp_path)[1].errors
    for split in ('train', 'test'):
        name = f'face_landmarks_aflw_{split}'
        ours = edits.load(tmp_path, name)
        assert ours['annotations'] == edits.load(generated('aflw'), name)['annotations']
        for image in ours['images']:
            assert (tmp_path / 'images' / image['file_name']).is_file()


def test_negative_numbers_of_cofw_become_zero_as_published(copy, tmp_path):
    root = copy('cofw')
    edits.cofw('phisTr', 4, 1, -3.5)(root)
    edits.cofw('bboxesTr', 0, 1, -2.0)(root)
    warnings = edits.convert('cofw', root, tmp_path)[1].warnings
    annotation = edits.load(tmp_path, 'cofw_train')['annotations'][1]
    assert annotation['keypoints'][12] == 0 and annotation['bbox'][0] == 0
    assert any(w.endswith('face 2: a landmark at -4.5 px was moved to 0') for w in warnings)


def test_a_conversion_of_cofw_can_be_repeated(archive, tmp_path):
    edits.convert('cofw', archive('cofw'), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob('*/*.j*')}
    photos = sorted((tmp_path / 'images').iterdir())
    half, lost, *_ = photos
    half.write_bytes(half.read_bytes()[:99])
    lost.unlink()
    (tmp_path / 'images' / f'.{lost.name}.a1b2c3d4').write_bytes(b'killed here')
    assert not edits.convert('cofw', archive('cofw'), tmp_path)[1].errors
    assert before == {path: path.read_bytes() for path in tmp_path.glob('*/*.j*')}
    assert sorted((tmp_path / 'images').iterdir()) == photos


def test_what_cofw68_can_do_without(copy, tmp_path, generated):
    root, expected = copy('cofw'), edits.load(generated('cofw'), 'cofw68_test')
    edits.convert('cofw', root, tmp_path)
    for name in (edits.COFW, edits.TEST):  # photos of an earlier run will do
        (root / name).unlink()
    edits.variables(edits.POINTS, Points=np.transpose, Occ=np.transpose)(root)
    written, problems = edits.convert('cofw', root, tmp_path)
    assert len(written) == 1 and not problems.errors
    assert edits.load(tmp_path, 'cofw68_test') == expected
    (error,) = edits.convert('cofw', root, tmp_path / 'other')[1].errors
    assert 'test_annotations: COFW-68 needs the test photos' in error

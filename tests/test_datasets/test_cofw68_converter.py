import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from dataset_converters.cofw2coco import convert_cofw
from generated_faces import landmarks, occluded, render
from generated_faces.matlab_archives import cofw_faces, write_cofw_archive

NUM_TEST = 3
POINTS = 'test_annotations/{}_points.mat'
BOXES = 'cofw68_test_bboxes.mat'


@pytest.fixture(scope='session')
def archive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('cofw68') / 'archive'
    write_cofw_archive(folder, 1, NUM_TEST, seed=5)
    return folder


@pytest.fixture
def source(archive, tmp_path) -> Path:
    return shutil.copytree(archive, tmp_path / 'ñ source')


@pytest.fixture
def benchmark(source) -> Path:
    return source / 'cofw68-benchmark' / 'COFW68_Data'


def load(out):
    return json.loads((out / 'annotations' / 'cofw68_test.json').read_text())


def swap(name, **changes):
    """Change variables of a MATLAB 5 file; None drops one."""

    def spoil(benchmark):
        path = benchmark / name
        content = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith('__')}
        content |= {k: v(content[k]) if callable(v) else v for k, v in changes.items()}
        scipy.io.savemat(path, {k: v for k, v in content.items() if v is not None})

    return spoil


def test_mmpose_reads_it_as_300w(source, tmp_path):
    written, problems = convert_cofw(source, tmp_path / 'out')
    assert not problems.errors
    assert written[tmp_path / 'out' / 'annotations' / 'cofw68_test.json'] == NUM_TEST
    assert any('3 faces, the official set has 507' in w for w in problems.warnings)
    from mmpose.registry import DATASETS

    dataset = DATASETS.build(
        dict(
            type='Face300WDataset',
            data_root=str(tmp_path / 'out'),
            ann_file='annotations/cofw68_test.json',
            data_prefix=dict(img='images/'),
            pipeline=[dict(type='mmpose.LoadImage')],
            test_mode=True,
        )
    )
    assert [sample['id'] for sample in dataset] == [1346, 1347, 1348]
    for sample, face in zip(dataset, cofw_faces('test', NUM_TEST, seed=5), strict=True):
        points = landmarks(face, '300w')
        np.testing.assert_allclose(sample['keypoints'][0], points, atol=1e-4)
        assert sample['keypoints_visible'].all()
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        np.testing.assert_allclose(sample['bbox_center'][0], middle, atol=1)
        assert np.abs(sample['img'] - render(face).astype(float)).mean() < 4


def test_flags_and_detections(source, benchmark, tmp_path):
    convert_cofw(source, tmp_path)
    annotation = load(tmp_path)['annotations'][2]
    hidden = occluded(cofw_faces('test', NUM_TEST, seed=5)[2], '300w').astype(int)
    assert 0 < hidden.sum() < 68
    assert annotation['occluded'] == hidden.tolist()
    assert annotation['keypoints'][2::3] == (2 - hidden).tolist()
    assert annotation['num_keypoints'] == 68
    x, y, width, height = scipy.io.loadmat(benchmark / BOXES)['bboxes'][2].tolist()
    assert annotation['detection_box'] == [x - 1, y - 1, width, height]
    (benchmark / BOXES).unlink()
    convert_cofw(source, tmp_path)
    assert 'detection_box' not in load(tmp_path)['annotations'][2]


def test_orientation_of_the_variables_does_not_matter(source, benchmark, tmp_path):
    convert_cofw(source, tmp_path / 'a')
    swap(POINTS.format(2), Points=np.transpose, Occ=np.transpose)(benchmark)
    convert_cofw(source, tmp_path / 'b')
    assert load(tmp_path / 'a') == load(tmp_path / 'b')


def test_photos_of_an_earlier_run_will_do(source, benchmark, tmp_path):
    (error,) = convert_cofw(benchmark, tmp_path)[1].errors
    assert error.startswith(f'{benchmark / "test_annotations"}: COFW-68 needs the test photos')
    convert_cofw(source, tmp_path)
    expected = load(tmp_path)
    (tmp_path / 'annotations' / 'cofw68_test.json').unlink()
    written, problems = convert_cofw(benchmark, tmp_path)
    assert len(written) == 1 and not problems.errors and load(tmp_path) == expected


def test_a_bad_face_of_cofw_does_not_cost_the_68_points(source, tmp_path):
    import h5py

    with h5py.File(source / 'COFW_test_color.mat', 'r+') as file:
        file['phisT'][3, 1] = np.nan
    written, problems = convert_cofw(source, tmp_path, skip_bad=True)
    assert len(problems.errors) == 1 and list(written.values()) == [1, 2, 3]


FACE = POINTS.format(2)
BAD = [
    (lambda b: (b / FACE).unlink(), FACE, '001347.jpg is there; download it again'),
    (lambda b: (b / FACE).write_bytes((b / FACE).read_bytes()[:200]), FACE, 'unreadable MATLAB 5'),
    (lambda b: (b / FACE).write_text('no mat'), FACE, 'unreadable MATLAB 5'),
    (swap(FACE, Points=None), FACE, "no variable 'Points'"),
    (swap(FACE, Occ=None), FACE, "no variable 'Occ'"),
    (swap(FACE, Points=lambda v: v[:67]), FACE, 'Points is 67 x 2, 68 x 2 expected'),
    (swap(FACE, Points=np.ravel), FACE, 'Points is 1 x 136, 68 x 2 expected'),
    (swap(FACE, Points='left eye'), FACE, "'Points' is not numeric"),
    (swap(FACE, Points=lambda v: v * np.nan), FACE, 'landmark 0 is not finite'),
    (swap(FACE, Points=lambda v: v * 0), FACE, 'landmarks are in one place'),
    (swap(FACE, Points=lambda v: v + 900), FACE, 'it seems to belong to another photo'),
    (swap(FACE, Occ=lambda v: v[:, 1:]), FACE, 'Occ must be 68 flags of 0 or 1'),
    (swap(FACE, Occ=lambda v: v + 1), FACE, 'Occ must be 68 flags of 0 or 1'),
    (swap(BOXES, bboxes=lambda v: v * [1, 1, 0, 1]), f'{BOXES}, face 1', 'no usable box'),
    (swap(BOXES, bboxes=lambda v: v * np.nan), f'{BOXES}, face 1', 'no usable box: nan'),
    (swap(BOXES, bboxes=lambda v: v[:2]), f'{BOXES}, face 3', 'there are 2 boxes only'),
    (lambda b: shutil.copy(b / FACE, b / POINTS.format(9)), POINTS.format(9), 'no photo'),
]


@pytest.mark.parametrize(('spoil', 'place', 'words'), BAD, ids=range(len(BAD)))
def test_bad_input(source, benchmark, tmp_path, spoil, place, words):
    spoil(benchmark)
    written, problems = convert_cofw(source, tmp_path / 'out')
    assert not written and not (tmp_path / 'out' / 'annotations').exists()
    assert problems.errors[0].startswith(f'{benchmark / place}: ') and words in problems.errors[0]
    assert all('\n' not in error for error in problems.errors)


def test_an_unusable_file_of_boxes_is_done_without(source, benchmark, tmp_path):
    swap(BOXES, bboxes=lambda v: v[:, :3])(benchmark)
    written, problems = convert_cofw(source, tmp_path)
    assert len(written) == 3 and not problems.errors
    assert any(
        'bboxes is 3 x 3, 507 x 4 expected; the boxes are left' in w for w in problems.warnings
    )
    assert 'detection_box' not in load(tmp_path)['annotations'][0]


def test_skip_bad_keeps_the_numbers(source, benchmark, tmp_path):
    (benchmark / FACE).unlink()
    written, _ = convert_cofw(source, tmp_path, skip_bad=True)
    assert list(written.values()) == [1, 3, 2]
    assert [annotation['id'] for annotation in load(tmp_path)['annotations']] == [1346, 1348]


def test_a_folder_without_annotations(source, benchmark, tmp_path):
    for number in range(1, NUM_TEST + 1):
        (benchmark / POINTS.format(number)).unlink()
    (error,) = convert_cofw(source, tmp_path)[1].errors
    assert error.startswith(f'{benchmark / "test_annotations"}: no N_points.mat in it')

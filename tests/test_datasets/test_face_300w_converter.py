import json
import os
import zlib

import cv2
import numpy as np
import pytest
import scipy.io
from conftest import run_tool
from dataset_converters import convert_300w

CLI = 'dataset_converters/300w2coco.py'
WIDTH, HEIGHT = 97, 83


def pts_text(points_one_based):
    rows = [f'{x:.6f} {y:.6f}' for x, y in points_one_based]
    return '\n'.join(['version: 1', 'n_points: 68', '{', *rows, '}', ''])


def add_face(root, folder, name, suffix='.jpg', seed=0, shape=(HEIGHT, WIDTH)):
    """Write a random photo and its annotation; return the 1-based points as written."""
    rng = np.random.default_rng(seed)
    path = root / folder
    path.mkdir(parents=True, exist_ok=True)
    photo = rng.integers(0, 255, (*shape, 3), dtype=np.uint8)
    (path / f'{name}{suffix}').write_bytes(cv2.imencode(suffix, photo)[1].tobytes())
    points = rng.uniform((20, 15), (70, 60), (68, 2)).round(3)
    (path / f'{name}.pts').write_text(pts_text(points))
    return points


@pytest.fixture
def tree(tmp_path):
    """One face in each folder of the public archives; LFPW's are PNGs, as in the original."""
    root = tmp_path / 'Gesichter ñ 脸'
    points = {}
    for seed, folder in enumerate(
        ['afw', 'helen/trainset', 'lfpw/trainset', 'helen/testset', 'lfpw/testset', 'ibug']
    ):
        suffix = '.png' if 'lfpw' in folder else '.jpg'
        points[folder] = add_face(root, folder, f'face {seed}_1', suffix, seed)
    return root, points, tmp_path / 'out'


def load(out, split):
    return json.loads((out / 'annotations' / f'face_landmarks_300w_{split}.json').read_text())


def test_splits_subsets_and_schema(tree):
    root, points, out = tree
    written, problems = convert_300w(root, out)
    assert not problems.errors
    assert [path.name for path in written] == [
        'face_landmarks_300w_train.json',
        'face_landmarks_300w_valid.json',
    ]
    assert list(written.values()) == [3, 3]
    train, valid = load(out, 'train'), load(out, 'valid')
    assert [image['file_name'] for image in train['images']] == [
        'afw/face 0_1.jpg',
        'helen/trainset/face 1_1.jpg',
        'lfpw/trainset/face 2_1.png',
    ]
    assert [ann['subsets'] for ann in valid['annotations']] == [
        ['common'],
        ['common'],
        ['challenge'],
    ]
    assert valid['images'][2] == {
        'id': 3,
        'file_name': 'ibug/face 5_1.jpg',
        'width': WIDTH,
        'height': HEIGHT,
        'crc32': zlib.crc32((out / 'images/ibug/face 5_1.jpg').read_bytes()),
    }
    ann = valid['annotations'][2]
    assert (ann['id'], ann['image_id'], ann['category_id'], ann['iscrowd']) == (3, 3, 1, 0)
    assert ann['num_keypoints'] == 68
    keypoints = np.array(ann['keypoints']).reshape(68, 3)
    np.testing.assert_allclose(keypoints[:, :2], points['ibug'] - 1, atol=1e-9)
    assert (keypoints[:, 2] == 1).all()
    assert not list((out / 'annotations').glob('.*'))  # no temporary file left


def test_counts_are_compared_with_the_official_ones(tree):
    root, _, out = tree
    problems = convert_300w(root, out)[1]
    assert len(problems.warnings) == 6
    assert any('afw: 1 faces, the official set has 337' in w for w in problems.warnings)


def test_private_test_set(tree):
    root, _, out = tree
    add_face(root, '300W/01_Indoor', 'indoor_001', '.png', 7)
    add_face(root, '300W/02_Outdoor', 'outdoor_001', '.png', 8)
    convert_300w(root, out)
    assert [a['subsets'] for a in load(out, 'test')['annotations']] == [['indoor'], ['outdoor']]


@pytest.mark.parametrize(
    ('number', 'text', 'message'),
    [
        (1, 'version: 2', "face 0_1.pts:1: 'version: 1' expected, got 'version: 2'"),
        (2, 'n_points: 29', ".pts:2: 'n_points: 68' expected, got 'n_points: 29'"),
        (3, '', ".pts:3: '{' expected, got ''"),
        (10, '1 2 3', ".pts:10: two numbers 'x y' expected, got '1 2 3'"),
        (10, '1 zwei', ".pts:10: two numbers 'x y' expected, got '1 zwei'"),
        (10, '12.5 nan', '.pts:10: coordinates must be finite'),
        (10, 'inf 3', '.pts:10: coordinates must be finite'),
        (10, '400 30', 'it seems to belong to another photo'),
        (10, '3 4\n5 6', '.pts:73: 69 points, 68 expected'),
        (10, None, '.pts:71: 67 points, 68 expected'),
        (72, None, ".pts:71: the closing '}' is missing"),
        (72, '}\nmore', ".pts:73: text after the closing '}'"),
    ],
)
def test_bad_annotations(tree, number, text, message):
    root, _, out = tree
    path = root / 'afw' / 'face 0_1.pts'
    lines = path.read_text().splitlines()
    lines[number - 1 : number] = [] if text is None else [text]
    path.write_text('\n'.join(lines) + '\n')
    written, problems = convert_300w(root, out)
    assert len(problems.errors) == 1 and '\n' not in problems.errors[0]
    assert message in problems.errors[0]
    assert not written and not out.exists()


def test_line_ends_and_blank_tail_do_not_matter(tree):
    root, points, out = tree
    path = root / 'afw' / 'face 0_1.pts'
    text = path.read_text().replace('n_points: ', 'n_points:  ').replace('\n', ' \r\n')
    path.write_bytes((text + '\r\n').encode())
    assert not convert_300w(root, out)[1].errors
    xy = np.reshape(load(out, 'train')['annotations'][0]['keypoints'], (68, 3))[:, :2]
    np.testing.assert_allclose(xy, points['afw'] - 1, atol=1e-9)


OUTSIDE = 'a landmark lies 5 px outside the 97x83 photo; kept'


@pytest.mark.parametrize(('x', 'noted'), [(WIDTH + 0.9, []), (WIDTH + 5.0, [OUTSIDE])])
def test_landmarks_a_little_outside_are_kept(tree, x, noted):
    root, points, out = tree
    points['afw'][3, 0] = x  # 1-based: the last column's centre is at WIDTH
    (root / 'afw' / 'face 0_1.pts').write_text(pts_text(points['afw']))
    written, problems = convert_300w(root, out)
    assert written and not problems.errors
    assert [w.split(': ')[1] for w in problems.warnings if 'outside' in w] == noted
    assert load(out, 'train')['annotations'][0]['keypoints'][9] == pytest.approx(x - 1)


def test_bad_files_are_all_reported_and_nothing_is_written(tree):
    root, _, out = tree
    jpg = root / 'helen/trainset/face 1_1.jpg'
    jpg.write_bytes(jpg.read_bytes()[:-900])
    png = root / 'lfpw/trainset/face 2_1.png'
    png.write_bytes(png.read_bytes()[:-900])
    (root / 'ibug/face 5_1.jpg').write_text('no photo')
    (root / 'afw/face 0_1.pts').unlink()
    (root / 'lfpw/testset/face 4_1.png').unlink()
    add_face(root, 'helen/testset', 'face 3_1', '.png')  # beside the .jpg of that name
    written, problems = convert_300w(root, out)
    assert not written and not out.exists()
    report = '\n'.join(problems.errors)
    assert len(problems.errors) == 6
    assert 'no annotation face 0_1.pts' in report
    assert 'no photo face 4_1.jpg' in report
    assert 'several photos (face 3_1.jpg, face 3_1.png)' in report
    assert report.count('unreadable photo') == 3


def test_skip_bad_with_nothing_left(tmp_path):
    add_face(tmp_path, 'afw', 'a')
    (tmp_path / 'afw/a.pts').write_text('')
    written, problems = convert_300w(tmp_path, tmp_path / 'out', skip_bad=True)
    assert not written and 'no usable face is left' in problems.errors[-1]


def test_nothing_found_names_the_layout(tmp_path):
    written, problems = convert_300w(tmp_path, tmp_path / 'out')
    assert not written and not problems.warnings
    assert len(problems.errors) == 1 and 'helen/trainset' in problems.errors[0]


def test_existing_images_folder_is_left_alone(tree):
    root, _, out = tree
    (out / 'images').mkdir(parents=True)
    written, problems = convert_300w(root, out)
    assert written and (out / 'images').is_dir() and not (out / 'images').is_symlink()
    assert 'data_prefix=dict(img=...)' in problems.warnings[-1]


def test_link_is_relative_and_a_second_run_keeps_it(tree):
    root, _, out = tree
    convert_300w(root, out)
    first = load(out, 'train')
    assert not os.path.isabs(os.readlink(out / 'images'))
    assert (out / 'images').samefile(root)
    problems = convert_300w(root, out)[1]
    assert not any('images' in w for w in problems.warnings)
    assert load(out, 'train') == first


def test_command(tree, monkeypatch, capsys):
    root, _, out = tree
    (root / 'afw/face 0_1.pts').unlink()
    assert run_tool(monkeypatch, CLI, root, out) == 1 and not out.exists()
    said = capsys.readouterr()
    assert 'ERROR' in said.err and '--skip-bad' in said.err
    assert run_tool(monkeypatch, CLI, root, out, '--skip-bad') == 0
    said = capsys.readouterr()
    assert 'face_landmarks_300w_train.json: 2 faces' in said.out
    assert 'left out: 1' in said.err
    assert len(load(out, 'train')['images']) == 2


def test_faces_framed_by_the_detector_of_the_archive(tree, monkeypatch, capsys):
    root, points, out = tree
    boxes = root / 'Bounding Boxes'
    boxes.mkdir()
    for seed, folder in enumerate(points):
        cell = np.empty((1, 1), object)
        box = np.array([[11.0 + seed, 13, 61 + seed, 83]])
        cell[0, 0] = dict(imgName=f'face {seed}_1.jpg', bb_detector=box, bb_ground_truth=box * 0)
        path = boxes / f'bounding_boxes_{folder.replace("/", "_")}.mat'
        scipy.io.savemat(path, dict(bounding_boxes=cell))
    assert not run_tool(monkeypatch, CLI, root, out, '--boxes', 'detector')
    (face, *_) = load(out, 'train')['annotations']
    assert face['bbox'] == [10, 12, 50, 70] and face['scale'] == 70 / 200
    assert face['center'] == [35, 47]
    assert load(out, 'valid')['annotations'][2]['bbox'] == [15, 12, 50, 70]
    path.unlink()
    assert run_tool(monkeypatch, CLI, root, out, '--boxes', 'detector') == 1
    assert 'no box of it in bounding_boxes_*.mat' in capsys.readouterr().err

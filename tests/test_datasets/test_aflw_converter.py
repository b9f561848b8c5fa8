import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import run_tool
from dataset_converters.aflw2coco import convert_aflw
from generated_faces import landmarks, random_face, render
from generated_faces.matlab_archives import write_aflw_archive
from scipy.io import savemat

CLI = 'dataset_converters/aflw2coco.py'
WIDTH, HEIGHT = 231, 187
NAMES = ['0/image00013.jpg', '2/grün 脸.jpg', '0/image00013.jpg', '3/image00007.jpg', '2/a.jpg']
ORDER = [4, 1, 5, 3, 2]  # 1-based, as in the file; the first three are for training


def cells(names):
    column = np.empty((len(names), 1), dtype=object)
    column[:, 0] = names
    return column


def columns():
    """Five faces; boxes and order in the small types that MATLAB saves whole numbers in."""
    points = np.random.default_rng(5).uniform((90, 40), (190, 150), (5, 19, 2)).round(3)
    mask = np.ones((5, 19), np.uint8)
    mask[0, [4, 17]] = 0
    boxes = np.tile(np.array([80, 200, 36, 156], np.uint8), (5, 1))
    boxes[2] = 70, 210, 60, 200  # some of face 3's landmarks lie above
    data = np.hstack([points[..., 0], points[..., 1]])
    ra = np.array([ORDER], np.uint8)
    return dict(bbox=boxes, data=data, mask_new=mask, nameList=cells(NAMES), ra=ra)


def write(root, **changes):
    """Write an archive; a change of None drops the variable."""
    photo = cv2.imencode('.jpg', np.full((HEIGHT, WIDTH, 3), 90, np.uint8))[1].tobytes()
    for name in set(NAMES):
        path = root / 'data/flickr' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)
    content = {k: v for k, v in {**columns(), **changes}.items() if v is not None}
    savemat(root / 'AFLWinfo_release.mat', content)
    return root


def load(out, split):
    return json.loads((out / f'annotations/face_landmarks_aflw_{split}.json').read_text())


@pytest.fixture
def tree(tmp_path):
    return write(tmp_path / 'Gesichter'), tmp_path / 'out'


def test_splits_numbers_and_schema(tree):
    root, out = tree
    assert list(convert_aflw(root, out, num_train=3)[0].values()) == [3, 2]
    train, test = load(out, 'train'), load(out, 'test')
    assert [a['id'] for a in train['annotations']] == ORDER[:3]
    assert [a['id'] for a in test['annotations']] == ORDER[3:]
    assert list(train['images'][1].values())[:-1] == [1, f'flickr/{NAMES[0]}', WIDTH, HEIGHT]
    face = test['annotations'][0]
    keypoints = np.array(face['keypoints']).reshape(19, 3)
    data = columns()['data']
    np.testing.assert_array_equal(keypoints[:, 0], data[2, :19])
    np.testing.assert_array_equal(keypoints[:, 1], data[2, 19:])
    assert (keypoints[:, 2] == 1).all()
    # Its rectangle is 140 x 140; 70 + 210 and 60 + 200 would overflow the uint8 they come in.
    assert (face['center'], face['scale'], str(face['box_size'])) == ([140.0, 130.0], 0.7, '140.0')


def test_hidden_landmarks_and_subsets(tree):
    root, out = tree
    convert_aflw(root, out, num_train=1)
    faces = {face['id']: face for face in load(out, 'test')['annotations']}
    assert [i for i, hidden in enumerate(faces[1]['occluded']) if hidden] == [4, 17]
    assert np.array(faces[1]['keypoints'])[2::3].all()  # they count in training and scores
    both = ['frontal', 'frontal_in_box']
    subsets = {number: face['subsets'] for number, face in faces.items()}
    assert subsets == {1: [], 5: both, 3: ['frontal'], 2: both}
    assert load(out, 'train')['annotations'][0]['subsets'] == []


def test_counts_are_compared_with_the_official_ones(tree, monkeypatch):
    root, out = tree
    notes = convert_aflw(root, out, num_train=3)[1].warnings
    counts = [(3, 'train', 20000), (2, 'test', 4386), (2, 'frontal', 1314)]
    for note, (found, name, official) in zip(notes, counts, strict=True):
        assert f': {found} {name} faces, the official set has {official}; scores' in note
    for name, count in dict(NUM_TRAIN=3, NUM_TEST=2, NUM_FRONTAL=2).items():
        monkeypatch.setattr(f'dataset_converters.aflw2coco.{name}', count)
    notes = convert_aflw(root, out, num_train=3)[1].warnings
    assert len(notes) == 1 and '1 frontal_in_box faces, so this is not the subset' in notes[0]
    monkeypatch.setattr('dataset_converters.aflw2coco.NUM_FRONTAL_CCL', 1)
    assert not convert_aflw(root, out, num_train=3)[1].warnings


def test_oblong_boxes_are_noted(tree):
    root, out = tree
    boxes = columns()['bbox']
    boxes[1, 1] = 210
    write(root, bbox=boxes)
    assert '1 face boxes are no squares' in convert_aflw(root, out, num_train=3)[1].warnings[-1]
    face = load(out, 'test')['annotations'][1]
    assert (face['box_size'], face['scale'], face['center']) == (130.0, 0.65, [145.0, 96.0])


def test_layouts_and_link(tree):
    root, out = tree
    convert_aflw(root, out, num_train=3)
    first = {path.name: path.read_bytes() for path in (out / 'annotations').iterdir()}
    assert sorted(first) == ['face_landmarks_aflw_test.json', 'face_landmarks_aflw_train.json']
    assert (out / 'images').is_symlink() and (out / 'images').samefile(root / 'data')
    (root / 'data/flickr').rename(root / 'flickr')
    (root / 'data').rmdir()
    (out / 'images').unlink()
    convert_aflw(root, out, num_train=3)
    assert (out / 'images/flickr' / NAMES[4]).is_file()
    assert {path.name: path.read_bytes() for path in (out / 'annotations').iterdir()} == first


def test_wrong_suffix_in_the_list(tree):
    root, out = tree
    photo = root / 'data/flickr' / NAMES[3]
    photo.rename(photo.with_suffix('.png'))
    assert not convert_aflw(root, out, num_train=3)[1].errors
    assert load(out, 'train')['images'][0]['file_name'] == 'flickr/3/image00007.png'


def changed(name, index, value):
    column = columns()[name]
    column = column.astype(float) if column.dtype.kind != 'O' else column
    column[index] = value
    return {name: column}


def refuse(root, out, skip_bad=False, num_train=3):
    """Convert, and return the one line that says why nothing was written."""
    written, problems = convert_aflw(root, out, skip_bad, num_train)
    assert not written and not out.exists()
    assert len(problems.errors) == 1 and '\n' not in problems.errors[0]
    return problems.errors[0]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (changed('data', (1, 3), np.nan), '.mat: face 2: landmark 3 is not finite'),
        (changed('data', 1, 7.0), '.mat: face 2: all 19 landmarks are in one place'),
        (changed('data', 1, 900.0 + np.arange(38)), 'face 2: a landmark lies 751 px outside'),
        (changed('bbox', (1, 1), 80), "face 2: 'bbox' has no area: x 80 to 80, y 36 to 156"),
        (changed('bbox', (1, 3), 30), "face 2: 'bbox' has no area: x 80 to 200, y 36 to 30"),
        (changed('bbox', (1, 1), np.inf), 'face 2: the face box is not finite'),
        (changed('mask_new', (1, 5), 2), "face 2: 'mask_new' must be 0 or 1, got [1.0, "),
        (changed('nameList', (1, 0), '2/none.jpg'), 'none.jpg; unpack it'),
        (changed('nameList', (1, 0), '../../../x.jpg'), "face 2: '../../../x.jpg' is no name of"),
        (changed('nameList', (1, 0), '/etc/hosts'), "face 2: '/etc/hosts' is no name of a photo"),
        (changed('nameList', (1, 0), ''), "face 2: 'nameList' has no name for it"),
    ],
)
def test_bad_faces(tree, change, message):
    root, out = tree
    write(root, **change)
    assert message in refuse(root, out)
    written, problems = convert_aflw(root, out, skip_bad=True, num_train=3)
    assert list(written.values()) == [3, 1] and len(problems.errors) == 1
    assert [face['id'] for face in load(out, 'test')['annotations']] == [3]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(mask_new=None), "no variable 'mask_new'"),
        (dict(data=np.ones((5, 42))), "'data' has shape (5, 42), (5, 38) expected"),
        (dict(bbox=np.ones((4, 4))), "'bbox' has shape (4, 4), (5, 4) expected"),
        (dict(nameList=np.array(NAMES)), "'nameList' is no array of cells"),
        (dict(data=cells(NAMES)), "'data' is no array of numbers"),
        (changed('ra', (0, 1), 1.5), "'ra' does not hold each of 1 to 5 once"),
        (dict(ra=np.array([[1, 2, 3, 4]])), "'ra' does not hold each of 1 to 5 once"),
    ],
)
def test_wrong_mat(tree, change, message):
    root, out = tree
    write(root, **change)
    assert f'AFLWinfo_release.mat: {message}' in refuse(root, out, skip_bad=True)


@pytest.mark.parametrize('size', [0, 700])
def test_truncated_mat(tree, size):
    root, out = tree
    path = root / 'AFLWinfo_release.mat'
    path.write_bytes(path.read_bytes()[:size])
    error = refuse(root, out, skip_bad=True)
    assert error.startswith(f'{path}: ') and error.endswith('; download it again')


def test_missing_parts_and_matlab_73(tree, tmp_path):
    root, out = tree
    path = root / 'AFLWinfo_release.mat'
    path.write_bytes(b'MATLAB 7.3 MAT-file'.ljust(124) + b'\x00\x02IM' + b'\x89HDF\r\n\x1a\n')
    assert refuse(root, out) == f"{path}: MATLAB 7.3; save it in MATLAB with '-v7'"
    path.unlink()
    assert 'no AFLWinfo_release.mat in it' in refuse(root, out)
    savemat(tmp_path / path.name, columns())
    assert 'no flickr in it' in refuse(tmp_path, out)


def test_command(tree, monkeypatch, capsys):
    root, out = tree
    assert run_tool(monkeypatch, CLI, root, out) == 1 and not out.exists()
    assert '5 faces, 20000 of them for training: none is left' in capsys.readouterr().err
    assert run_tool(monkeypatch, CLI, '--help') == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ('research only', 'compositional.html', '1165'))


@pytest.mark.parametrize(('split', 'test_mode'), [('train', False), ('test', True)])
def test_from_archive_to_mmpose(tmp_path, split, test_mode):
    from mmpose.registry import DATASETS

    write_aflw_archive(tmp_path / 'archive', num_train=5, num_test=4, seed=3)
    _, problems = convert_aflw(tmp_path / 'archive', tmp_path / 'aflw', num_train=5)
    assert not problems.errors
    config = dict(
        data_root=str(tmp_path / 'aflw'),
        ann_file=f'annotations/face_landmarks_aflw_{split}.json',
        data_prefix=dict(img='images/'),
        pipeline=[dict(type='mmpose.LoadImage')],
    )
    dataset = DATASETS.build(dict(type='AFLWDataset', test_mode=test_mode, **config))
    assert len(dataset) == dict(train=5, test=4)[split]
    for sample in dataset:
        face = random_face([3, 19, sample['id']], hard=sample['id'] % 3 == 0)
        # Face 5 shares a photo with face 4, and begins where that one's picture ends.
        left = random_face([3, 19, 4]).width if sample['id'] == 5 else 0
        found = sample['keypoints'][0]
        np.testing.assert_allclose(found, landmarks(face, 'aflw') + (left, 0), atol=1e-4)
        drawn = sample['img'][: face.height, left : left + face.width].astype(int)
        assert np.abs(drawn - render(face)).mean() < 8  # JPEG
        assert (np.abs(sample['bbox_center'][0] - found.mean(axis=0)) < 25).all()
        assert not test_mode or sample['box_size'] == sample['bbox_scale'][0, 0] > 100


def test_published_annotations_are_reproduced(tmp_path):
    folder = os.environ.get('MHHN_SAMPLES')
    if not folder:
        pytest.skip('set MHHN_SAMPLES to the folder of real samples to run this')
    published = json.loads((Path(folder) / 'aflw/test_aflw.json').read_text())
    (tmp_path / 'flickr').symlink_to(Path(folder).resolve())
    faces = published['annotations']
    points = np.array([face['keypoints'] for face in faces]).reshape(2, 19, 3)
    center, half = np.array([f['center'] for f in faces]), [[f['box_size'] / 2] for f in faces]
    boxes = np.stack([center - half, center + half], axis=2).reshape(2, 4)
    data = points[..., :2].transpose(0, 2, 1).reshape(2, 38)
    names = cells([f'aflw/{image["file_name"]}' for image in published['images']])
    content = dict(bbox=boxes, data=data, mask_new=np.ones((2, 19)), nameList=names, ra=[[2, 1]])
    savemat(tmp_path / 'AFLWinfo_release.mat', content)
    convert_aflw(tmp_path, tmp_path / 'out', num_train=1)
    for face, split in zip(faces, ('test', 'train'), strict=True):
        found = load(tmp_path / 'out', split)['annotations'][0]
        for key in ('keypoints', 'bbox', 'area', 'center', 'scale', 'box_size', 'num_keypoints'):
            np.testing.assert_allclose(found[key], face[key], rtol=1e-12, err_msg=key)
        assert found.keys() == face.keys() | {'subsets', 'occluded'}

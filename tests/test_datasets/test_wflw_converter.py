import json
import os
import shutil
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import run_tool
from dataset_converters import wflw2coco as wflw
from dataset_converters.wflw2coco import convert_wflw
from generated_faces import archives, landmarks, occluded, render
from generated_faces.archives import write_wflw_archive

CLI = 'dataset_converters/wflw2coco.py'
LISTS = Path('WFLW_annotations', 'list_98pt_rect_attr_train_test')
WIDTH, HEIGHT = 97, 83
NAMES = ['0--Parade/a_1.jpg', '0--Parade/a_1.jpg', '12--Group/größe 2 脸.jpg']


def face_line(name, seed, flags='0 0 0 0 0 0', box='19 14 71 61'):
    """Return a list's line and its points, (98, 2) as written."""
    points = np.random.default_rng(seed).uniform((20, 15), (70, 60), (98, 2)).round(6)
    return f'{" ".join(f"{v:.6f}" for v in points.ravel())} {box} {flags} {name}', points


def list_path(root, split):
    return root / LISTS / f'list_98pt_rect_attr_{split}.txt'


@pytest.fixture
def tree(tmp_path):
    """Three training faces on two photos, one test face."""
    root, rng = tmp_path / 'Gesichter ñ 脸', np.random.default_rng(5)
    (root / LISTS).mkdir(parents=True)
    for name in {*NAMES, 'b.jpg'}:
        path = root / 'WFLW_images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        path.write_bytes(cv2.imencode('.jpg', photo)[1].tobytes())
    flags = ['1 0 0 1 0 1', '0 0 0 0 0 0', '0 1 1 0 1 0']
    train = [face_line(*row) for row in zip(NAMES, range(3), flags, strict=True)]
    test = [face_line('b.jpg', 9)]
    for split, faces in (('train', train), ('test', test)):
        text = '\n'.join(line for line, _ in faces) + '\n'
        list_path(root, split).write_text(text, encoding='utf-8')
    return root, [points for _, points in train], tmp_path / 'out'


def load(out, split):
    return json.loads((out / 'annotations' / f'face_landmarks_wflw_{split}.json').read_text())


def change_line(root, change, number=2):
    """Apply ``change`` to the fields of a line of the training list."""
    path = list_path(root, 'train')
    lines = path.read_text(encoding='utf-8').splitlines()
    fields = lines[number - 1].split(maxsplit=206)
    change(fields)
    lines[number - 1] = ' '.join(fields)
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def test_splits_subsets_and_schema(tree):
    root, points, out = tree
    written, problems = convert_wflw(root, out)
    assert not problems.errors
    assert {path.name: n for path, n in written.items()} == {
        'face_landmarks_wflw_train.json': 3,
        'face_landmarks_wflw_test.json': 1,
    }
    train = load(out, 'train')
    sums = [zlib.crc32((out / 'images' / NAMES[i]).read_bytes()) for i in (0, 2)]
    assert train['images'] == [
        dict(id=1, file_name=NAMES[0], width=WIDTH, height=HEIGHT, crc32=sums[0]),
        dict(id=3, file_name=NAMES[2], width=WIDTH, height=HEIGHT, crc32=sums[1]),
    ]
    assert [a['subsets'] for a in train['annotations']] == [
        ['pose', 'makeup', 'blur'],
        [],
        ['expression', 'illumination', 'occlusion'],
    ]
    assert [a['image_id'] for a in train['annotations']] == [1, 1, 3]
    for annotation, expected in zip(train['annotations'], points, strict=True):
        keypoints = np.reshape(annotation['keypoints'], (98, 3))
        assert (keypoints[:, :2] == expected).all() and (keypoints[:, 2] == 1).all()
        assert (annotation['iscrowd'], annotation['num_keypoints']) == (0, 98)
        assert not {'rect', 'is_crowd'} & annotation.keys()
    assert not list((out / 'annotations').glob('.*'))  # no temporary file left
    before = (out / 'annotations' / 'face_landmarks_wflw_train.json').read_bytes()
    convert_wflw(root, out)
    assert (out / 'annotations' / 'face_landmarks_wflw_train.json').read_bytes() == before


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda f: f.pop(3), '206 fields, 207 expected; the line is cut'),
        (lambda f: f.insert(0, '5.0'), '208 fields, 207 expected: the box has no area'),
        (lambda f: f.insert(206, '0'), '208 fields, 207 expected: name: no photo'),
        (lambda f: f.__setitem__(7, 'drei'), "y of landmark 3 (field 8) is no finite number: 'dr"),
        (lambda f: f.__setitem__(194, 'nan'), 'x of landmark 97 (field 195) is no finite number'),
        (lambda f: f.__setitem__(0, '-inf'), "x of landmark 0 (field 1) is no finite number: '-i"),
        (lambda f: f.__setitem__(199, 'nan'), 'y_max of the box (field 200) is no finite number'),
        (lambda f: f.__setitem__(198, '19'), 'the box has no area: 19,14 to 19,61'),
        (lambda f: f.__setitem__(203, '2'), "attribute makeup must be 0 or 1, got '2'"),
        (lambda f: f.__setitem__(206, 'c.jpg'), 'c.jpg; unpack it'),
        (lambda f: f.__setitem__(206, '../b.jpg'), "'../b.jpg' is no name of a photo inside"),
        (lambda f: f.__setitem__(0, '400'), 'it seems to belong to another photo'),
        (lambda f: f.__setitem__(slice(196), ['30'] * 196), 'landmarks are in one place'),
    ],
)
def test_bad_lines(tree, change, message):
    root, points, out = tree
    change_line(root, change)
    written, problems = convert_wflw(root, out)
    assert len(problems.errors) == 1 and '\n' not in problems.errors[0]
    assert problems.errors[0].startswith(f'{list_path(root, "train")}:2: ')
    assert message in problems.errors[0]
    assert not written and not out.exists()
    written, problems = convert_wflw(root, out, skip_bad=True)
    assert list(written.values()) == [2, 1] and len(problems.errors) == 1
    keypoints = np.reshape(load(out, 'train')['annotations'][1]['keypoints'], (98, 3))
    assert (keypoints[:, :2] == points[2]).all()


def test_line_ends_byte_order_mark_and_empty_lines_do_not_matter(tree):
    root, points, out = tree
    path = list_path(root, 'train')
    text = path.read_text(encoding='utf-8').replace('\n', ' \r\n') + '\r\n \n\n'
    path.write_bytes(('\ufeff' + text).encode())
    assert not convert_wflw(root, out)[1].errors
    assert load(out, 'train')['annotations'][0]['keypoints'][0] == points[0][0, 0]
    assert len(load(out, 'train')['annotations']) == 3


def test_one_line_that_is_no_text_costs_one_face(tree):
    root, _, out = tree
    path = list_path(root, 'train')
    good = path.read_bytes()
    path.write_bytes(good + good.replace(b'.jpg', b'\xff.jpg'))
    written, problems = convert_wflw(root, out, skip_bad=True)
    assert sorted(written.values()) == [1, 3]
    assert len(problems.errors) == 3
    assert all('no UTF-8' in error for error in problems.errors)


def test_a_missing_list_is_noted_and_two_are_an_error(tree):
    root, _, out = tree
    list_path(root, 'train').unlink()
    written, problems = convert_wflw(root, out)
    assert [path.name for path in written] == ['face_landmarks_wflw_test.json']
    assert not problems.errors
    assert any('attr_train.txt: missing, so no file' in w for w in problems.warnings)
    list_path(root, 'test').unlink()
    written, problems = convert_wflw(root, out)
    assert not written and len(problems.errors) == 1
    assert f'neither {LISTS.as_posix()}/list_98pt_rect_attr_train.txt nor' in problems.errors[0]


def test_missing_photos_are_one_line(tree):
    root, _, out = tree
    shutil.rmtree(root / 'WFLW_images')
    written, problems = convert_wflw(root, out)
    assert not written and problems.errors == [
        f'{root / "WFLW_images"}: no such folder; unpack the photos of WFLW there'
    ]


def test_counts_are_compared_with_the_official_ones(tree, monkeypatch):
    root, _, out = tree
    warnings = convert_wflw(root, out)[1].warnings
    assert [w.split('txt: ')[1].split(';')[0] for w in warnings] == [
        '3 faces, the official set has 7500',
        '1 faces, the official set has 2500',
    ]
    # A test list of the official size: as if that were 1, with no face of any attribute but blur.
    monkeypatch.setattr(wflw, 'SPLITS', dict(train=3, test=1))
    monkeypatch.setattr(wflw, 'ATTRIBUTES', dict.fromkeys(wflw.ATTRIBUTES, 0) | dict(blur=1))
    (warning,) = convert_wflw(root, out)[1].warnings
    assert '0 faces with attribute blur, the official set has 1' in warning


def test_published_annotations_are_reproduced(tmp_path):
    folder = Path(os.environ.get('MHHN_SAMPLES', '')) / 'wflw'
    if not (folder / 'test_wflw.json').is_file():
        pytest.skip('set MHHN_SAMPLES to a folder of real samples to run this')
    published = json.loads((folder / 'test_wflw.json').read_text())
    names = {image['id']: image['file_name'] for image in published['images']}
    shutil.copytree(folder, tmp_path / 'WFLW_images')
    (tmp_path / LISTS).mkdir(parents=True)
    lines = []
    for ann in published['annotations']:
        xy = np.reshape(ann['keypoints'], (98, 3))[:, :2].ravel()
        numbers = ' '.join(f'{value:.6f}' for value in xy)
        lines.append(f'{numbers} 1 2 3 4 0 0 0 0 0 1 {names[ann["image_id"]]}')
    list_path(tmp_path, 'test').write_text('\n'.join(lines))
    assert not convert_wflw(tmp_path, tmp_path / 'out')[1].errors
    ours = load(tmp_path / 'out', 'test')
    sizes = [(i['file_name'], i['width'], i['height']) for i in ours['images']]
    assert sizes == [(i['file_name'], i['width'], i['height']) for i in published['images']]
    for mine, theirs in zip(ours['annotations'], published['annotations'], strict=True):
        assert theirs.keys() <= mine.keys()
        assert (mine['center'], mine['scale']) == (theirs['center'], theirs['scale'])
        np.testing.assert_allclose(mine['keypoints'], theirs['keypoints'], rtol=0, atol=1e-9)


def test_command(tree, monkeypatch, capsys):
    root, _, out = tree
    change_line(root, lambda fields: fields.pop())
    assert run_tool(monkeypatch, CLI, root, out) == 1 and not out.exists()
    said = capsys.readouterr().err
    assert 'attr_train.txt:2: 206 fields' in said and '--skip-bad' in said
    assert run_tool(monkeypatch, CLI, root, out, '--skip-bad') == 0
    assert 'face_landmarks_wflw_train.json: 2 faces' in capsys.readouterr().out
    assert run_tool(monkeypatch, CLI, '--help') == 0
    text = capsys.readouterr().out
    assert 'https://wywu.github.io/projects/LAB/WFLW.html' in text and 'research only' in text


def test_generated_archive_through_mmpose(tmp_path):
    from mmpose.registry import DATASETS

    write_wflw_archive(tmp_path / 'archive', 5, 3, seed=4)
    written, problems = convert_wflw(tmp_path / 'archive', tmp_path / 'wflw')
    assert not problems.errors and list(written.values()) == [5, 3]
    for split, count in (('train', 5), ('test', 3)):
        dataset = DATASETS.build(
            dict(
                type='WFLWDataset',
                data_root=str(tmp_path / 'wflw'),
                ann_file=f'annotations/face_landmarks_wflw_{split}.json',
                data_prefix=dict(img='images/'),
                pipeline=[dict(type='mmpose.LoadImage')],
            )
        )
        annotations = load(tmp_path / 'wflw', split)['annotations']
        faces = [archives.wflw_face(split, number, 4) for number in range(count)]
        assert len(dataset) == len(annotations) == count
        for number, (sample, ann, face) in enumerate(zip(dataset, annotations, faces, strict=True)):
            left = faces[0].width if number == 1 else 0  # the first two share a photo
            points = landmarks(face, 'wflw') + (left, 0)
            xy = np.reshape(ann['keypoints'], (98, 3))[:, :2]
            np.testing.assert_allclose(xy, points, rtol=0, atol=5.1e-7)  # the list's six decimals
            assert (sample['keypoints'][0] == xy.astype(np.float32)).all()
            part = sample['img'][: face.height, left : left + face.width]
            assert part.shape == (face.height, face.width, 3)
            if number == 3:  # alone on its photo: what JPEG leaves of the drawing
                assert np.abs(part.astype(float) - render(face)).mean() < 4
            assert ('pose' in ann['subsets']) == (abs(face.pose.yaw) > 30)
            assert ('occlusion' in ann['subsets']) == (occluded(face, 'wflw').sum() >= 10)


def test_faces_framed_by_the_detector_of_the_list(tree, monkeypatch):
    root, points, out = tree
    assert not run_tool(monkeypatch, CLI, root, out, '--boxes', 'detector')
    for annotation, expected in zip(load(out, 'train')['annotations'], points, strict=True):
        assert annotation['bbox'] == [19, 14, 52, 47]
        assert annotation['center'] == [45, 37.5] and annotation['scale'] == 52 / 200
        assert (np.reshape(annotation['keypoints'], (98, 3))[:, :2] == expected).all()

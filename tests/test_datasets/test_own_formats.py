"""Landmarks of one's own, in five tools' files: the same faces come out of each."""

import csv
import json
import re
import shutil
from functools import partial

import cv2
import numpy as np
import pytest
from conftest import ROOT, run_tool
from dataset_converters import own2coco
from generated_faces import write_pts
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

import mhhn_mmpose  # noqa: F401
from mhhn_landmarks.errors import InputError

NAMES = ['eye_left', 'eye_right', 'nose', 'mouth_left', 'mouth_right']
SIZE = (150, 170)  # height, width
SHAPE = np.array([(60.25, 50), (110, 48.5), (86, 75), (64, 100), (107, 99)])
POINTS = [SHAPE + np.random.default_rng(k).uniform(-6, 6, (5, 2)).round(2) for k in range(10)]
PHOTOS = [f'{chr(97 + k // 2)}_{k % 2}.jpg' for k in range(10)]  # two photos a person
HIDDEN = 3, 2  # the nose of the fourth face is not annotated
KNOWN = np.ones((10, 5), bool)
KNOWN[HIDDEN] = False


def coco(folder, first=0.0, **more):
    images = [dict(id=k, file_name=name, width=170, height=150) for k, name in enumerate(PHOTOS)]
    annotations = []
    for k, points in enumerate(POINTS):
        values = np.column_stack([points + first, np.full(5, 2)]) * KNOWN[k][:, None]
        bbox = [*points.min(0) + first, *np.ptp(points, axis=0)]
        face = dict(id=k + 1, image_id=k, category_id=1, iscrowd=0, num_keypoints=5, bbox=bbox)
        annotations.append(face | dict(keypoints=values.ravel().tolist()) | more)
    category = dict(id=1, name='face', keypoints=NAMES, skeleton=[])
    content = dict(categories=[category], images=images, annotations=annotations)
    (folder / 'annotations').mkdir()
    (folder / 'annotations/default.json').write_text(json.dumps(content))


def labelme(folder):
    for name, points, known in zip(PHOTOS, POINTS, KNOWN, strict=True):
        places = [(NAMES[i], [(points[i] + 0.5).tolist()]) for i in np.flatnonzero(known)]
        shapes = [dict(label=name, points=place, shape_type='point') for name, place in places]
        content = dict(version='5.4', shapes=shapes, imagePath=f'..\\{name}')
        (folder / name).with_suffix('.json').write_text(json.dumps(content))


def cvat(folder):
    images = []
    for name, points, known in zip(PHOTOS, POINTS, KNOWN, strict=True):
        parts = ''.join(
            f'<points label="{label}" outside="{int(not seen)}" points="{x:.2f},{y:.2f}"/>'
            for label, (x, y), seen in zip(NAMES, points + 0.5, known, strict=True)
        )
        images.append(f'<image name="sub/{name}"><skeleton label="f">{parts}</skeleton></image>')
    text = f'<?xml version="1.0"?>\n<annotations>{"".join(images)}</annotations>'
    (folder / 'annotations.xml').write_text(text)


def table(folder):
    with open(folder / 'landmarks.csv', 'w', newline='', encoding='utf-8-sig') as file:
        rows = csv.writer(file, delimiter=';')
        rows.writerow(['Photo', *(f'{name}_{axis}' for name in NAMES for axis in 'xy'), 'subsets'])
        for k, (name, points) in enumerate(zip(PHOTOS, POINTS, strict=True)):
            values = np.where(KNOWN[k][:, None], points.astype(object), '')
            rows.writerow([name, *values.ravel(), 'glasses old' if k == 0 else ''])


def pts(folder):
    for name, points in zip(PHOTOS, POINTS, strict=True):
        write_pts((folder / name).with_suffix('.pts'), points)


WRITERS = dict(coco=coco, labelme=labelme, cvat=cvat, csv=table, pts=pts)
by_cvat = dict(first=0.5, attributes=dict(occluded=False, keyframe=False))
WRITERS['coco_by_cvat'] = partial(coco, **by_cvat)
PAIRS = ['--flip-pairs', '0:1', '3:4']


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / 'mine'
    folder.mkdir()
    data = cv2.imencode('.jpg', np.full((*SIZE, 3), 90, np.uint8))[1].tobytes()
    for name in PHOTOS:
        (folder / name).write_bytes(data)
    return folder


def faces_of(out):
    """By photo, the split and the annotation of its face."""
    faces = {}
    for split in ('train', 'test'):
        content = json.loads((out / f'annotations/{split}.json').read_text())
        photos = {image['id']: image['file_name'] for image in content['images']}
        faces |= {photos[a['image_id']]: (split, a) for a in content['annotations']}
    return faces


@pytest.mark.parametrize('kind', WRITERS)
def test_every_kind_gives_the_same_faces(kind, source, tmp_path, capsys):
    WRITERS[kind](source)
    out = tmp_path / 'data' / 'five'
    pairs = PAIRS if kind == 'pts' else []
    assert own2coco.main([str(source), str(out), '--normalizer', '0', '1', *pairs]) == 0
    faces = faces_of(out)
    assert sorted(faces) == PHOTOS and {split for split, _ in faces.values()} == {'train', 'test'}
    for k, name in enumerate(PHOTOS):
        split, annotation = faces[name]
        assert split == faces[f'{name[0]}_0.jpg'][0]  # persons stay together
        values = np.reshape(annotation['keypoints'], (5, 3))
        seen = KNOWN[k] | (kind == 'pts')
        np.testing.assert_allclose(values[seen, :2], POINTS[k][seen], atol=1e-6)
        assert (values[:, 2] > 0).tolist() == seen.tolist()
        assert annotation['scale'] * 200 == pytest.approx(np.ptp(POINTS[k], axis=0).max(), abs=2)
        assert annotation['subsets'] == (['glasses', 'old'] if (kind, k) == ('csv', 0) else [])
    said = capsys.readouterr().err
    assert 'mirror' not in said  # of right pairs
    assert ('so 0.5 is taken off x and y; --first-pixel 0' in said) == (kind == 'coco_by_cvat')

    cfg = Config.fromfile(out / 'five.py')
    init_default_scope(cfg.default_scope)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        metainfo = DATASETS.build(loader.dataset).metainfo
        assert metainfo['flip_indices'] == [1, 0, 2, 4, 3]
        assert list(metainfo['keypoint_name2id']) == (list('01234') if kind == 'pts' else NAMES)
    assert cfg.model.head.out_channels == 5
    assert cfg.val_evaluator.normalizers[0].keypoint_indices == [0, 1]


def test_from_photos_to_scores_by_the_page(source, tmp_path, monkeypatch):
    table(source)
    monkeypatch.chdir(tmp_path)
    assert own2coco.main(['mine', 'data/mine', '--normalizer', 'eye_left', 'eye_right']) == 0
    config = (tmp_path / 'data/mine/mine.py').read_text()
    page = (ROOT / 'docs/adding_a_dataset.md').read_text()
    (block,) = re.findall(r'^```python\n(_base_.*?)^```', page, re.MULTILINE | re.DOTALL)
    assert block.replace('out_channels=12', 'out_channels=5') in config
    shutil.move('data', 'moved')  # with all that the config needs but the photos
    (tmp_path / 'moved/mine/images').unlink()
    (tmp_path / 'moved/mine/images').symlink_to(source)
    small = ['model.backbone.feat_channels=8', 'model.head.in_channels=8', 'train_cfg.max_epochs=1']
    for loader in ('train', 'val', 'test'):
        small += [f'{loader}_dataloader.{key}' for key in ('num_workers=0', 'persistent_workers=0')]
    run = ['moved/mine/mine.py', '--work-dir', 'run']
    options = ['--cfg-options', *small]
    assert run_tool(monkeypatch, 'train.py', *run, '--no-validate', *options) == 0
    run.insert(1, 'run/epoch_1.pth')
    assert run_tool(monkeypatch, 'test.py', *run, *options) == 0
    scores = json.loads((tmp_path / 'run/metrics.json').read_text())
    assert scores['full/inter_ocular/NME'] > 0


def spoil_labelme(folder):
    file = folder / 'b_0.json'
    content = json.loads(file.read_text())
    content['shapes'].append(content['shapes'][0])
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ('kind', 'spoil', 'arguments', 'message'),
    [
        ('pts', None, [], 'which landmarks change places'),
        ('pts', None, ['--flip-pairs', '0:9'], "no landmark '9'; there are 0, 1, 2, 3, 4"),
        ('pts', None, ['--flip-pairs', '0:1', '1:2'], '1:2: a landmark is in one pair'),
        ('pts', None, ['--metainfo', '300w'], '5 landmarks, but 68 names'),
        ('labelme', spoil_labelme, [], "b_0.json: two points 'eye_left' of one face"),
        ('csv', pts, [], r'it holds .*name the one file'),
        ('csv', lambda f: (f / 'landmarks.csv').write_text('a,b\n1,2'), [], 'csv:1: columns photo'),
        ('cvat', lambda f: (f / 'annotations.xml').write_text('<annotations>'), [], 'no XML'),
        ('coco', lambda f: shutil.rmtree(f / 'annotations'), [], 'no COCO, LabelMe or CVAT'),
    ],
)
def test_what_cannot_be_read_is_one_line(kind, spoil, arguments, message, source, tmp_path):
    WRITERS[kind](source)
    if spoil:
        spoil(source)
    with pytest.raises(InputError, match=message):
        own2coco.main([str(source), str(tmp_path / 'out'), *arguments])
    assert not (tmp_path / 'out').exists()


def test_bad_faces_are_named_and_odd_pairs_noted(source, tmp_path, capsys):
    table(source)
    (source / 'b_0.jpg').unlink()
    arguments = [str(source), str(tmp_path / 'out'), '--flip-pairs', '0:2', '1:4']
    assert own2coco.main(arguments) == 1
    said = capsys.readouterr().err
    assert 'ERROR ' in said and "photo 'b_0.jpg': not below" in said
    assert own2coco.main([*arguments, '--skip-bad']) == 0
    assert 'do not mirror each other in the mean face' in capsys.readouterr().err
    (tmp_path / 'out/out.py').write_text('# mine')
    assert own2coco.main([*arguments, '--skip-bad']) == 0
    assert (tmp_path / 'out/out.py').read_text() == '# mine'
    assert 'out.py is kept, and differs' in capsys.readouterr().err


def test_faces_framed_as_the_detector_finds_them(source, tmp_path, monkeypatch):
    table(source)
    found = np.array([[0.0, 0, 9, 9, 1], [40, 30, 120, 110, 0.9]])
    squares = iter([found, found, found[:1], *[found] * 7])
    monkeypatch.setattr(own2coco, 'build_detector', lambda *_: lambda pixels: next(squares))
    assert own2coco.main([str(source), str(tmp_path / 'out'), '--boxes', 'detector']) == 0
    boxes = {photo: face['bbox'] for photo, (_, face) in faces_of(tmp_path / 'out').items()}
    missed = boxes.pop(PHOTOS[2])
    assert set(map(tuple, boxes.values())) == {(40, 30, 80, 80)}
    np.testing.assert_allclose(missed, [40, 30, 80, 80], atol=14)  # its landmarks lie elsewhere
    assert missed[2] == missed[3] and missed != [40, 30, 80, 80]
    monkeypatch.setattr(own2coco, 'build_detector', lambda *_: lambda pixels: found[:0])
    with pytest.raises(InputError, match='finds 0 of 10 faces; use --boxes landmarks'):
        own2coco.main([str(source), str(tmp_path / 'other'), '--boxes', 'detector'])


@pytest.mark.parametrize('arguments', [[], ['--metainfo', '300w']])
def test_68_points_have_the_names_and_pairs_of_300w(arguments, source, tmp_path, capsys):
    grid = np.stack(np.meshgrid(np.arange(17.0), np.arange(4.0)), 2).reshape(68, 2) * 5 + 20
    for name in PHOTOS:
        write_pts((source / name).with_suffix('.pts'), grid)
    assert own2coco.main([str(source), str(tmp_path / 'out'), *arguments]) == 0
    assert ('are taken for those of 300W' in capsys.readouterr().err) == (not arguments)
    metainfo = parse_pose_metainfo(dict(from_file=str(tmp_path / 'out/metainfo.py')))
    published = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/300w.py'))
    for key in ('keypoint_id2name', 'flip_indices'):
        assert metainfo[key] == published[key]

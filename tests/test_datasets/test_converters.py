"""The converters of the four archives, and COFW-68: what they write of good ones."""

import json
import os
import shutil
from pathlib import Path

import archive_edits as edits
import cv2
import h5py
import numpy as np
import pytest
import scipy.io
from conftest import NUM_TEST, NUM_TRAIN, run_tool
from generated_faces import archive_face, landmarks, occluded, render
from generated_faces.archives import wflw_attributes, write_cofw_mat
from mmpose.registry import DATASETS


def faces_of(archive, dataset, split):
    """Yield id, face and left edge in its photo of a split's faces."""
    count = NUM_TRAIN if split == 'train' else NUM_TEST
    numbers, parts, first_id = list(range(1, count + 1)), [split] * count, 1
    if dataset == '300w':
        numbers, parts = [1, 2, 3, 1], ['helen/trainset'] * 3 + ['lfpw/trainset']
    elif dataset == 'cofw' and split == 'test':
        first_id = 1346
    ids = list(range(first_id, first_id + count))
    if dataset == 'aflw':
        order = scipy.io.loadmat(archive / edits.MAT)['ra'][0].astype(int).tolist()
        ids = numbers = order[:NUM_TRAIN] if split == 'train' else order[NUM_TRAIN:]
    faces = [archive_face(dataset, *where) for where in zip(parts, numbers, strict=True)]
    shared = faces[0].width if dataset == 'wflw' else 0  # the photo of WFLW's first two faces
    return list(zip(ids, faces, [0, shared, 0, 0], strict=False))


@pytest.mark.parametrize(
    ('dataset', 'file', 'kind', 'scheme'),
    [
        ('300w', 'face_landmarks_300w_train', 'Face300WDataset', '300w'),
        ('wflw', 'face_landmarks_wflw_train', 'WFLWDataset', 'wflw'),
        ('wflw', 'face_landmarks_wflw_test', 'WFLWDataset', 'wflw'),
        ('aflw', 'face_landmarks_aflw_train', 'AFLWDataset', 'aflw'),
        ('aflw', 'face_landmarks_aflw_test', 'AFLWDataset', 'aflw'),
        ('cofw', 'cofw_train', 'COFWDataset', 'cofw'),
        ('cofw', 'cofw_test', 'COFWDataset', 'cofw'),
        ('cofw', 'cofw68_test', 'Face300WDataset', '300w'),
    ],
)
def test_mmpose_reads_the_faces_that_were_drawn(archive, generated, dataset, file, kind, scheme):
    config = dict(data_root=str(generated(dataset)), data_prefix=dict(img='images/'))
    pipeline = [dict(type='mmpose.LoadImage')]
    samples = DATASETS.build(
        dict(type=kind, ann_file=f'annotations/{file}.json', pipeline=pipeline, **config)
    )
    expected = faces_of(archive(dataset), dataset, file.rpartition('_')[2])
    assert [sample['id'] for sample in samples] == [number for number, *_ in expected]
    greys = set()
    for sample, (_, face, left) in zip(samples, expected, strict=True):
        points = landmarks(face, scheme) + (left, 0)
        np.testing.assert_allclose(sample['keypoints'][0], points, atol=1e-4)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        found = (sample['bbox'][0, :2] + sample['bbox'][0, 2:]) / 2
        assert (np.abs(sample.get('bbox_center', found[None])[0] - middle) < 25).all()
        # The very photo, neither transposed nor with its colours swapped, but for the JPEG's loss.
        drawn = sample['img'][: face.height, left : left + face.width].astype(float)
        assert np.abs(drawn - render(face)).mean() < 8
        greys.add(face.camera.gray)
    assert dataset != 'cofw' or file != 'cofw_train' or len(greys) == 2


def test_records_of_300w(generated):
    valid = edits.load(generated('300w'), 'face_landmarks_300w_valid')
    assert [a['subsets'] for a in valid['annotations']] == [['common'], ['common'], ['challenge']]
    image, annotation = valid['images'][2], valid['annotations'][2]
    face = archive_face('300w', 'ibug', 1)
    assert image.pop('crc32') > 0
    assert image == dict(id=3, file_name='ibug/gen_0001.jpg', width=face.width, height=face.height)
    keypoints = np.reshape(annotation.pop('keypoints'), (68, 3))
    assert (keypoints[:, 2] == 1).all()
    keys = 'id image_id category_id iscrowd num_keypoints subsets bbox area center scale'
    assert {*annotation} == {*keys.split()}
    assert not list(generated('300w').glob('annotations/.*'))  # no temporary file left


def test_records_of_cofw(archive, generated):
    for file, scheme in (('cofw_test', 'cofw'), ('cofw68_test', '300w')):
        content = edits.load(generated('cofw'), file)
        annotation, face = content['annotations'][2], archive_face('cofw', 'test', 3)
        assert content['images'][2]['file_name'] == '001348.jpg'
        hidden = occluded(face, scheme).astype(int)
        assert 0 < hidden.sum() < len(hidden) == annotation['num_keypoints']
        assert annotation['occluded'] == hidden.tolist()
        assert annotation['keypoints'][2::3] == (2 - hidden).tolist()
    annotation = edits.load(generated('cofw'), 'cofw_test')['annotations'][2]
    assert 'center' not in annotation and 'scale' not in annotation
    with h5py.File(archive('cofw') / edits.TEST) as file:
        assert annotation['bbox'] == file['bboxesT'][:, 2].tolist()


def test_attributes_of_wflw_and_occlusion_of_aflw(archive, generated):
    faces = edits.load(generated('wflw'), 'face_landmarks_wflw_train')['annotations']
    for annotation, (_, face, _) in zip(faces, faces_of(None, 'wflw', 'train'), strict=True):
        carried = {name for name, value in wflw_attributes(face).items() if value}
        assert set(annotation['subsets']) == carried
    assert {tuple(annotation['subsets']) for annotation in faces} != {()}
    masks = scipy.io.loadmat(archive('aflw') / edits.MAT)['mask_new']
    for annotation in edits.load(generated('aflw'), 'face_landmarks_aflw_test')['annotations']:
        mask = masks[annotation['id'] - 1]
        assert annotation['occluded'] == (1 - mask).astype(int).tolist()
        assert ('frontal' in annotation['subsets']) == mask.all()


@pytest.mark.parametrize(
    ('dataset', 'spoil', 'counts'),
    [
        ('300w', edits.remove(edits.PTS), {'afw: 0 faces': 337, 'ibug: 1 faces': 135}),
        ('wflw', edits.fields(lambda f: f[:-1]), {'in.txt: 4 faces': 7500, 't.txt: 3 faces': 2500}),
        ('aflw', edits.aflw('data', (1, 3), np.nan), {'4 train faces': 20000, 'l faces': 1314}),
        ('cofw', edits.cofw('bboxesTr', 2, 1, 0), {'4 faces': 1345, '3 faces': 507}),
    ],
)
def test_command(copy, tmp_path, monkeypatch, capsys, dataset, spoil, counts):
    root, out = copy(dataset), tmp_path / 'out'
    spoil(root)
    tool = f'dataset_converters/{dataset}2coco.py'
    options = ['--num-train', 4] if dataset == 'aflw' else []
    assert run_tool(monkeypatch, tool, root, out, *options) == 1
    said = capsys.readouterr().err
    assert not (out / 'annotations').exists() and 'ERROR ' in said and '--skip-bad' in said
    for found, official in counts.items():
        assert f'{found}, the official set has {official}; scores are not comparable' in said
    assert run_tool(monkeypatch, tool, root, out, '--skip-bad', *options) == 0
    said = capsys.readouterr()
    assert said.out.count(' faces\n') >= 2 and 'left out: 1' in said.err
    assert run_tool(monkeypatch, tool, '--help') == 0
    said = capsys.readouterr().out
    assert 'https://' in said and ('research only' in said or 'licence' in said)


@pytest.mark.skipif(not os.environ.get('MHHN_SAMPLES'), reason='MHHN_SAMPLES: no real samples')
@pytest.mark.parametrize('dataset', ['wflw', 'aflw', 'cofw'])
def test_published_annotations_are_reproduced(tmp_path, dataset):
    folder = Path(os.environ['MHHN_SAMPLES']) / dataset
    published = json.loads((folder / f'test_{dataset}.json').read_text())
    faces, images = published['annotations'], published['images']
    names = {image['id']: image['file_name'] for image in images}
    values = [np.reshape(face['keypoints'], (-1, 3)) for face in faces]
    prefix = f'face_landmarks_{dataset}_'
    if dataset == 'wflw':
        shutil.copytree(folder, tmp_path / 'WFLW_images')
        path = tmp_path / edits.LIST.replace('train.txt', 'test.txt')
        path.parent.mkdir(parents=True)
        rows = [' '.join(f'{v:.6f}' for v in points[:, :2].ravel()) for points in values]
        ends = [f' 1 2 3 4 0 0 0 0 0 1 {names[face["image_id"]]}\n' for face in faces]
        path.write_text(''.join(map(str.__add__, rows, ends)))
    elif dataset == 'aflw':
        (tmp_path / 'flickr').symlink_to(folder.parent.resolve())
        center, half = np.array([f['center'] for f in faces]), [[f['box_size'] / 2] for f in faces]
        boxes = np.stack([center - half, center + half], axis=2).reshape(2, 4)
        data = np.array(values)[..., :2].transpose(0, 2, 1).reshape(2, 38)
        listed = edits.cells(*(f'aflw/{image["file_name"]}' for image in images))
        content = dict(bbox=boxes, data=data, mask_new=np.ones((2, 19)), nameList=listed)
        scipy.io.savemat(tmp_path / edits.MAT, content | dict(ra=[[2, 1]]))
    else:
        photos = [cv2.imread(str(folder / image['file_name']))[:, :, ::-1] for image in images]
        rows = [[*(v[:, 0] + 1), *(v[:, 1] + 1), *(2 - v[:, 2])] for v in values]
        write_cofw_mat(tmp_path / edits.TEST, 'T', photos, rows, [face['bbox'] for face in faces])
        prefix = 'cofw_'
    options = dict(num_train=1) if dataset == 'aflw' else {}
    assert not edits.convert(dataset, tmp_path, tmp_path / 'out', **options)[1].errors
    ours = edits.load(tmp_path / 'out', f'{prefix}test')['annotations']
    if dataset == 'aflw':
        ours += edits.load(tmp_path / 'out', f'{prefix}train')['annotations']
    for mine, theirs in zip(ours, faces, strict=True):
        assert set(mine) - set(theirs) <= {'subsets', 'occluded'}
        for key in set(theirs) - {'id', 'image_id'}:
            # Face 40 of WFLW is published as cut at y = 768, in a photo 1024 px high.
            if not (dataset == 'wflw' and theirs['id'] == 40 and key in ('bbox', 'area')):
                np.testing.assert_allclose(mine[key], theirs[key], atol=1e-6, err_msg=key)

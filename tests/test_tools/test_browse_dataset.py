"""tools/misc/browse_dataset.py for the four schemes, from small annotation files of drawn faces."""

import json
import runpy

import cv2
import numpy as np
import pytest
from conftest import ROOT
from dataset_converters.coco_json import (
    coco_dict,
    face_annotation,
    landmark_framing,
)
from generated_faces import landmarks, occluded, random_face, render
from misc.sample_sheet import pair_sides
from mmengine.config import Config

TOOL = runpy.run_path(str(ROOT / 'tools/misc/browse_dataset.py'))
CONFIG = str(ROOT / 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py')
CLASSES = {
    '300w': 'Face300WDataset',
    'wflw': 'WFLWDataset',
    'cofw': 'COFWDataset',
    'aflw': 'AFLWDataset',
}
FACES = [random_face([5, i], hard=True) for i in range(3)]
# Each face is followed by its mirror image.
DRAWN = [other for face in FACES for other in (face, face.mirrored())]


def annotation(face, scheme, number):
    points, hidden = landmarks(face, scheme), occluded(face, scheme)
    framing = landmark_framing(points, face.width, face.height)
    extra = dict(box_size=framing['scale'] * 200) if scheme == 'aflw' else {}
    if scheme == 'cofw':  # as MMPose's COFW annotations tell it
        return face_annotation(points, framing, number, number, np.where(hidden, 1, 2), **extra)
    extra['occluded'] = hidden.tolist()
    return face_annotation(points, framing, number, number, **extra)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with `images/` and a file of annotations per scheme."""
    folder = tmp_path_factory.mktemp('data')
    (folder / 'images').mkdir()
    images = []
    for number, face in enumerate(DRAWN, start=11):
        name = f'{number}.png'
        cv2.imwrite(str(folder / 'images' / name), render(face))
        images.append(dict(id=number, file_name=name, width=face.width, height=face.height))
    for scheme in CLASSES:
        faces = [annotation(face, scheme, n) for n, face in enumerate(DRAWN, start=11)]
        (folder / f'{scheme}.json').write_text(json.dumps(coco_dict(images, faces, scheme)))
    return folder


def options(data, scheme='300w', split='train', **changes):
    found = dict(type=CLASSES[scheme], data_root=str(data), ann_file=f'{scheme}.json') | changes
    return {f'{split}_dataloader.dataset.{key}': value for key, value in found.items()}


def sampler_of(data, scheme, split='train', seed=0):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(options(data, scheme, split))
    return TOOL['FaceSampler'](*TOOL['load_dataset'](cfg, split), seed)


def run(data, tmp_path, *arguments, **changes):
    words = [f'{key}={value}' for key, value in options(data, **changes).items()]
    TOOL['main']([CONFIG, str(tmp_path / 'a.png'), *arguments, '--cfg-options', *words])


@pytest.mark.parametrize('scheme', CLASSES)
def test_the_flipped_input_is_that_of_the_mirrored_face(data, scheme):
    sampler = sampler_of(data, scheme, 'val')
    assert len(sampler.dataset) == 6
    for index in (0, 2, 4):
        face, mirrored = sampler.sample(index), sampler.sample(index + 1)
        np.testing.assert_allclose(face.flipped.points, mirrored.inputs[0].points, atol=2e-3)
        assert (face.flipped.hidden == mirrored.photo.hidden).all()
        apart = np.abs(face.flipped.picture.astype(int) - mirrored.inputs[0].picture).mean()
        assert (
            apart < 0.5 * np.abs(face.flipped.picture.astype(int) - face.inputs[0].picture).mean()
        )
        assert face.photo.hidden.tolist() == occluded(DRAWN[index], scheme).tolist()
    assert sum(sampler.sample(index).photo.hidden.sum() for index in range(6)) > 0


@pytest.mark.parametrize('scheme', CLASSES)
def test_a_colour_marks_one_side_before_and_after_the_flip(data, scheme):
    sampler = sampler_of(data, scheme)
    left, right = (np.flatnonzero(sampler.sides == side) for side in (1, 2))
    assert len(left) == len(right) > 7
    for view in (sampler.sample(0).photo, sampler.sample(0).flipped):
        assert (view.points[left, 0] < view.points[sampler.flip_indices[left], 0]).all()


def test_training_shows_draws_and_targets_testing_one_input(data):
    sampler = sampler_of(data, 'wflw')
    row = sampler.sample(3)
    assert row.title == '14.png, id 14, index 3'
    assert [view.title.split(',')[0] for view in row.inputs] == ['input 1', 'input 2', 'input 3']
    assert row.flipped.title == 'input without augmentation, flipped'
    assert np.ptp([view.points for view in row.inputs], axis=0).max() > 3
    assert row.inputs[0].picture.shape == (128, 128, 3) and row.target.shape == (32, 32)
    x, y = np.rint((row.inputs[0].points + 0.5) / 4 - 0.5).astype(int).T
    inside = (np.minimum(x, y) >= 0) & (np.maximum(x, y) < 32)
    assert inside.sum() > 70 and (row.target[y[inside], x[inside]] > 0.8).all()
    row = sampler_of(data, 'wflw', 'test').sample(1)  # in colour
    assert [view.title for view in (row.flipped, *row.inputs)] == ['input, flipped', 'input']
    assert row.target is None
    colors = []
    for shown in (row.photo, row.inputs[0]):
        x, y = np.rint(shown.points).astype(int).T
        colors.append(cv2.blur(shown.picture, (3, 3))[y, x].astype(int))
    photo, shown = colors
    assert np.corrcoef(photo.ravel(), shown.ravel())[0, 1] > 0.9
    assert np.abs(photo - shown).mean() < 0.5 * np.abs(photo - shown[:, ::-1]).mean()  # RGB both


def test_augmentation_depends_on_seed_and_index_alone(data):
    first, again, other = (sampler_of(data, 'aflw', seed=seed) for seed in (3, 3, 4))
    again.sample(0)
    views = [s.sample(2).inputs[1].points for s in (first, again, other)]
    assert (views[0] == views[1]).all() and (views[0] != views[2]).any()
    # A face and its mirror image are as large in their inputs, unless scaled by other numbers.
    left, right = (np.linalg.norm(first.sample(i).inputs[1].points.std(axis=0)) for i in (2, 3))
    assert abs(left - right) > 0.1


def test_what_hides_a_landmark(tmp_path):
    def hidden(*faces):
        faces = [dict(id=n, keypoints=[0, 0, a, 0, 0, b], **more) for n, a, b, more in faces]
        (tmp_path / 'a.json').write_text(json.dumps(dict(annotations=faces)))
        return {
            n: flags.tolist() for n, flags in TOOL['read_hidden'](tmp_path / 'a.json', 2).items()
        }

    assert hidden((1, 1, 1, {})) == {1: [False, False]}
    assert hidden((1, 1, 1, {}), (5, 2, 0, {})) == {1: [True, True], 5: [False, False]}
    assert hidden((1, 1, 1, dict(occluded=[0, 1]))) == {1: [False, True]}
    assert hidden((1, 1, 1, dict(occluded=1))) == {
        1: [False, False]
    }  # the face's, not a landmark's


def test_the_flip_takes_the_place_of_augmentation():
    def kinds(*names):
        return [s['type'] for s in TOOL['flip_alone']([dict(type=name) for name in names])]

    end = ('TopdownAffine', 'PackPoseInputs')
    assert kinds('A', 'RandomHalfBody', 'RandomFlip', 'B', 'PhotometricDistortion', *end) == [
        'A', 'RandomFlip', 'B', *end
    ]  # fmt: skip
    assert kinds('A', *end) == ['A', 'RandomFlip', *end]
    for pipeline in (('A', 'PackPoseInputs'), ('TopdownAffine', 'A')):
        with pytest.raises(ValueError, match=f'end in PackPoseInputs .*got {", ".join(pipeline)}'):
            kinds(*pipeline)


def test_draws_a_sheet(data, tmp_path, capsys):
    run(data, tmp_path, '--count', '2', scheme='cofw')
    assert capsys.readouterr().out.endswith('a.png: 2 of 6 faces\n')
    sheet = cv2.imread(str(tmp_path / 'a.png'))
    assert sheet.std() > 30
    run(data, tmp_path, '--index', '5', '0', '2', '--split', 'val', split='val')
    assert capsys.readouterr().out.endswith('a.png: 3 of 6 faces\n')
    assert cv2.imread(str(tmp_path / 'a.png')).shape[0] > 1.3 * sheet.shape[0]


def write_without(data, target, scheme, edit):
    content = json.loads((data / f'{scheme}.json').read_text())
    edit(content)
    target.write_text(json.dumps(content))
    return str(target)


@pytest.mark.parametrize(
    ('edit', 'words'),
    [
        (lambda c: c.update(annotations=[]), 'no face in it; convert again'),
        (lambda c: c.pop('annotations'), "no COCO annotations .KeyError.'annotations'"),
        (lambda c: c['annotations'][2].pop('scale'), "WFLWDataset misses 'scale'; convert again"),
        (lambda c: c['annotations'][1]['keypoints'].pop(), 'annotation 12 has 97 landmarks and 98'),
        (
            lambda c: c['annotations'][3]['occluded'].pop(),
            'annotation 14 .* 97 marks of hiding, 98',
        ),
        (lambda c: c['images'][0].update(file_name='n.png'), 'images/n.png: no readable photo'),
        (lambda c: c['images'][0].update(file_name='../wflw.json'), 'wflw.json: unreadable photo'),
    ],
)
def test_bad_annotations_end_in_one_line(data, tmp_path, edit, words):
    path = write_without(data, tmp_path / 'bad.json', 'wflw', edit)
    with pytest.raises(SystemExit, match=f'^browse_dataset: .*{words}') as error:
        run(data, tmp_path, scheme='wflw', ann_file=path)
    assert '\n' not in str(error.value) and not (tmp_path / 'a.png').exists()


def test_wrong_arguments_end_in_one_line(data, tmp_path, capsys):
    def refused(words, *arguments, **changes):
        with pytest.raises(SystemExit, match=f'^browse_dataset: .*{words}') as error:
            run(data, tmp_path, *arguments, **changes)
        assert '\n' not in str(error.value)

    refused(r'--index 6 is out of range: 6 faces, 0 to 5', '--index', '1', '6')
    refused(r'--index -1 is out of range', '--index', '-1')
    refused(r'none.json: no such annotation file; .*/300w2coco.py, or', ann_file='none.json')
    refused(r'annotation 11 has 68 landmarks .* 98 expected', scheme='wflw', ann_file='300w.json')
    refused(r'train dataset RepeatDataset is no COCO-style dataset', type='RepeatDataset')
    refused(
        r'val dataset Face300WDataset takes detected', '--split', 'val', split='val', bbox_file='b'
    )
    with pytest.raises(SystemExit, match=r'no train_dataloader.dataset; choose'):
        TOOL['main']([CONFIG, str(tmp_path / 'a.png'), '--cfg-options', 'train_dataloader=None'])
    with pytest.raises(SystemExit, match=r'none.py: no such config'):
        TOOL['main'](['none.py', str(tmp_path / 'a.png')])
    for out, *arguments in (
        ('a',),
        ('a.json',),
        ('a.png', '--count', '0'),
        ('a.png', '--seed', '-1'),
    ):
        with pytest.raises(SystemExit, match='2'):
            TOOL['main']([CONFIG, str(tmp_path / out), *arguments])
    assert capsys.readouterr().err.count(': error: ') == 4


# A mouth: upper lip 0 1 2 from left to right, lower lip 3 4 from right to left; 5 is the chin.
MOUTH = np.array([[30.0, 40], [50, 33], [70, 41], [62, 52], [38, 51], [51, 75]])
FLIP, SIDES = [2, 1, 0, 4, 3, 5], [1, 0, 2, 2, 1, 0]


def test_left_and_right_are_those_of_the_picture():
    assert pair_sides(FLIP, MOUTH[None]).tolist() == SIDES
    turned = MOUTH * (-1, 1) + (100, 0)
    # One large face has one vote.
    assert pair_sides(FLIP, np.stack([turned, MOUTH * 9, turned])).tolist() == [2, 0, 1, 1, 2, 0]
    missing = MOUTH.copy()
    missing[4] = np.nan
    assert pair_sides(FLIP, missing[None]).tolist() == [1, 0, 2, 1, 2, 0]
    assert pair_sides(FLIP, np.stack([missing, MOUTH])).tolist() == SIDES
    with pytest.raises(ValueError, match=r'no pairs: 0 -> 1 -> 2; mend'):
        pair_sides([1, 2, 0], MOUTH[None, :3])

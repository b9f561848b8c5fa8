"""Odd and bad photos from an archive to the network's input: as annotated, or refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest
from dataset_converters import convert_300w
from generated_faces import write_pts
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from odd_photos import JPEG_ERROR, PICTURE, POINTS, TURNS, cut, damage, write_turned
from PIL import Image

from mhhn_landmarks.errors import InputError
from mhhn_mmpose.datasets import LoadFaceImage

HEIGHT, WIDTH = PICTURE.shape[:2]
FILE = 'annotations/face_landmarks_300w_train.json'
TO_INPUT = [
    dict(type='LoadFaceImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(128, 128)),
    dict(type='PackPoseInputs', pack_transformed=True),
]


def add_face(root, name, write):
    (root / 'afw').mkdir(parents=True, exist_ok=True)
    write(root / 'afw' / name)
    write_pts((root / 'afw' / name).with_suffix('.pts'), POINTS)


def dataset_of(root, pipeline=TO_INPUT):
    init_default_scope('mmpose')
    files = dict(data_root=str(root), ann_file=FILE, data_prefix=dict(img='images/'))
    return DATASETS.build(dict(type='CheckedFace300WDataset', pipeline=pipeline, **files))


@pytest.fixture
def source(tmp_path):
    """An archive with a face that is as it should be."""
    add_face(tmp_path / 'raw', '0.png', Image.fromarray(PICTURE).save)
    return tmp_path / 'raw'


def converted(source, **options):
    written, problems = convert_300w(source, source.parent / 'out', **options)
    return source.parent / 'out', written, problems


def test_landmarks_fit_turned_photos_from_archive_to_input(source):
    for turn in TURNS:
        add_face(source, f'{turn}.jpg', lambda path, turn=turn: write_turned(path, turn))
    out, _, problems = converted(source)
    assert not problems.errors
    images = json.loads((out / FILE).read_text())['images']
    assert {(image['width'], image['height']) for image in images} == {(WIDTH, HEIGHT)}
    upright, *others = dataset_of(out)
    assert len(others) == 8
    points = upright['data_samples'].gt_instances.transformed_keypoints[0]
    assert ((points > 0) & (points < 127)).all()
    for turn, other in enumerate(others, start=1):
        assert str(turn) in other['data_samples'].img_path.rpartition('/')[2]
        apart = (other['inputs'].float() - upright['inputs'].float()).abs()
        columns, rows = points.round().astype(int).T
        assert apart.mean() < JPEG_ERROR
        assert apart[:, rows, columns].mean() < 2 * JPEG_ERROR  # under the landmarks themselves
        mirrored = other['inputs'].flip(-1).float() - upright['inputs'].float()
        assert mirrored[:, rows, columns].abs().mean() > 10 * JPEG_ERROR
        found = other['data_samples'].gt_instances.transformed_keypoints[0]
        np.testing.assert_array_equal(found, points)


def test_the_converter_warns_of_a_damaged_middle(source):
    for name in ('1.jpg', '2.jpg'):
        add_face(source, name, lambda path: write_turned(path, 1))
    damage(source / 'afw/2.jpg')
    out, _, problems = converted(source)
    notices = [warning for warning in problems.warnings if 'may be wrong' in warning]
    assert not problems.errors and len(notices) == 1
    words = 'afw/2.jpg: parts of the photo may be wrong (Corrupt'
    assert notices[0].startswith(str(source / words))
    assert notices[0].endswith('); look at it; kept') and len(dataset_of(out)) == 3


@pytest.fixture
def data(source):
    """Two faces, converted; the second one's photo can be spoilt."""
    add_face(source, '1.jpg', lambda path: write_turned(path, 6))
    return converted(source)[0]


def one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    ('spoil', 'words'),
    [
        (Path.unlink, 'images/afw/1.jpg: no such photo$'),
        (cut, r'1.jpg: unreadable photo \(the file is truncated\)'),
        (
            lambda path: Image.new('RGB', (1, 1)).save(path),
            f'1.jpg: the photo is 1x1 px, its annotation file says {WIDTH}x{HEIGHT}',
        ),
        (  # as annotation tools do that know no EXIF
            lambda path: Image.open(path).save(path, exif=Image.Exif()),
            f'is {HEIGHT}x{WIDTH} px, .* says {WIDTH}x{HEIGHT}.* without its EXIF turn',
        ),
        (lambda path: Image.new('RGB', (32767, 9)).save(path), 'a side over 32766'),
        (one_bit, '1.jpg: the file is another than when it was converted'),
    ],
)
def test_bad_photos_stop_the_run_and_are_never_exchanged_for_another(data, spoil, words):
    dataset = dataset_of(data)
    spoil(data / 'images/afw/1.jpg')
    with pytest.raises(InputError, match=words) as error:
        if words.endswith('$'):  # found before training
            dataset_of(data)
        assert 'inputs' in dataset[0]
        dataset[1]
    assert words.endswith('$') or '\n' not in str(error.value)


def test_without_its_checksum_a_damaged_photo_is_taken(data):
    """As is one in files that MMPose publishes."""
    content = json.loads((data / FILE).read_text())
    content['images'][1].pop('crc32')
    (data / FILE).write_text(json.dumps(content))
    damage(data / 'images/afw/1.jpg')
    assert 'inputs' in dataset_of(data)[1]


def test_a_pipeline_that_returns_nothing_is_refused(data):  # MMEngine would take another face
    dataset = dataset_of(data, [dict(type='LoadImage', ignore_empty=True)])
    (data / 'images/afw/1.jpg').unlink()
    with pytest.raises(InputError, match='the pipeline returned nothing for a face'):
        dataset[1]


def test_a_picture_in_memory_is_taken_as_it_is():
    picture = np.zeros((5, 7, 3), np.uint8)
    results = LoadFaceImage()(dict(img=picture))
    assert results['img'] is picture and results['ori_shape'] == (5, 7)

"""Annotation files with something wrong: refused before training begins, face by face."""

import json
import re

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

import mhhn_mmpose  # noqa: F401
from mhhn_landmarks.annotations import MOST_LISTED
from mhhn_landmarks.errors import InputError

TYPES = {
    '300w': ('CheckedFace300WDataset', 'face_landmarks_300w_train.json'),
    'wflw': ('CheckedWFLWDataset', 'face_landmarks_wflw_train.json'),
    'cofw': ('CheckedCOFWDataset', 'cofw_train.json'),
    'aflw': ('CheckedAFLWDataset', 'face_landmarks_aflw_train.json'),
}


@pytest.fixture
def write(generated, tmp_path):
    """Writes a dataset's training annotations, changed, and returns how to read them."""

    def write(change, name='300w', **options):
        kind, file = TYPES[name]
        content = json.loads((generated(name) / 'annotations' / file).read_text())
        changed = change(content)
        (tmp_path / file).write_text(changed if isinstance(changed, str) else json.dumps(content))
        prefix = dict(img=str(generated(name) / 'images'))
        init_default_scope('mmpose')
        given = dict(type=kind, ann_file=str(tmp_path / file), data_prefix=prefix) | options
        return tmp_path / file, lambda: DATASETS.build(given)

    return write


def landmarks(change):  # the second face's (K, 3)
    def spoil(content):
        annotation = content['annotations'][1]
        numbers = change(np.array(annotation['keypoints'], float).reshape(-1, 3))
        annotation['keypoints'] = numbers.ravel().tolist()

    return spoil


def put(value, *index):
    def change(numbers):
        numbers[index] = value
        return numbers

    return landmarks(change)


def entry(kind='annotations', **values):
    return lambda content: content[kind][1].update(values)


def drop(*keys, kind='annotations'):
    return lambda content: [content[kind][1].pop(key, 0) for key in keys]


FACES = {
    'NaN': (put(np.nan, 5, 0), 'landmark 5 is not finite'),
    'hidden NaN': (put((np.nan, 3, 0), 5), 'landmark 5 is not finite'),
    'text': (lambda c: c['annotations'][1]['keypoints'].__setitem__(3, 'x'), 'could not convert'),
    'one less': (landmarks(lambda n: n[:-1]), r'landmarks, \d+ expected'),
    'cut': (lambda c: [c['annotations'][1]['keypoints'].pop()], 'cannot reshape'),
    'one far outside': (put(5000, 5, 1), 'it seems to belong to another photo'),
    'one place': (landmarks(lambda n: n * 0 + (7, 7, 1)), 'landmarks are in one place: 7 7'),
    'none visible': (put(0, slice(None), 2), 'no visible landmark'),
    'none counted': (entry(num_keypoints=0), 'no visible landmark'),
    'crowd': (entry(iscrowd=1), 'MMPose leaves it out'),
    'zero box': (entry(bbox=[5.0, 5.0, 0.0, 9.0], scale=0.0), 'the face box has no area'),
    'NaN box': (entry(bbox=[5.0, 5.0, np.nan, 9.0], center=[np.nan, 2.0]), 'box is not finite'),
    'no box': (drop('bbox', 'center'), "misses '(bbox|center)'"),
}
RECORDS = {
    'no landmarks': (drop('keypoints'), "^annotation 2: misses 'keypoints'"),
    'no id': (drop('id'), '^annotation None: the id is no whole number'),
    'equal ids': (entry(id=1), '^annotation 1: 2 of them have this id'),
    'unlisted photo': (entry(image_id=99), '^annotation 2: there is no image 99'),
    'equal image ids': (entry('images', id=1), '^image 1: 2 of them have this id'),
    'no file name': (drop('file_name', kind='images'), '^image 2: no file_name, but None'),
    'no size': (drop('width', kind='images'), '^image 2: .* is None x'),
    'no checksum': (entry('images', crc32='x'), "^image 2: .* crc32 'x', which is no whole number"),
}
FILES = {
    'no JSON': (lambda content: 'hello', r'no JSON \(Expecting value'),
    'numbers': (lambda content: '{"images": [1], "annotations": [2]}', "no lists 'images' and"),
    'empty split': (lambda content: content['annotations'].clear(), 'no face in it'),
}


@pytest.mark.parametrize('name', TYPES)
def test_good_files_are_read_as_mmpose_reads_them(write, name):
    file, read = write(lambda content: None, name)
    file.write_bytes(b'\xef\xbb\xbf' + file.read_bytes())  # a byte-order mark is no fault
    checked = read()
    file.write_bytes(file.read_bytes()[3:])
    kind = TYPES[name][0].removeprefix('Checked')
    prefix = checked.data_prefix
    plain = DATASETS.build(dict(type=kind, ann_file=str(file), data_prefix=prefix))
    records = {image['id']: image for image in json.loads(file.read_text())['images']}
    assert len(checked) == len(plain) == 4
    for index in range(4):
        found, expected = checked.get_data_info(index), plain.get_data_info(index)
        record = records[found['img_id']]
        assert found.pop('photo_size') == (record['width'], record['height'])
        assert found.pop('photo_crc32') == record['crc32']
        assert found.keys() == expected.keys()
        for key in expected:
            np.testing.assert_equal(found[key], expected[key])


@pytest.mark.parametrize(
    ('name', 'case'),
    [('300w', case) for case in [*FACES, *RECORDS]]
    + [(name, case) for name in ('wflw', 'cofw', 'aflw') for case in ('NaN', 'zero box', 'no box')],
)
def test_a_bad_face_or_record_is_named_before_training(write, name, case):
    change, words = (FACES | RECORDS)[case]
    file, read = write(change, name)
    with pytest.raises(InputError) as error:
        read()
    first, *faults = str(error.value).split('\n')
    assert first.startswith(f'{file}: {len(faults)} faults; mend them, or convert again')
    faults = [fault.removeprefix('  ') for fault in faults]
    if case in FACES:
        content = json.loads(file.read_text())
        face = content['annotations'][1]
        (photo,) = (i['file_name'] for i in content['images'] if i['id'] == face['image_id'])
        (fault,) = faults
        place = f'annotation {face["id"]}, {photo}: '
        assert fault.startswith(place)
        faults = [fault.removeprefix(place)]
    assert any(re.search(words, fault) for fault in faults), faults


@pytest.mark.parametrize('case', FILES)
def test_a_file_that_is_none_is_refused(write, case):
    change, words = FILES[case]
    file, read = write(change)
    with pytest.raises(InputError, match=words) as error:
        read()
    assert str(error.value).startswith(f'{file}: ') and '\n' not in str(error.value)
    file.unlink()
    with pytest.raises(InputError, match=r'json: no annotation file \(No such file'):
        read()


def test_all_faults_are_counted_and_the_first_are_listed(write):
    def change(content):
        faces = content['annotations']
        for number in range(5, 5 + MOST_LISTED):
            faces.append(faces[0] | dict(id=number, num_keypoints=0))
        put(np.nan, 0, 0)(content)

    file, read = write(change)
    with pytest.raises(InputError) as error:
        read()
    lines = str(error.value).split('\n')
    assert lines[0].startswith(f'{file}: {MOST_LISTED + 1} faults')
    assert len(lines) == MOST_LISTED + 2
    assert lines[-1] == '  and 1 more: tools/misc/check_dataset.py lists them'


@pytest.mark.parametrize('name', ['300w', 'cofw'])
@pytest.mark.parametrize('count', [1, 2, 11])
def test_few_landmarks_in_a_box_are_enough_and_hidden_ones_lie_anywhere(write, name, count):
    def change(numbers):
        numbers[:] = -9000, 9000, 0
        numbers[:count] = [(140 + 2 * k, 150, 1) for k in range(count)]  # in one row
        return numbers

    _, read = write(landmarks(change), name)
    assert read().get_data_info(1)['keypoints_visible'].sum() == count


def test_what_may_be_missing(write, tmp_path):
    """Checksums, as in MMPose's files; AFLW's face sizes, but in a test set; landmarks of boxes."""
    _, read = write(lambda content: [image.pop('crc32') for image in content['images']])
    assert 'photo_crc32' not in read().get_data_info(1)
    assert len(write(drop('box_size'), 'aflw')[1]()) == 4
    with pytest.raises(InputError, match='"box_size" is missing'):
        write(drop('box_size'), 'aflw', test_mode=True)[1]()
    box = dict(image_id=1, category_id=1, bbox=[3, 4, 50, 60], score=0.9)
    (tmp_path / 'boxes.json').write_text(json.dumps([box]))
    options = dict(bbox_file=str(tmp_path / 'boxes.json'), test_mode=True)
    assert len(write(entry(num_keypoints=0), **options)[1]()) == 1

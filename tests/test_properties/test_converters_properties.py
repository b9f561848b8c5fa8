"""What is written in a data set's own form comes back from its converter."""

import json
import tempfile
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from dataset_converters import (
    convert_300w,
    convert_aflw,
    convert_cofw,
    convert_wflw,
)
from dataset_converters.coco_json import BadSampleError
from dataset_converters.matlab import load_matlab5, open_matlab73
from dataset_converters.pts import read_pts
from generated_faces import (
    landmarks,
    occluded,
    random_face,
    write_aflw_archive,
    write_cofw_archive,
    write_pts,
    write_wflw_archive,
)
from generated_faces.cofw_archive import cofw_faces
from generated_faces.wflw_archive import wflw_face
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

ROUNDING = 0.51e-6  # px, of text with six decimals
seeds = st.integers(0, 2**31)
few = settings(max_examples=5)  # each draws faces
pixels = st.floats(-1e4, 1e4, allow_subnormal=False)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Makes a new folder for every example."""
    root = tmp_path_factory.mktemp('examples')
    return lambda: Path(tempfile.mkdtemp(dir=root))


def faces_in(path):
    """Of each annotation its landmarks (K, 2) and visibilities (K,), and all else."""
    content = json.loads(path.read_text())
    for annotation in content['annotations']:
        triples = np.reshape(annotation['keypoints'], (-1, 3))
        yield triples[:, :2], triples[:, 2], annotation


def convert(function, archive, out, **options):
    written, problems = function(archive, out, **options)
    assert written and not problems.errors
    return sorted(written)


@given(points=arrays.arrays(np.float64, st.tuples(st.integers(1, 98), st.just(2)), elements=pixels))
def test_pts(folder, points):
    path = folder() / 'a.pts'
    write_pts(path, points)
    np.testing.assert_allclose(read_pts(path, len(points)), points, rtol=0, atol=2 * ROUNDING)
    with pytest.raises(BadSampleError, match=f'n_points: {len(points) + 1}'):
        read_pts(path, len(points) + 1)


@given(text=st.text(max_size=200))
@example('version: 1\nn_points: 1\n{\n1e999 2\n}')
@example('version: 1\nn_points: 1\n{\n1 2\n}\n\x85')
def test_any_text_is_read_or_refused(folder, text):
    path = folder() / 'a.pts'
    path.write_bytes(text.encode('utf-8', 'surrogatepass'))
    try:
        points = read_pts(path, 1)
    except BadSampleError as error:
        assert 'a.pts' in str(error)
    else:
        assert points.shape == (1, 2) and np.isfinite(points).all()


@given(
    head=st.sampled_from([b'', b'MATLAB 5.0', b'\x89HDF\r\n\x1a\n']),
    content=st.binary(max_size=300),
)
def test_any_bytes_are_refused_as_matlab_files(folder, head, content):
    path = folder() / 'a.mat'
    path.write_bytes(head + content)
    with pytest.raises(BadSampleError, match='a.mat'):
        load_matlab5(path, ['Points'])
    try:
        file = open_matlab73(path)
    except BadSampleError:
        return
    assert isinstance(file, h5py.File)  # an HDF5 file of no content
    file.close()


@few
@given(seed=seeds)
def test_300w(folder, seed):
    """Blank photos, each with the annotation of a face that would fit."""
    source = folder()
    expected = {}
    for number, place in enumerate(('afw', 'helen/testset', 'ibug')):
        face = random_face([seed, number])
        path = source / place / f'{number}.png'
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.zeros((face.height, face.width, 3), np.uint8))
        expected[f'{place}/{number}.png'] = landmarks(face, '300w')
        write_pts(path.with_suffix('.pts'), expected[f'{place}/{number}.png'])
    found = {}
    for path in convert(convert_300w, source, source / 'out'):
        photos = {image['id']: image for image in json.loads(path.read_text())['images']}
        for points, visible, annotation in faces_in(path):
            photo = photos[annotation['image_id']]
            found[photo['file_name']] = points
            x, y, width, height = annotation['bbox']
            assert 0 <= x < x + width <= photo['width'] and 0 <= y < y + height <= photo['height']
            assert (visible == 1).all()
    assert found.keys() == expected.keys()
    for name, points in expected.items():
        np.testing.assert_allclose(found[name], points, rtol=0, atol=2 * ROUNDING)


@few
@given(seed=seeds, num_test=st.integers(1, 4))
def test_wflw(folder, seed, num_test):
    source = folder() / 'wflw'
    write_wflw_archive(source, num_train=1, num_test=num_test, seed=seed)
    test, train = convert(convert_wflw, source, source.parent / 'out')
    for split, path, count in (('train', train, 1), ('test', test, num_test)):
        found, left = list(faces_in(path)), 0
        assert len(found) == count
        for number, (points, _, annotation) in enumerate(found):
            if annotation['image_id'] == annotation['id']:
                left = 0  # the first face of its photo
            face = wflw_face(split, number, seed)
            expected = landmarks(face, 'wflw') + (left, 0)
            np.testing.assert_allclose(points, expected, rtol=0, atol=ROUNDING)
            left += face.width


@few
@given(seed=seeds)
def test_cofw(folder, seed):
    """Exact but for MATLAB's 1, which is added and taken away; what is off the photo becomes 0."""
    source = folder() / 'cofw'
    write_cofw_archive(source, num_train=1, num_test=2, seed=seed)
    cofw68, test, train = convert(convert_cofw, source, source.parent / 'out')
    faces = dict(train=cofw_faces('train', 1, seed), test=cofw_faces('test', 2, seed))
    for path, split, scheme in (
        (train, 'train', 'cofw'),
        (test, 'test', 'cofw'),
        (cofw68, 'test', '300w'),
    ):
        found = list(faces_in(path))
        assert len(found) == len(faces[split])
        for (points, visible, annotation), face in zip(found, faces[split], strict=True):
            expected = landmarks(face, scheme)
            if scheme == 'cofw':
                expected = np.maximum(expected, 0)
                hidden = occluded(face, scheme)
                assert annotation['occluded'] == hidden.astype(int).tolist()
                assert (visible == 2 - hidden).all()
            np.testing.assert_allclose(points, expected, rtol=0, atol=1e-12)


@few
@given(seed=seeds)
def test_aflw(folder, seed):
    """A face's id is its row in the file, whichever split it is in."""
    source = folder() / 'aflw'
    write_aflw_archive(source, num_train=2, num_test=2, seed=seed)
    paths = convert(convert_aflw, source, source.parent / 'out', num_train=2)
    found = {a['id']: points for path in paths for points, _, a in faces_in(path)}
    assert sorted(found) == [1, 2, 3, 4]
    table = load_matlab5(source / 'AFLWinfo_release.mat', ['data'])['data']
    for number, points in found.items():
        face = random_face([seed, 19, number], hard=number % 3 == 0)
        expected = table[number - 1].reshape(2, 19).T
        np.testing.assert_array_equal(points, expected)
        # Of two faces on one photo the second is shifted by whole pixels.
        shift = points - landmarks(face, 'aflw')
        np.testing.assert_allclose(shift, [[round(shift[0, 0]), 0]] * 19, rtol=0, atol=1e-9)

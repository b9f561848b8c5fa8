"""Archives with something wrong: one line each, with file and face; the other faces can be kept."""

import shutil

import cv2
import h5py
import numpy as np
import pytest
from archive_edits import (
    COFW,
    LIST,
    MAT,
    POINTS,
    PTS,
    aflw,
    cells,
    change_line,
    cofw,
    convert,
    fields,
    remove,
    variables,
)

PHOTO = '#refs#/photo2'  # of COFW's second face
COFW68 = 'cofw68-benchmark'
FACES = {'300w': 7, 'wflw': 7, 'aflw': 7, 'cofw': 10}  # COFW's test faces count twice: COFW-68
NOT_AT_HOME = 'it seems to belong to another photo'


def pts(number, *lines):
    return change_line(PTS, number, lambda line: lines)


def field(index, value):
    return fields(lambda values: values.__setitem__(index, value) or values)


def swap(name, value):
    """Put another variable of COFW's file in the place of one, or nothing if it is None."""

    def spoil(root):
        with h5py.File(root / COFW, 'r+') as file:
            new = value(file[name][()]) if callable(value) else value
            del file[name]
            if new is not None:
                file[name] = new
            if name == PHOTO:
                file['IsTr'][0, 1] = file[PHOTO].ref

    return spoil


def damage_photo(root):
    """Overwrite the second face's compressed pixels, as a bad disk does."""
    with h5py.File(root / COFW) as file:
        chunk = file[PHOTO].id.get_chunk_info(0)
    with (root / COFW).open('r+b') as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(chunk.size))


def cut(file, size=-900):
    return lambda root: (root / file).write_bytes((root / file).read_bytes()[:size])


def resize(file, *size):
    return lambda root: cv2.imwrite(str(root / file), np.zeros((*size, 3), np.uint8))


def text(file):
    return lambda root: (root / file).write_text('<html>')


def double(root):
    picture = cv2.imread(str(root / PTS.replace('.pts', '.jpg')))
    cv2.imwrite(str(root / PTS.replace('.pts', '.png')), picture)


FACE = {
    '300w': [
        (pts(1, 'version: 2'), "1.pts:1: 'version: 1' expected, got 'version: 2'"),
        (pts(2, 'n_points: 29'), ".pts:2: 'n_points: 68' expected, got 'n_points: 29'"),
        (pts(10, '1 2 3'), ".pts:10: two numbers 'x y' expected, got '1 2 3'"),
        (pts(10, '4000 30'), NOT_AT_HOME),
        (pts(10), '.pts:71: 67 points, 68 expected'),
        (pts(72, '}', 'more'), ".pts:73: '}' expected at the end, got 'more'"),
        (cut('lfpw/trainset/gen_0001.png'), 'unreadable photo'),
        (text('ibug/gen_0001.jpg'), 'this is a web page or SVG'),
        (resize('ibug/gen_0001.jpg', 1, 1), f'px outside the 1x1 photo; {NOT_AT_HOME}'),
        (remove(PTS), 'trainset: a photo and gen_0001.pts expected, found gen_0001.jpg;'),
        (double, 'expected, found gen_0001.jpg, gen_0001.png, gen_0001.pts;'),
    ],
    'wflw': [
        (fields(lambda f: f[:-1]), 'train.txt:2: 206 fields, 207 expected'),
        (field(7, 'drei'), "train.txt:2: could not convert string to float: 'drei'"),
        (field(194, 'nan'), 'train.txt:2: landmark 97 is not finite'),
        (field(199, 'nan'), 'the box has no area: '),
        (field(203, '2'), "attribute makeup must be 0 or 1, got '2'"),
        (field(206, 'c.jpg'), 'c.jpg; unpack it'),
        (field(206, '../b.jpg'), "'../b.jpg' is no name of a photo inside"),
        (field(206, '\udcff.jpg'), 'the line is no UTF-8 text'),
    ],
    'aflw': [
        (aflw('bbox', 1, (80, 80, 36, 156)), "face 2: 'bbox' has no area: x 80 to 80, y 36 to 156"),
        (aflw('bbox', (1, 1), np.inf), 'face 2: the face box is not finite'),
        (aflw('mask_new', (1, 5), 2), "face 2: 'mask_new' must be 0 or 1, got ["),
        (aflw('nameList', (1, 0), '2/none.jpg'), 'none.jpg; unpack it'),
        (aflw('nameList', (1, 0), '../../../x.jpg'), "face 2: '../../../x.jpg' is no name of"),
        (aflw('nameList', (1, 0), ''), "face 2: 'nameList' has no name for it"),
    ],
    'cofw': [
        (cofw('phisTr', 30, 1, np.nan), 'face 2: landmark 1 is not finite'),
        (cofw('phisTr', 60, 1, 2), 'face 2: occlusion flag 2 is 2, 0 or 1 expected'),
        (cofw('bboxesTr', 3, 1, 0), 'face 2: the face box has no area'),
        (swap(PHOTO, np.zeros((3, 7, 5))), 'photo is 5 x 7 x 3 float64, H x W x 3 or H x W uint8'),
        (swap(PHOTO, np.zeros((3, 70000, 1), np.uint8)), 'is 1 x 70000 x 3 uint8, H x W x 3 or'),
        (cofw('IsTr', 0, 1, h5py.Reference()), 'face 2: damaged'),
        (damage_photo, 'face 2: damaged'),
        (text(POINTS), 'unreadable MATLAB 5'),
        (variables(POINTS, Points=None), "no variable 'Points'"),
        (variables(POINTS, Points=lambda v: v[:67]), 'Points is 67 x 2, 68 x 2 expected'),
        (variables(POINTS, Occ=lambda v: v[:, 1:]), 'Occ must be 68 flags of 0 or 1'),
    ],
}


def write_matlab73(root):
    header = b'MATLAB 7.3 MAT-file'.ljust(124) + b'\x00\x02IM' + b'\x89HDF\r\n\x1a\n'
    (root / MAT).write_bytes(header)


def more_points(root):
    shutil.copy(root / POINTS, (root / POINTS).with_name('9_points.mat'))


def no_points(root):
    for file in (root / POINTS).parent.iterdir():
        file.unlink()


def more_training_faces(root):  # than COFW has numbers for
    for name in ('IsTr', 'phisTr', 'bboxesTr'):
        swap(name, lambda values: np.tile(values, 337))(root)


WHOLE = {  # with the number of faces that are left
    '300w': [(lambda root: shutil.rmtree(root) or root.mkdir(), 'no 300W face found; one or', 0)],
    'wflw': [
        (lambda root: shutil.rmtree(root / 'WFLW_images'), 'WFLW_images: no such folder', 0),
        (lambda root: shutil.rmtree(root / 'WFLW_annotations'), f'neither {LIST} nor ', 0),
    ],
    'aflw': [
        (variables(MAT, mask_new=None), "no variable 'mask_new'", 0),
        (variables(MAT, data=np.ones((7, 42))), "'data' has shape (7, 42), (7, 38) expected", 0),
        (variables(MAT, nameList=np.array(list('abcdefg'))), "'nameList' is no array of cells", 0),
        (variables(MAT, data=cells(*'abcdefg')), "'data' is no array of numbers", 0),
        (aflw('ra', (0, 1), 1.5), "'ra' does not hold each of 1 to 7 once", 0),
        (cut(MAT, 700), '; download it again', 0),
        (write_matlab73, "MATLAB 7.3; save it in MATLAB with '-v7'", 0),
        (remove(MAT), f'no {MAT} in it', 0),
        (lambda root: shutil.rmtree(root / 'data'), 'no flickr in it', 0),
    ],
    'cofw': [
        (cut(COFW, 5000), 'damaged, or no MATLAB 7.3 file (', 6),
        (swap('phisTr', None), 'no variable phisTr', 6),
        (swap('phisTr', lambda v: v[:86]), 'phisTr is 4 x 86 float64, faces x 87 numbers exp', 6),
        (swap('phisTr', lambda v: v[:, :2]), 'Is, phis, bboxes have 4, 2, 4 faces', 6),
        (swap('IsTr', np.zeros((1, 4))), 'IsTr is 4 x 1 float64, faces x 1 photos expected', 6),
        (more_training_faces, '1348 faces; the official 1345 at most', 6),
        (more_points, '9_points.mat: no', 10),
        (no_points, 'test_annotations: no N_points.mat in it', 7),
        (lambda root: shutil.copytree(root / COFW68, root / 'b'), 'too; keep one', 0),
        (lambda root: shutil.rmtree(root) or root.mkdir(), 'or COFW_test_color.mat in it; unpa', 0),
    ],
}


CASES = [(name, *row, FACES[name] - 1) for name, rows in FACE.items() for row in rows]
CASES += [(name, *row) for name, rows in WHOLE.items() for row in rows]


@pytest.mark.parametrize(
    ('dataset', 'spoil', 'words', 'left'), CASES, ids=[f'{case[0]} {case[2]}' for case in CASES]
)
def test_a_fault_is_one_line_and_costs_no_other_face(copy, tmp_path, dataset, spoil, words, left):
    root, out = copy(dataset), tmp_path / 'out'
    spoil(root)
    written, problems = convert(dataset, root, out)
    assert not written and not (out / 'annotations').exists()
    (error,) = problems.errors
    assert error.startswith(str(root)) and words in error and '\n' not in error
    written, problems = convert(dataset, root, out, skip_bad=True)
    assert sum(written.values()) == left
    assert problems.errors[0] == error


def test_a_place_that_cannot_be_written_is_one_line(copy, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'images').write_text('a file')
    written, problems = convert('cofw', copy('cofw'), tmp_path / 'out')
    (error,) = problems.errors
    assert not written
    assert error.startswith(str(tmp_path / 'out' / 'images')) and 'run this again' in error

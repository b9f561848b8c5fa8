"""Archives of generated faces and ways to change them, for the tests of converters."""

import json

import cv2
import dataset_converters
import h5py
import numpy as np
import scipy.io

PTS = 'helen/trainset/gen_0001.pts'
LIST = 'WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt'
MAT = 'AFLWinfo_release.mat'
COFW = 'COFW_train_color.mat'
PHOTO = '#refs#/photo2'  # of COFW's second face
COFW68 = 'cofw68-benchmark/COFW68_Data'
POINTS = f'{COFW68}/test_annotations/2_points.mat'
TEST = 'COFW_test_color.mat'


def convert(dataset, root, out, **options):
    if dataset == 'aflw':
        options.setdefault('num_train', 4)
    return getattr(dataset_converters, f'convert_{dataset}')(root, out, **options)


def change_line(file, number, change):
    def spoil(root):
        lines = (root / file).read_text().splitlines()
        lines[number - 1 : number] = change(lines[number - 1])
        (root / file).write_text('\n'.join(lines) + '\n', errors='surrogateescape')

    return spoil


def pts(number, *lines):
    return change_line(PTS, number, lambda line: lines)


def fields(change):
    """Change the list of fields of the second line of WFLW's list."""
    return change_line(LIST, 2, lambda line: [' '.join(change(line.split()))])


def field(index, value):
    return fields(lambda values: values.__setitem__(index, value) or values)


def variables(file, **changes):
    """Change variables of a MATLAB 5 file: by a function, to a value, or None to drop one."""

    def spoil(root):
        found = scipy.io.loadmat(root / file)
        found = {name: value for name, value in found.items() if not name.startswith('__')}
        found |= {k: v(found[k].copy()) if callable(v) else v for k, v in changes.items()}
        scipy.io.savemat(root / file, {k: v for k, v in found.items() if v is not None})

    return spoil


def aflw(name, index, value):
    def put(array):
        array = array.astype(float) if array.dtype.kind != 'O' else array
        array[index] = value
        return array

    return variables(MAT, **{name: put})


def cells(*names):
    column = np.empty((len(names), 1), object)
    column[:, 0] = names
    return column


def cofw(name, row, index, value):
    def spoil(root):
        with h5py.File(root / COFW, 'r+') as file:
            file[name][row, index] = value

    return spoil


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


def remove(file):
    return lambda root: (root / file).unlink()


def double(root):
    """Put another photo beside the one of that name."""
    picture = cv2.imread(str(root / PTS.replace('.pts', '.jpg')))
    cv2.imwrite(str(root / PTS.replace('.pts', '.png')), picture)


def load(out, name):
    return json.loads((out / 'annotations' / f'{name}.json').read_text())

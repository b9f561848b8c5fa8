"""Archives of generated faces and ways to change them, for the tests of converters."""

import json

import dataset_converters
import h5py
import numpy as np
import scipy.io

PTS = 'helen/trainset/gen_0001.pts'
LIST = 'WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt'
MAT = 'AFLWinfo_release.mat'
COFW = 'COFW_train_color.mat'
POINTS = 'cofw68-benchmark/COFW68_Data/test_annotations/2_points.mat'
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


def fields(change):  # of the second line of WFLW's list
    return change_line(LIST, 2, lambda line: [' '.join(change(line.split()))])


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


def remove(file):
    return lambda root: (root / file).unlink()


def load(out, name):
    return json.loads((out / 'annotations' / f'{name}.json').read_text())

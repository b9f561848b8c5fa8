"""What torch's weights-only loading lets through with the package's list, and what not."""

import os
import pickle
import struct

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch._utils import _rebuild_device_tensor_from_numpy

import mhhn_mmpose  # noqa: F401
from mhhn_mmpose.weights_only import refusal

RECONSTRUCT = np.arange(3).__reduce__()[0]


class Call:
    """Pickled as a call: `function(*arguments)`, then `__setstate__(state)`."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = function, arguments, state

    def __reduce__(self):
        return self.reduced


def test_what_mmengine_writes_is_loaded(tmp_path):
    columns = np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3))
    arrays = [np.arange(3), columns, np.zeros(0), np.array([True]), np.float64(4.5)]
    history = HistoryBuffer([1.0, 2.0], [3, 4])
    torch.save([history, *arrays], tmp_path / 'a.pth')
    loaded_history, *loaded = torch.load(tmp_path / 'a.pth')
    assert loaded_history.mean() == history.mean()
    for found, expected in zip(loaded, arrays, strict=True):
        assert type(found) is type(expected) and found.dtype == expected.dtype
        assert np.array_equal(found, expected)


def record_of_pointers() -> Call:
    """An array whose 8 bytes are followed as a pointer where its field is read."""
    pointer = Call(np.dtype, 'O', False, True)
    state = (3, '<', None, ('a',), {'a': (pointer, 0)}, -1, -1, 0)
    dtype = Call(np.dtype, 'i8', False, True, state=state)
    data = struct.pack('<Q', 0x4141414141414141)
    return Call(RECONSTRUCT, np.ndarray, (0,), b'b', state=(1, (1,), dtype, False, data))


@pytest.mark.parametrize(
    ('payload', 'reason'),
    [
        (Call(os.mkdir, 'x'), 'posix.mkdir, which may run code'),
        (Call(eval, '1'), 'eval, which may run code'),
        (Call(getattr, HistoryBuffer, '__init__'), '__init__ is not allowed'),
        (Call(getattr, np.ndarray, 'mean'), 'mean is not allowed'),
        (record_of_pointers(), "numpy.dtype('O') is not allowed"),
        (Call(np.dtype, '>i8'), "numpy.dtype('>i8') is not allowed"),
        (Call(np.ndarray, (2,), 'O'), 'is not allowed'),
        (Call(RECONSTRUCT, HistoryBuffer, (0,), b'b'), 'is not allowed'),
        (np.array([None, print], dtype=object), "numpy.dtype('O8') is not allowed"),
        (np.array(['text']), "numpy.dtype('U4') is not allowed"),
        # Shares the array's memory, which numpy frees when the array's state is set once more.
        (
            Call(_rebuild_device_tensor_from_numpy, np.arange(3), torch.int64, 'cpu', False),
            '_rebuild_device_tensor_from_numpy, which may run code',
        ),
    ],
)
def test_what_is_no_plain_data_is_refused(payload, reason, tmp_path):
    torch.save(dict(payload=payload), tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError) as caught:
        torch.load(tmp_path / 'a.pth')
    assert reason in refusal(caught.value) and '\n' not in refusal(caught.value)
    assert refusal(EOFError()) is None  # a damaged file is no refusal


def test_a_dtype_keeps_its_meaning_whatever_a_file_says(tmp_path):
    objects = (3, '<', None, None, None, -1, -1, 0x3F)  # flags of a dtype that holds pointers
    dtype = Call(np.dtype, 'i8', False, True, state=objects)
    array = Call(RECONSTRUCT, np.ndarray, (0,), b'b', state=(1, (1,), dtype, False, bytes(8)))
    torch.save(array, tmp_path / 'a.pth')
    assert torch.load(tmp_path / 'a.pth').tolist() == [0]
    assert not np.dtype('i8').hasobject

"""What a checkpoint may hold: tensors, and the plain data that MMEngine 0.10 writes beside them.

From 2.6 on, torch loads with `weights_only=True`: its unpickler makes only what is on a list. This
module adds MMEngine's HistoryBuffer, and arrays and scalars of numbers. No entry may give a file a
way to run code, so stand-ins take the place of what numpy leaves open:

* A dtype's `__setstate__` accepts any fields, by which the bytes of an array are followed as
  pointers. `_number_dtype` returns numpy's own immutable dtypes, whose `__setstate__` does nothing.
  A byte order given there would be lost; MMEngine writes none.
* A pickle cannot call a name without a dot, so classes are listed without one: their objects can
  be restored, but the classes not called.
* numpy frees an array's memory when its state is set a second time. One function on torch's own
  list, for XLA devices, shares this memory with a tensor; it is removed from the list.
"""

from __future__ import annotations

import pickle
import re

import numpy as np

SHARES_MEMORY = 'torch._utils._rebuild_device_tensor_from_numpy'
STATISTICS = ('min', 'max', 'current', 'mean')  # HistoryBuffer's, named in its state


def allow_checkpoint_classes() -> None:
    """Add the classes above to the list of torch, for this process.

    >>> import io, torch
    >>> torch.save(np.arange(3), file := io.BytesIO())
    >>> allow_checkpoint_classes()
    >>> torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    array([0, 1, 2])
    """
    import torch
    from mmengine.logging import HistoryBuffer
    from torch._weights_only_unpickler import _get_allowed_globals

    _get_allowed_globals().pop(SHARES_MEMORY, None)
    scalar = np.float64().__reduce__()[0]  # numpy's own maker of scalars
    numbers = {type(np.dtype(code)) for code in np.typecodes['AllInteger'] + 'efd?'}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            *((kind, kind.__name__) for kind in (np.ndarray, *numbers)),
            (_number_dtype, 'numpy.dtype'),
            (_array_class, 'numpy.ndarray'),
            # numpy 1 and 2 call this module differently, and a checkpoint may have been written
            # under either.
            *(
                (function, f'{core}.multiarray.{name}')
                for core in ('numpy.core', 'numpy._core')
                for name, function in (('_reconstruct', _empty), ('scalar', scalar))
            ),
            bytes,  # how pickle's protocol 2 writes an empty array's content
            (_history_buffer_method, 'builtins.getattr'),
        ]
    )


def refusal(error: Exception) -> str | None:
    """Say in one line what in a checkpoint torch refused; None if the file is merely damaged.

    torch's own text has many lines, and among them the advice to switch the protection off.

    >>> refusal(RuntimeError('Unsupported global: GLOBAL os.system was not an allowed global'))
    'it holds os.system, which may run code'
    """
    found = re.search(r'nsupported (?:global: )?GLOBAL (\S+)', str(error))
    if found:
        return f'it holds {found[1]}, which may run code'
    lines = str(error).splitlines()
    return next((line.strip() for line in lines if 'not allowed in a checkpoint' in line), None)


def _array_class(*arguments: object) -> None:
    """Stands in for `numpy.ndarray`, which a pickle names, but does not call."""
    raise pickle.UnpicklingError(f'numpy.ndarray{arguments!r} is not allowed in a checkpoint')


def _empty(kind: object, shape: tuple, code: bytes) -> np.ndarray:
    """Stands in for numpy's `_reconstruct`; the array gets its shape and content afterwards."""
    if kind is not _array_class:
        raise pickle.UnpicklingError(f'an array of {kind!r} is not allowed in a checkpoint')
    return np.empty(0, np.int8)


def _number_dtype(code: str, *_: object) -> np.dtype:
    """Stands in for `numpy.dtype`, which also makes objects, records and pointers of bytes."""
    dtype = np.dtype(code) if isinstance(code, str) else None
    if dtype is None or dtype.isbuiltin != 1 or dtype.kind not in 'biuf':
        raise pickle.UnpicklingError(f'numpy.dtype({code!r}) is not allowed in a checkpoint')
    return dtype


def _history_buffer_method(owner: type, name: str):
    """Stands in for `getattr`: protocol 2 names HistoryBuffer's statistics by it.

    The real `getattr` would hand a pickle the way to any code.
    """
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name not in STATISTICS:
        raise pickle.UnpicklingError(f'{owner!r}.{name} is not allowed in a checkpoint')
    return getattr(HistoryBuffer, name)

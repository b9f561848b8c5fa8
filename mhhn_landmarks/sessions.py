"""ONNX files, opened once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


@lru_cache(maxsize=4)
def open_session(path: str | Path, threads: int = 0) -> InferenceSession:
    """Open an ONNX file on the CPU.

    Args:
        path: The file.
        threads: 0 for onnxruntime's own choice.

    Raises:
        InputError: If onnxruntime is missing, or the file is none.

    >>> from mhhn_landmarks.models import onnx_file
    >>> open_session(onnx_file('tiny')).get_inputs()[0].shape[1:]
    [3, 128, 128]
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError('onnxruntime is not installed; run: pip install onnxruntime') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    except Exception as error:  # onnxruntime's own share no other parent
        reason = ' '.join(str(error).split())[:200]
        raise InputError(f'{path}: no usable ONNX file ({reason})') from error

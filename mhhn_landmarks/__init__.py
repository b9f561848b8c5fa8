"""Landmarks of photos and videos, without PyTorch: numpy, OpenCV and onnxruntime alone.

`mhhn_mmpose` builds on this package; nothing here may import it, torch or OpenMMLab.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .aligner import OnnxAligner

__version__ = '0.1.0'
__all__ = ['OnnxAligner', '__version__']


def __getattr__(name: str):
    """Import `OnnxAligner` when it is asked for: `--help` and a training need no onnxruntime."""
    if name == 'OnnxAligner':
        from .aligner import OnnxAligner

        return OnnxAligner
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

"""MHHN (robust face alignment, IEEE TIP 2021) as a plug-in for MMPose.

Importing the package registers its parts with MMPose's own registries, so that a config needs
`custom_imports = dict(imports=['mhhn_mmpose'])` and nothing else.
"""

from . import compat

compat.prepare()

from mhhn_landmarks import __version__  # noqa: E402

from . import codecs, datasets, engine, evaluation, models, visualization  # noqa: E402, F401

__all__ = ['FaceAligner', '__version__']


def __getattr__(name: str):
    """Import `FaceAligner` when it is asked for: a training needs no detector."""
    if name == 'FaceAligner':
        from .apis.aligner import FaceAligner

        return FaceAligner
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

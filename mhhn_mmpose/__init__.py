"""MHHN (robust face alignment, IEEE TIP 2021) as a plug-in for MMPose.

Importing the package registers its parts with MMPose's own registries, so that a config needs
`custom_imports = dict(imports=['mhhn_mmpose'])` and nothing else.
"""

from . import compat

compat.prepare()

from . import codecs, engine, evaluation, models  # noqa: E402, F401
from .datasets import samplers  # noqa: E402, F401
from .version import __version__  # noqa: E402

__all__ = ['__version__']

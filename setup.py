"""Puts configs, tools and demo into the package; everything else is in pyproject.toml."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

root = Path(__file__).parent

# What `mim` and `mmengine.hub.get_config` look for in PACKAGE/.mim.
MIM_FILES = ('model-index.yml', 'configs', 'tools', 'demo')


class BuildWithMim(build_py):
    """Puts MIM_FILES into mhhn_mmpose/.mim: links in the source, copies in a wheel.

    The source has them after any build: Python that starts in its folder imports from there.
    """

    def run(self):
        """Build the package, then `.mim` inside it."""
        super().run()
        source = root / 'mhhn_mmpose' / '.mim'
        fill(source, link)
        (source / '.gitignore').write_text('*\n')
        if not self.editable_mode:
            fill(Path(self.build_lib) / 'mhhn_mmpose' / '.mim', copy)


def fill(folder: Path, put: Callable[[Path, Path], None]) -> None:
    """Make `folder` have MIM_FILES and nothing else, which an earlier build may have left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in MIM_FILES:
        put(root / name, folder / name)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder without what Python leaves behind."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.py[co]'))
    else:
        shutil.copyfile(source, target)


def link(source: Path, target: Path) -> None:
    """Link to `source`, or copy it where the system allows no links (Windows)."""
    try:
        target.symlink_to(os.path.relpath(source, target.parent), source.is_dir())
    except OSError:
        copy(source, target)


setup(cmdclass={'build_py': BuildWithMim})

"""Package metadata; the tools' settings are in pyproject.toml."""

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

root = Path(__file__).parent

# What `mim` and `mmengine.hub.get_config` look for in PACKAGE/.mim.
MIM_FILES = ('model-index.yml', 'configs', 'tools', 'demo')

EXTRAS = {
    # The web page, and here whatever finds the faces in a photo.
    'demo': ['gradio'],
    # ml_dtypes 0.6, which onnx would take, wants numpy 2; xtcocotools' wheels want numpy 1.
    'deploy': ['onnx', 'onnxruntime', 'onnxscript', 'ml_dtypes<0.6; python_version < "3.12"'],
}


class BuildWithMim(build_py):
    """Puts MIM_FILES into mhhn_mmpose/.mim: copies in a wheel, links where it is editable."""

    def run(self):
        """Build the package, then `.mim` inside it."""
        super().run()
        folder = (root if self.editable_mode else Path(self.build_lib)) / 'mhhn_mmpose' / '.mim'
        shutil.rmtree(folder, ignore_errors=True)  # a former build may have had other files
        folder.mkdir(parents=True)
        for name in filter(lambda name: (root / name).exists(), MIM_FILES):
            if self.editable_mode:
                link(root / name, folder / name)
            else:
                copy(root / name, folder / name)
        if self.editable_mode:
            (folder / '.gitignore').write_text('*\n')


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


def read_version() -> str:
    """The one in mhhn_mmpose/version.py, read without importing the package."""
    scope: dict = {}
    exec((root / 'mhhn_mmpose' / 'version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


def read_requirements(name: str) -> list[str]:
    """The lines of a file in requirements/, without comments."""
    lines = (root / 'requirements' / name).read_text(encoding='utf-8').splitlines()
    return [line for line in map(str.strip, lines) if line and not line.startswith('#')]


setup(
    name='mhhn-mmpose',
    version=read_version(),
    description='MHHN face alignment (IEEE TIP 2021) as a plug-in for MMPose',
    long_description=(root / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10,<3.13',
    packages=find_packages(include=['mhhn_*']),
    cmdclass={'build_py': BuildWithMim},
    # MMPose cannot be among these: its dependency chumpy does not build with a current pip. See
    # requirements/openmmlab.txt.
    install_requires=read_requirements('runtime.txt'),
    extras_require=EXTRAS,
    classifiers=[
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)

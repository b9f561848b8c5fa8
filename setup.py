"""Package metadata; the tools' settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

root = Path(__file__).parent


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
    packages=find_packages(include=['mhhn_mmpose', 'mhhn_mmpose.*']),
    # MMPose cannot be among these: its dependency chumpy does not build with a current pip. See
    # requirements/openmmlab.txt.
    install_requires=read_requirements('runtime.txt'),
    classifiers=[
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'License :: OSI Approved :: Apache Software License',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)

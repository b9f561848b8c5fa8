"""Run MMPose's own tools/misc/browse_dataset.py, which then reads this package's configs too."""

import runpy
from pathlib import Path

import mmpose

import mhhn_mmpose  # noqa: F401

if __name__ == '__main__':
    folder = Path(mmpose.__file__).parent / '.mim'
    runpy.run_path(str(folder / 'tools/misc/browse_dataset.py'), run_name='__main__')

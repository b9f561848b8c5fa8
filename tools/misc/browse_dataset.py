"""Run MMPose's own tools/misc/browse_dataset.py, which then reads this package's configs too."""

import runpy
import sys
from pathlib import Path

import mmpose
from mmengine.config import Config

import mhhn_mmpose  # noqa: F401

if __name__ == '__main__':
    folder = Path(mmpose.__file__).parent / '.mim'
    # MMPose's script takes a file, not a name such as mhhn_mmpose::300w/NAME.py
    sys.argv = [Config._get_cfg_path(w, '')[0] if '::' in w else w for w in sys.argv]
    runpy.run_path(str(folder / 'tools/misc/browse_dataset.py'), run_name='__main__')

"""The compatibility guard: an unusable stack ends in one sentence with what mends it."""

import importlib
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from odd_photos import write_with_a_wrong_profile

from mhhn_mmpose import compat

FIND, VERSION = (importlib.util, 'find_spec'), (importlib.metadata, 'version')
IMPORT = (importlib, 'import_module')
NUMPY = {'xtcocotools.mask': ValueError('numpy.dtype size changed, may indicate ...')}
OLD, NEW = ({'mmcv': version, 'mmcv-lite': version} for version in ('1.7.0', '2.2.0rc1'))
RANGE, LITE = 'is out of the range [2.0.0, 2.2.0)', 'pip install --no-deps "mmcv-lite==2.1.0"'
STACKS = {
    'missing': (FIND, dict(torch=None, mmcv=None), 'not installed: torch, mmcv.', compat.INSTALL),
    'old torch': (VERSION, dict(torch='2.5.1'), 'torch 2.5.1 runs the code in', '"torch>=2.6" tor'),
    'old mmcv': (VERSION, OLD, f'mmcv 1.7.0 {RANGE}', LITE),
    'new mmcv': (VERSION, NEW, f'mmcv 2.2.0rc1 {RANGE}', LITE),
    'numpy': (IMPORT, NUMPY, 'xtcocotools was built for another numpy', 'pip install "numpy<2"'),
}


@pytest.mark.parametrize('name', STACKS)
def test_an_unusable_stack_is_named_with_its_remedy(name, monkeypatch):
    """An import function is given other answers for some names."""
    function, answers, start, remedy = STACKS[name]
    real = getattr(*function)

    def answer(asked, *args):
        found = answers[asked] if asked in answers else real(asked, *args)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(*function, answer)
    with pytest.raises(ImportError) as caught:
        compat.prepare()
    text = str(caught.value)
    assert text.startswith(start) and remedy in text and '\n' not in text


def run_python(code, folder):
    """In a process of its own, in a folder that comes first in its path."""
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, '-c', code]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)


def test_opencv_without_libgl(tmp_path, uncovered_processes):
    (tmp_path / 'cv2.py').write_text("raise ImportError('libGL.so.1: cannot open shared object')")
    run = run_python('import mhhn_mmpose', tmp_path)
    line = run.stderr.strip().splitlines()[-1]
    assert line.startswith('ImportError: OpenCV does not load (libGL.so.1')
    assert 'opencv-python-headless' in line


@pytest.mark.skipif(
    importlib.util.find_spec('mmcv._ext') is not None, reason='the compiled mmcv is installed'
)
def test_stand_in_says_what_it_needs():
    from mmcv.ops import MultiScaleDeformableAttention

    with pytest.raises(ImportError, match='needs the compiled mmcv'):
        MultiScaleDeformableAttention(256)
    with pytest.raises(ImportError):  # MMPose relies on this to know what it lacks
        from mmcv.ops import DeformConv2d  # noqa: F401


def test_mmpose_takes_bfloat16_to_numpy():
    from mmpose.models.heads.heatmap_heads import heatmap_head

    x = torch.tensor([[1.5, 2.5]], dtype=torch.bfloat16)
    (array,) = heatmap_head.to_numpy((x,))
    assert array.dtype == np.float32 and array.tolist() == [[1.5, 2.5]]
    ((first, second),) = heatmap_head.to_numpy((x, x.double()), unzip=True)
    assert first.dtype == np.float32 and second.dtype == np.float64
    assert heatmap_head.to_numpy(x.half()).dtype == np.float16
    assert heatmap_head.to_numpy(np.ones(2)).tolist() == [1, 1]


def test_a_config_that_inherits_by_name_has_parts_of_mmpose(tmp_path):
    """Under a scope of our own MMEngine says that the package is not installed."""
    from mmengine.config import Config

    name = 'mhhn_mmpose::300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py'
    (tmp_path / 'mine.py').write_text(f'_base_ = [{name!r}]\n')
    text = Config.fromfile(tmp_path / 'mine.py').pretty_text
    assert set(re.findall(r"_scope_='(\w+)'", text)) == {'mmpose'}


def test_the_three_lines_of_the_readme_print_no_line_of_others(tmp_path, uncovered_processes):
    """The photo has a colour profile of which libpng complains."""
    write_with_a_wrong_profile(tmp_path / 'photo.png')
    code = (
        'from mhhn_mmpose import FaceAligner;'
        "FaceAligner('mhhn_mmpose::300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py')('photo.png')"
    )
    run = run_python(code, tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, '', '')

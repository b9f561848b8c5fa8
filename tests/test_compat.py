"""The compatibility guard: an unusable stack ends in one sentence with what mends it."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from mhhn_mmpose.compat import INSTALL

HIDE = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *args: None if name in {names!r} else real(name, *args)
import mhhn_mmpose
"""
OTHER_VERSION = """
import importlib.metadata
real = importlib.metadata.version
importlib.metadata.version = lambda name: {version!r} if name in {names!r} else real(name)
import mhhn_mmpose
"""


def last_line(code: str, *paths) -> str:
    """Stderr's last line of a fresh interpreter that runs `code`, with `paths` before all else."""
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([*map(str, paths), *sys.path])}
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=env)
    assert run.returncode == 1, run.stderr
    return run.stderr.strip().splitlines()[-1]


def test_all_that_is_missing_is_named_at_once():
    line = last_line(HIDE.format(names={'torch', 'mmcv', 'pkg_resources'}))
    assert line == f'ImportError: not installed: torch, pkg_resources, mmcv. Run: {INSTALL}'


def test_torch_that_runs_a_checkpoints_code():
    line = last_line(OTHER_VERSION.format(version='2.5.1', names=('torch',)))
    assert line.startswith('ImportError: torch 2.5.1 runs the code in a checkpoint')
    assert line.endswith('Run: pip install "torch>=2.6" torchvision')


@pytest.mark.parametrize('version', ['1.7.0', '2.2.0', '2.2.0rc1'])
def test_mmcv_out_of_range(version):
    line = last_line(OTHER_VERSION.format(version=version, names=('mmcv', 'mmcv-lite')))
    assert line.startswith(f'ImportError: mmcv {version} is out of the range [2.0.0, 2.2.0)')
    assert line.endswith('Run: pip install --no-deps "mmcv-lite==2.1.0"')


def test_xtcocotools_built_for_another_numpy(tmp_path):
    (tmp_path / 'xtcocotools').mkdir()
    (tmp_path / 'xtcocotools' / '__init__.py').touch()
    (tmp_path / 'xtcocotools' / 'mask.py').write_text(
        "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility')"
    )
    line = last_line('import mhhn_mmpose', tmp_path)
    assert line.startswith('ImportError: xtcocotools was built for another numpy')
    assert 'pip install "numpy<2"' in line


def test_opencv_without_libgl(tmp_path):
    (tmp_path / 'cv2.py').write_text("raise ImportError('libGL.so.1: cannot open shared object')")
    line = last_line('import mhhn_mmpose', tmp_path)
    assert line.startswith('ImportError: OpenCV does not load (libGL.so.1')
    assert 'opencv-python-headless' in line


def test_mmpose_imports_in_full():
    import mmpose.apis
    import mmpose.models
    import mmpose.visualization

    assert mmpose.models.HourglassNet


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

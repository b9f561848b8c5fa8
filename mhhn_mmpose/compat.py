"""What lets MMPose 1.3 import, load checkpoints and draw on today's stack.

`prepare` refuses a stack that cannot work, in one `ImportError` that ends with the command to run:

* a package is missing or out of range;
* OpenCV is the desktop build and libGL is missing, as on servers and in containers;
* xtcocotools was built for another numpy;
* torch is older than 2.6 and would run the code in a checkpoint.

It then mends:

* `mmcv.ops`, which only the compiled mmcv has. MMPose imports one name from it without a guard
  (`MultiScaleDeformableAttention`, for EDPose). With mmcv-lite a class that refuses to be built
  takes its place. Other imports from `mmcv.ops` still fail with ImportError, which MMPose and
  MMDetection expect. With the compiled mmcv nothing is touched.
* Loading checkpoints with `weights_only=True`: weights_only.py allows what MMEngine 0.10 pickles.
* Drawing with numpy 2.5, which refuses to convert MMPose's one-element arrays to numbers.
* bfloat16, which numpy lacks: MMPose's heads decode and measure `acc_pose` in numpy.
* Config names like `mhhn_mmpose::300w/...`, and the names of the models that ship, `mhhn_best` and
  `mhhn_tiny`, for MMPose's inferencers.
* Notices that no user can act on, which are silenced: MMEngine's on `pkg_resources`, and MMPose's
  that annotations have the box's centre and scale, or that its own `_base_/datasets/` are taken.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import re
import sys
import types
import warnings
from contextlib import suppress
from pathlib import Path
from unittest import mock

import numpy as np

from .weights_only import allow_checkpoint_classes

# Everything but photos and videos needs these. MMPose and MMEngine come without dependencies, as
# chumpy does not build and opencv-python needs libGL; the extra lists what they import.
INSTALL = (
    'pip install "mhhn-mmpose[mmpose]" && pip install --no-deps --no-build-isolation '
    'xtcocotools==1.14.3 mmengine==0.10.7 mmcv-lite==2.1.0 mmdet==3.3.0 mmpose==1.3.2'
)
_NEEDED = 'torch torchvision pkg_resources xtcocotools mmengine mmcv mmdet mmpose'.split()
# (distribution to install, module, lower bound, upper bound (exclusive)); MMDetection 3.3.0 sets
# the bound on mmcv, and mmpose.models imports MMDetection.
_OPENMMLAB = (
    ('mmengine==0.10.7', 'mmengine', '0.10.0', '1.0.0'),
    ('mmcv-lite==2.1.0', 'mmcv', '2.0.0', '2.2.0'),
    ('mmdet==3.3.0', 'mmdet', '3.0.0', '3.4.0'),
    ('mmpose==1.3.2', 'mmpose', '1.3.0', '2.0.0'),
)
_HEADLESS_OPENCV = (
    'pip uninstall -y opencv-python && '
    'pip install --force-reinstall --no-deps "opencv-python-headless==4.11.0.86"'
)


def prepare() -> None:
    """Check the installed stack and mend what the module's docstring lists.

    Raises:
        ImportError: If a package is missing, out of range or does not load.

    >>> from mmengine.hub import get_config  # importing mhhn_mmpose has called prepare()
    >>> get_config('mhhn_mmpose::300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py').codec.sigma
    1.5
    """
    _check_missing()
    warnings.filterwarnings('ignore', message='pkg_resources is deprecated')
    warnings.filterwarnings('ignore', message='Use the existing "bbox_center"')
    warnings.filterwarnings('ignore', message='The metainfo config file "configs/_base_/datasets/')
    _check_versions()
    _check_opencv()
    _check_xtcocotools()
    _fill_in_mmcv_ops()
    allow_checkpoint_classes()
    _register_configs()
    _name_models_that_ship()
    _draw_landmarks_on_numpy_2_5()
    _take_bfloat16_to_numpy()


def _check_missing() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f'not installed: {", ".join(missing)}. Landmarks without PyTorch: OnnxAligner of'
            f' mhhn_landmarks. To install what is missing, run: {INSTALL}'
        )


def _check_versions() -> None:
    found = _version_of('torch')
    if _digits(found) < (2, 6, 0):
        raise ImportError(
            f'torch {found} runs the code in a checkpoint; from 2.6 on it loads weights only. '
            'Run: pip install "torch>=2.6" torchvision'
        )
    for requirement, module, low, high in _OPENMMLAB:
        # Ask the metadata: importing mmdet or mmpose beside a wrong mmcv fails with an assertion.
        found = _version_of(module)
        if not _digits(low) <= _digits(found) < _digits(high):
            raise ImportError(
                f'{module} {found} is out of the range [{low}, {high}). '
                f'Run: pip install --no-deps "{requirement}"'
            )


def _check_opencv() -> None:
    try:
        importlib.import_module('cv2')
    except ImportError as error:
        raise ImportError(
            f'OpenCV does not load ({error}); on a machine without a display use its headless '
            f'build. Run: {_HEADLESS_OPENCV}'
        ) from error


def _version_of(module: str) -> str:
    for name in ('mmcv', 'mmcv-lite') if module == 'mmcv' else (module,):
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return importlib.import_module(module).__version__  # a source tree on PYTHONPATH


def _digits(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: (2, 1, 0) of 2.1.0rc1+cpu."""
    return tuple(int(digits) for digits in re.findall(r'\d+', version)[:3])


def _check_xtcocotools() -> None:
    try:
        importlib.import_module('xtcocotools.mask')
    except (ImportError, ValueError) as error:  # ValueError: numpy.dtype size changed
        raise ImportError(
            f'xtcocotools was built for another numpy than {np.__version__} ({error}). '
            'Run: pip install "numpy<2" (or build it here: pip install cython "setuptools<81" && '
            'pip install --force-reinstall --no-deps --no-binary xtcocotools '
            '--no-build-isolation "xtcocotools==1.14.3")'
        ) from error


def _fill_in_mmcv_ops() -> None:
    """Give mmcv-lite an `mmcv.ops` with the one name that MMPose imports unguarded."""
    if 'mmcv.ops' in sys.modules or importlib.util.find_spec('mmcv._ext') is not None:
        return

    class MultiScaleDeformableAttention:
        """Stands in for mmcv's compiled operator, which mmcv-lite does not have."""

        def __init__(self, *args, **kwargs):
            raise ImportError(
                'MultiScaleDeformableAttention needs the compiled mmcv; mmcv-lite is installed. '
                'See https://mmcv.readthedocs.io/en/2.x/get_started/installation.html'
            )

    stand_in = types.ModuleType('mmcv.ops', 'Stand-in of mhhn_mmpose.compat for mmcv-lite.')
    stand_in.MultiScaleDeformableAttention = MultiScaleDeformableAttention
    sys.modules['mmcv.ops'] = stand_in
    # mmcv.cnn says at import that the operator is missing; whoever builds it is told so by name.
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')


def _draw_landmarks_on_numpy_2_5() -> None:
    """Hand the radius of a landmark, which MMPose packs into an array, to OpenCV as a number."""
    from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer

    draw_circles = OpencvBackendVisualizer.draw_circles

    @functools.wraps(draw_circles)
    def draw(self, center, radius, *args, **kwargs):
        if self.backend == 'opencv':
            radius = np.asarray(radius).item()
        draw_circles(self, center, radius, *args, **kwargs)

    OpencvBackendVisualizer.draw_circles = draw


def _take_bfloat16_to_numpy() -> None:
    """Let MMPose's `to_numpy` give float32 for it, wherever MMPose has imported that function."""
    import torch
    from mmpose.utils import tensor_utils

    to_numpy = tensor_utils.to_numpy

    def in_float32(x):
        if isinstance(x, torch.Tensor):
            return x.float() if x.dtype == torch.bfloat16 else x
        return type(x)(map(in_float32, x)) if isinstance(x, (list, tuple)) else x

    @functools.wraps(to_numpy)
    def take(x, *args, **kwargs):
        return to_numpy(in_float32(x), *args, **kwargs)

    for name, module in list(sys.modules.items()):
        if name.startswith('mmpose.') and getattr(module, 'to_numpy', None) is to_numpy:
            module.to_numpy = take


def _register_configs() -> None:
    """Let MMEngine find `mhhn_mmpose::300w/...` in `.mim`, as it does for OpenMMLab's packages."""
    from mmengine.config import Config
    from mmengine.config.utils import MODULE2PACKAGE

    # MMEngine looks in the folder of the named distribution, which has no package where the install
    # is editable; a module that is no distribution it looks up through the import system.
    MODULE2PACKAGE.setdefault('mhhn_mmpose', 'mhhn_mmpose.compat')
    find = Config._get_cfg_path

    @functools.wraps(find)
    def find_in_mmpose_scope(cfg_path, filename):
        path, scope = find(cfg_path, filename)
        # The parts are in MMPose's registries. Under its own name MMEngine would look for others.
        return path, 'mmpose' if scope == 'mhhn_mmpose' else scope

    Config._get_cfg_path = staticmethod(find_in_mmpose_scope)


def _name_models_that_ship() -> None:
    """Let MMPose's inferencers take `mhhn_best` and `mhhn_tiny`, and these models' config names."""
    from mmengine.config import Config
    from mmengine.hub import get_config
    from mmengine.infer import BaseInferencer

    from mhhn_landmarks.models import MODELS, config_and_checkpoint

    by_name = {f'mhhn_{name}': name for name in MODELS}
    by_name |= {Path(model.config).stem: name for name, model in MODELS.items()}
    load = BaseInferencer._load_model_from_metafile

    @functools.wraps(load)
    def load_what_ships(self, model: str) -> tuple[Config, str]:
        name = by_name.get(model.lower())
        if name is None:
            return load(self, model)
        config, checkpoint = config_and_checkpoint(name)
        return get_config(config), checkpoint

    BaseInferencer._load_model_from_metafile = load_what_ships


def prepare_cpu_launcher(cfg) -> None:
    """Let MMEngine's distributed runner work where there is no GPU; changes the config in place.

    MMEngine 0.10 calls `torch.cuda.set_device` when it starts a process group and hands device ids
    to DistributedDataParallel. Without a GPU, start the gloo group first and wrap without ids.

    >>> from mmengine.config import Config
    >>> prepare_cpu_launcher(cfg := Config(dict(launcher='none')))  # one process: nothing to do
    >>> cfg
    Config (path: None): {'launcher': 'none'}
    """
    import torch
    from mmengine.dist import init_dist
    from mmengine.utils.dl_utils import set_multi_processing

    if cfg.get('launcher', 'none') == 'none' or torch.cuda.is_available():
        return
    env_cfg = cfg.get('env_cfg', {})
    # As the runner does, and before `init_dist`, which would choose another way to start workers.
    set_multi_processing(**env_cfg.get('mp_cfg', {}), distributed=True)
    with mock.patch('torch.cuda.set_device'):
        init_dist(cfg.launcher, **{**env_cfg.get('dist_cfg', {}), 'backend': 'gloo'})
    # The rest as MMEngine has it with a GPU; SyncBuffersHook averages the buffers at epoch ends.
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)
    wrapper['find_unused_parameters'] = cfg.get('find_unused_parameters', False)
    cfg.setdefault('model_wrapper_cfg', wrapper)

"""One ONNX file: crops to landmarks, and what one must know to cut the crops.

Axis letters: B crops, K landmarks, (h, w) crop.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from ..version import __version__
from .loading import DeploymentError
from .modules import CropsToLandmarks

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

OPSET = 18
OUTPUTS = ('landmarks', 'scores')
# ml_dtypes, which onnx needs, wants numpy 2 from 0.6 on; xtcocotools' wheels want numpy 1.
INSTALL = 'pip install onnx onnxruntime onnxscript "ml_dtypes<0.6"'


def describe(module: CropsToLandmarks, cfg: Config) -> dict[str, str]:
    """Say what the file's user must know, as ONNX's metadata: all values are text.

    Raises:
        DeploymentError: If the config's test pipeline does not cut crops as the metadata would say.
    """
    codec, meta = module.decode.codec, module.model.dataset_meta
    steps = {step['type']: step for step in cfg.test_dataloader.dataset.pipeline}
    if not {'GetBBoxCenterScale', 'TopdownAffine'} <= set(steps):
        raise DeploymentError(
            'the test pipeline must cut crops by GetBBoxCenterScale and TopdownAffine, it has '
            + ', '.join(steps)
        )
    affine = steps['TopdownAffine']
    if tuple(affine['input_size']) != tuple(codec.input_size):
        raise DeploymentError(
            f'TopdownAffine cuts {tuple(affine["input_size"])}, the decoder has input_size='
            f'{tuple(codec.input_size)}; make them agree'
        )
    udp = bool(affine.get('use_udp', False))
    if udp is not (codec.convention == 'udp'):
        raise DeploymentError(
            f'TopdownAffine has use_udp={udp}, the decoder convention={codec.convention!r}; '
            'make them agree'
        )
    names = ('sigma', 'patch_size', 'constraint', 'gauss_newton_steps', 'convention', 'activation')
    decoder = {'type': type(codec).__name__} | {name: getattr(codec, name) for name in names}
    return dict(
        producer=f'mhhn_mmpose {__version__}',
        config=Path(cfg.filename or 'unnamed').name,
        input_size=' '.join(str(side) for side in codec.input_size),  # w h
        crop_span=' '.join(str(side - udp) for side in codec.input_size),
        padding=str(steps['GetBBoxCenterScale'].get('padding', 1.25)),
        color_order='BGR',
        landmarks=meta['dataset_name'],
        num_landmarks=str(meta['num_keypoints']),
        flip_test=str(module.flip_test).lower(),
        decoder=json.dumps(decoder),
    )


def write_onnx(
    module: nn.Module, example: Tensor, out: str | Path, metadata: Mapping[str, str]
) -> None:
    """Write a module of one input and `OUTPUTS`, for any number of crops.

    Args:
        module: On the CPU.
        example: (B, ...) with B at least 2, since torch takes a 1 for a constant.
        out: File to write, whole or not at all.
        metadata: Of `describe`.

    Raises:
        DeploymentError: If a package is missing.
    """
    try:
        import onnxscript  # noqa: F401
        from onnx_ir.passes.common import ClearMetadataAndDocStringPass
    except ImportError as error:
        raise DeploymentError(f'writing ONNX needs {error.name}. Run: {INSTALL}') from error
    module = module.eval()
    with torch.no_grad(), warnings.catch_warnings():
        module(example)  # what the fit keeps of its patches becomes constants of the graph
        warnings.simplefilter('ignore')  # torch's notices about itself
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=['crops'],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim('batch')},),
        )
    ClearMetadataAndDocStringPass()(program.model)  # stack traces, with this machine's paths
    program.model.metadata_props.update(metadata)
    part = Path(f'{out}.part')
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        program.save(str(part), external_data=False)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def start_session(path: str | Path, threads: int = 0) -> InferenceSession:
    """Open a file on the CPU.

    Args:
        path: Of `write_onnx`.
        threads: 0 for onnxruntime's own choice.

    Raises:
        DeploymentError: If onnxruntime is missing, or the file is none.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise DeploymentError(f'running ONNX needs onnxruntime. Run: {INSTALL}') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    providers = ['CPUExecutionProvider']
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's own share no other parent
        reason = ' '.join(str(error).split())[:200]
        raise DeploymentError(f'{path}: no usable ONNX file ({reason}); export it again') from error


@torch.no_grad()
def largest_difference(
    module: nn.Module, session: InferenceSession, inputs: Tensor
) -> tuple[float, float]:
    """Run a file beside its module.

    Args:
        module: What the file was made of.
        session: Of `start_session`.
        inputs: (B, ...), any B.

    Returns:
        tuple: Largest difference of a coordinate, in crop pixels, and of a score.
    """
    found = session.run(list(OUTPUTS), {'crops': inputs.numpy()})
    wanted = [part.numpy() for part in module(inputs)]
    landmarks, scores = (float(np.abs(a - b).max()) for a, b in zip(found, wanted, strict=True))
    return landmarks, scores

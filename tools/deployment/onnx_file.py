"""Writing one ONNX file, from crops to landmarks, that says how to cut the crops.

Axis letters: B crops, K landmarks, (h, w) crop.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from generated_faces import landmarks, random_face, render
from mmengine.config import Config
from torch import Tensor, nn

from mhhn_landmarks import __version__
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.fileio import write_bytes
from mhhn_landmarks.models import config_and_checkpoint
from mhhn_landmarks.sessions import open_session
from mhhn_mmpose.apis.model_loading import load_config, load_model
from mhhn_mmpose.deployment import CropsToLandmarks, as_sdt

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

OPSET = 18
OUTPUTS = ('landmarks', 'scores')
TOLERANCE = 0.05  # crop pixels; most of it comes from weights in 16 bits
# ml_dtypes, which onnx needs, wants numpy 2 from 0.6 on; xtcocotools' wheels want numpy 1.
INSTALL = 'pip install "mhhn-mmpose[export]"'


def describe(module: CropsToLandmarks, cfg: Config) -> dict[str, str]:
    """Say what the file's user must know, as ONNX's metadata: all values are text.

    Raises:
        InputError: If the config's test pipeline does not cut crops as the metadata would say.
    """
    codec, meta = module.decode.codec, module.model.dataset_meta
    steps = {step['type']: step for step in cfg.test_dataloader.dataset.pipeline}
    if not {'GetBBoxCenterScale', 'TopdownAffine'} <= set(steps):
        raise InputError(
            'the test pipeline must cut crops by GetBBoxCenterScale and TopdownAffine, it has '
            + ', '.join(steps)
        )
    affine = steps['TopdownAffine']
    if tuple(affine['input_size']) != tuple(codec.input_size):
        raise InputError(
            f'TopdownAffine cuts {tuple(affine["input_size"])}, the decoder has input_size='
            f'{tuple(codec.input_size)}; make them agree'
        )
    udp = bool(affine.get('use_udp', False))
    if udp is not (codec.convention == 'udp'):
        raise InputError(
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
        InputError: If a package is missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError(f'writing ONNX needs {error.name}. Run: {INSTALL}') from error
    module, buffer = module.eval(), io.BytesIO()
    names = ['crops', *OUTPUTS]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch's notices about itself
        # Not the exporter of torch.export: it takes 50 times as long and needs onnxscript.
        torch.onnx.export(
            module,
            (example,),
            buffer,
            dynamo=False,
            # In its eval mode, but batch norms stay: the weights keep their names and values.
            training=torch.onnx.TrainingMode.PRESERVE,
            opset_version=OPSET,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: 'batch'} for name in names},
        )
    proto = onnx.load_from_string(buffer.getvalue())
    for node in proto.graph.node:
        node.doc_string = ''  # stack traces, with this machine's paths
    shorten_names(proto)
    onnx.helper.set_model_props(proto, dict(metadata))
    halve_weights(proto)
    onnx.checker.check_model(proto)
    write_bytes(out, proto.SerializeToString())


def shorten_names(model: ModelProto) -> None:
    """Rename what nodes hand on to numbers; torch's names are a tenth of a small file."""
    kept = {value.name for value in model.graph.output}
    branches = [part.g.node for node in model.graph.node for part in node.attribute]
    kept.update(name for branch in branches for node in branch for name in node.input)
    short: dict[str, str] = {'': ''}  # an input that is left out
    for node in model.graph.node:
        node.name = ''
        for name in node.output:
            short[name] = name if name in kept else str(len(short))
    for node in model.graph.node:
        node.input[:] = [short.get(name, name) for name in node.input]
        node.output[:] = [short[name] for name in node.output]


def halve_weights(model: ModelProto) -> None:
    """Store the convolutions' weights in 16 bits; the file computes in 32 all the same."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    kernels = {node.input[1] for node in model.graph.node if node.op_type == 'Conv'}
    for weight in model.graph.initializer:
        if weight.name not in kernels or weight.data_type != TensorProto.FLOAT:
            continue
        name, values = weight.name, numpy_helper.to_array(weight)
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f'{name}_half'))
        casts.append(helper.make_node('Cast', [f'{name}_half'], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


@torch.no_grad()
def largest_difference(module: nn.Module, session: InferenceSession, inputs: Tensor) -> float:
    """Run a file on inputs (B, ...) beside its module.

    Returns:
        The largest difference of a landmark's coordinate, in crop pixels.
    """
    (points,) = session.run(['landmarks'], {'crops': inputs.numpy()})
    return float(np.abs(points - module(inputs)[0].numpy()).max())


def build(args: argparse.Namespace) -> tuple[CropsToLandmarks, Config]:
    """Load the model as a module from crops to landmarks."""
    config, checkpoint = config_and_checkpoint(*args.model)
    cfg = load_config(config)
    cfg.merge_from_dict(args.cfg_options or {})
    if args.sdt:
        cfg.model.head.decoder = as_sdt(cfg.model.head.get('decoder') or {})
    module = CropsToLandmarks(load_model(cfg, checkpoint), False if args.no_flip_test else None)
    return module, cfg


def draw_crops(count: int, size: tuple[int, int]) -> torch.Tensor:
    """Draw faces, (B, 3, h, w) uint8, that fill crops of `size` (w, h) as faces do."""
    crops = []
    for number in range(count):
        face = random_face([7, number])
        points = landmarks(face, '300w')
        center, extent = (points.min(0) + points.max(0)) / 2, 1.25 * np.ptp(points, axis=0).max()
        scale = min(size) / extent
        shift = np.array(size) / 2 - center * scale
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        crops.append(cv2.warpAffine(render(face), matrix, size).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(crops))


def export(args: argparse.Namespace) -> str:
    """Write the file, run it beside the model, and say what came out."""
    module, cfg = build(args)
    metadata = describe(module, cfg)
    crops = draw_crops(3, tuple(module.decode.codec.input_size))
    write_onnx(module, crops[:2], args.out, metadata)
    session = open_session(args.out)
    difference = max(largest_difference(module, session, part) for part in (crops, crops[:1]))
    if not difference <= TOLERANCE:
        raise InputError(
            f'{args.out}: written, but up to {difference:.3g} crop pixels from PyTorch on drawn '
            'faces; a model that is not trained has such ties, else do not use it'
        )
    size = Path(args.out).stat().st_size / 1e6
    lines = [f'{key}: {value}' for key, value in metadata.items()]
    lines.append(f'{args.out}: {size:.1f} MB, within {difference:.2g} crop pixels of PyTorch')
    wanted = bool(module.model.test_cfg.get('flip_test', False))
    if wanted and not module.flip_test:
        pytorch = CropsToLandmarks(module.model, wanted)
        difference = largest_difference(pytorch, session, crops)
        lines[-1] += f" without flip test, {difference:.2g} of the config's with it"
    return '\n'.join(lines)

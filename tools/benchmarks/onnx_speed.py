"""Time from crops to landmarks: an exported file in onnxruntime against the same in PyTorch.

Axis letters: B crops, (h, w) crop.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from measure import add_machine_arguments, medians, prepare, print_table
from onnxruntime import InferenceSession

from mhhn_landmarks.arguments import add_model
from mhhn_landmarks.errors import exit_on_input_error
from mhhn_landmarks.models import config_and_checkpoint
from mhhn_landmarks.sessions import open_session
from mhhn_mmpose.apis.model_loading import load_model
from mhhn_mmpose.deployment import CropsToLandmarks


def runners(
    module: CropsToLandmarks, session: InferenceSession, crops: torch.Tensor
) -> dict[str, Callable[[], list]]:
    """Return what is timed, by name: from crops (B, 3, h, w) to landmarks in numpy."""

    def pytorch() -> list:
        with torch.inference_mode():
            return [part.numpy() for part in module(crops)]

    inputs = dict(crops=crops.numpy())
    return {'PyTorch': pytorch, 'onnxruntime': lambda: session.run(None, inputs)}


def main() -> None:
    """Parse, measure, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser, positions=True)
    parser.add_argument('onnx', help='file of tools/deployment/export_onnx.py')
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 32], metavar='B')
    add_machine_arguments(parser, repeats=15)
    args = parser.parse_intermixed_args()
    prepare(args)
    module = CropsToLandmarks(load_model(*config_and_checkpoint(*args.model)))
    session = open_session(args.onnx, args.threads)
    width, height = module.decode.codec.input_size
    for batch in args.batch:
        crops = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8)
        found = medians(runners(module, session, crops), args)
        print(f'\n{batch} crop(s) of {width}x{height}, median of {args.repeats}:\n')
        rows = [
            [name, f'{1e3 * seconds / batch:.1f}', f'{found["PyTorch"] / seconds:.2f}']
            for name, seconds in found.items()
        ]
        print_table(['', 'ms a face', 'PyTorch /'], rows)


if __name__ == '__main__':
    exit_on_input_error('onnx_speed', main)

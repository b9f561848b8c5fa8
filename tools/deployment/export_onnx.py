"""Write a trained model as one ONNX file, from crop to landmarks, SDT inside.

It needs onnx, onnxscript and onnxruntime: see docs/deployment.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config, DictAction

from mhhn_mmpose.deployment import (
    CropsToLandmarks,
    DeploymentError,
    describe,
    largest_difference,
    load_estimator,
    start_session,
    write_onnx,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from generated_faces import landmarks, random_face, render

TOLERANCE = 1e-2  # crop pixels


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', help='file to write (.onnx)')
    parser.add_argument(
        '--sdt', action='store_true', help='decode by SDT, whatever decoder the config has'
    )
    parser.add_argument(
        '--flip-test', action='store_true', help='put the flip test inside: twice the time'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='config overrides, key=value'
    )
    return parser.parse_args(argv)


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
    if not Path(args.config).is_file():
        raise DeploymentError(f'{args.config}: no such config')
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    module = CropsToLandmarks(load_estimator(cfg, args.checkpoint, args.sdt), args.flip_test)
    metadata = describe(module, cfg)
    crops = draw_crops(3, tuple(module.decode.codec.input_size))
    write_onnx(module, crops[:2], args.out, metadata)
    session = start_session(args.out)
    difference = max(largest_difference(module, session, part)[0] for part in (crops, crops[:1]))
    if not difference <= TOLERANCE:
        raise DeploymentError(
            f'{args.out}: written, but up to {difference:.3g} crop pixels from PyTorch on drawn '
            'faces; a model that is not trained has such ties, else do not use it'
        )
    size = Path(args.out).stat().st_size / 1e6
    facts = (f'{key}: {value}' for key, value in metadata.items())
    return '\n'.join(
        (
            *facts,
            f'{args.out}: {size:.1f} MB, within {difference:.1g} crop pixels of PyTorch',
        )
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, export, report."""
    args = parse_args(argv)
    try:
        print(export(args))
    except (DeploymentError, OSError) as error:
        raise SystemExit(f'export_onnx: {error}') from error


if __name__ == '__main__':
    main()

"""Write a trained model as one ONNX file, from crop to landmarks, SDT inside.

It needs onnx: see docs/deployment.md.
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

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.models import config_and_checkpoint
from mhhn_landmarks.sessions import open_session
from mhhn_mmpose.apis.loading import load_config, load_model
from mhhn_mmpose.deployment import CropsToLandmarks, as_sdt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment.onnx_file import describe, largest_difference, write_onnx
from generated_faces import landmarks, random_face, render

TOLERANCE = 0.05  # crop pixels; most of it comes from weights in 16 bits


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', help='tiny, best, or a config')
    parser.add_argument('checkpoint', nargs='?', help='its weights')
    parser.add_argument('out', help='file to write (.onnx)')
    parser.add_argument('--sdt', action='store_true', help="decode by SDT, not the config's codec")
    parser.add_argument(
        '--no-flip-test',
        action='store_true',
        help="leave out the config's flip test: half the time, other landmarks than PyTorch's",
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='config overrides, key=value'
    )
    return parser.parse_args(argv)


def build(args: argparse.Namespace) -> tuple[CropsToLandmarks, Config]:
    """Load the model as a module from crops to landmarks."""
    config, checkpoint = config_and_checkpoint(args.model, args.checkpoint)
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


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, export, report."""
    args = parse_args(argv)
    try:
        print(export(args))
    except (InputError, OSError) as error:
        raise SystemExit(f'export_onnx: {error}') from error


if __name__ == '__main__':
    main()

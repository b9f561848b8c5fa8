"""Time from crops to landmarks: an exported file in onnxruntime against PyTorch and MMPose.

MMPose's `test_step` makes the same landmarks, in the photo, from the same crops; it stands for
what a user has without the file. Axis letters: B crops, (h, w) crop.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from measure import add_machine_arguments, medians, prepare, print_table
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.models import config_and_checkpoint
from mhhn_landmarks.sessions import open_session
from mhhn_mmpose.apis.loading import load_model
from mhhn_mmpose.deployment import CropsToLandmarks


def runners(
    module: CropsToLandmarks, onnx_file: str, crops: Tensor, threads: int
) -> dict[str, Callable[[], object]]:
    """What is timed, by name: from crops (B, 3, h, w) to landmarks in numpy."""
    session = open_session(onnx_file, threads)
    inputs, size = crops.numpy(), crops.shape[:1:-1]
    flips = dict(flip_indices=module.model.dataset_meta['flip_indices'])
    samples = [PoseDataSample(metainfo=_uncut(size) | flips) for _ in crops]
    for sample in samples:
        sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))

    def pytorch() -> list[np.ndarray]:
        with torch.inference_mode():
            return [part.numpy() for part in module(crops)]

    def mmpose() -> object:
        return module.model.test_step(dict(inputs=list(crops), data_samples=samples))

    module.model.test_cfg['flip_test'] = module.flip_test
    return {
        'MMPose, test_step': torch.inference_mode()(mmpose),
        'PyTorch, the exported module': pytorch,
        'onnxruntime': lambda: session.run(None, {'crops': inputs}),
    }


def _uncut(size: tuple[int, int]) -> dict:
    """Return what MMPose wants to know of a crop that is the whole photo of `size` (w, h)."""
    size = np.array(size, float)
    return dict(input_center=size / 2, input_scale=size, input_size=size, img_shape=size[::-1])


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='tiny, best, or a config')
    parser.add_argument('checkpoint', nargs='?', help='its weights')
    parser.add_argument('onnx', help='file of tools/deployment/export_onnx.py')
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 32], metavar='B')
    add_machine_arguments(parser, repeats=15)
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    prepare(args)
    try:
        module = CropsToLandmarks(load_model(*config_and_checkpoint(args.config, args.checkpoint)))
        width, height = module.decode.codec.input_size
        for batch in args.batch:
            random = torch.Generator().manual_seed(batch)
            shape = (batch, 3, height, width)
            crops = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
            found = medians(runners(module, args.onnx, crops, args.threads), args.repeats)
            slowest = found['MMPose, test_step']
            print(f'\n{shape}, median of {args.repeats}:\n')
            print_table(
                ['', 'ms a face', 'MMPose /'],
                [
                    [name, f'{seconds * 1e3 / batch:.1f}', f'{slowest / seconds:.2f}']
                    for name, seconds in found.items()
                ],
            )
    except InputError as error:
        raise SystemExit(f'onnx_speed: {error}') from error


if __name__ == '__main__':
    main()

"""Target heatmaps made in the worker or on the training device: images per second of training.

As it is: MMPose's GenerateTarget in the worker; the heatmaps (K, H, W) travel to the trainer. As
it could be: coordinates alone travel, and the trainer makes the heatmaps. The data are generated
faces in 300W's form at the paper's size, in batches of B.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import cv2
import numpy as np
import torch
from machine import add_machine_arguments, prepare
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from timing import medians, print_table
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mhhn_mmpose.codecs import SDTHeatmap

# What follows imports MMPose's models, which need what our package does for mmcv-lite.
# isort: split
from mmpose.registry import DATASETS, MODELS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.face_300w import convert_300w
from generated_faces import write_300w_archive

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '300w'
LEAF = 'td-hm_hgs-hsr_8xb4-200e_300w-256x256.py'
CHANNELS = 32  # of the one hourglass that stands in for the step
WORKER, DEVICE = 'GenerateTarget in the worker', 'targets on the device'


def make_targets(points: Tensor, visible: Tensor, codec: SDTHeatmap) -> tuple[Tensor, Tensor]:
    """`SDTHeatmap.encode` in its half-pixel convention for a batch, in torch.

    Args:
        points: (B, K, 2) landmarks in input px, on the device.
        visible: (B, K), 0 for landmarks without a target.
        codec: Whose targets to make.

    Returns:
        Heatmaps (B, K, H, W) and weights (B, K), float32.
    """
    size, size_hm = (points.new_tensor(s) for s in (codec.input_size, codec.heatmap_size))
    inside = ((points > -1) & (points < size)).all(-1)
    weights = torch.where(inside, visible, 0).float()
    centers_hm = (torch.where(inside[..., None], points, 0) + 0.5) * (size_hm / size) - 0.5
    width, height = codec.heatmap_size
    columns, rows = (
        torch.exp(-0.5 * ((torch.arange(n, device=points.device) - centers) / codec.sigma) ** 2)
        for n, centers in zip((width, height), centers_hm[..., None].unbind(2), strict=True)
    )
    rows = rows * (weights > 0)[..., None]
    return rows[..., :, None] * columns[..., None, :], weights


def coordinates(samples: list) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (B, K, 2) in input px and visibility (B, K) of a batch, float32."""
    instances = [sample.gt_instances for sample in samples]
    points = np.concatenate([i.transformed_keypoints for i in instances]).astype(np.float32)
    return points, np.concatenate([i.keypoints_visible for i in instances]).astype(np.float32)


def fill_in_targets(samples: list, codec: SDTHeatmap, device: str) -> None:
    """Give each sample the fields that GenerateTarget would have given it, on the device."""
    moved = (torch.from_numpy(array).to(device) for array in coordinates(samples))
    for sample, heatmaps, weights in zip(samples, *make_targets(*moved, codec), strict=True):
        sample.gt_fields = PixelData(heatmaps=heatmaps)
        sample.gt_instance_labels = InstanceData(keypoint_weights=weights[None])


def load_config(root: Path, num_faces: int) -> Config:
    """Write the faces under `root`; the paper's config of them, with the small hourglass."""
    write_300w_archive(root / 'faces', num_train=num_faces, num_common=1, num_challenge=1)
    convert_300w(root / 'faces', root / 'data')
    cfg = Config.fromfile(CONFIGS / LEAF)
    cfg.train_dataloader.dataset.data_root = str(root / 'data')
    cfg.model.backbone.update(num_stacks=1, feat_channels=CHANNELS)
    cfg.model.head.update(num_stages=1, in_channels=CHANNELS)
    init_default_scope(cfg.default_scope)
    return cfg


def build_datasets(cfg: Config) -> dict[str, object]:
    """The training data with targets, and the same with coordinates in their place."""
    with_targets = cfg.train_dataloader.dataset
    without = with_targets.copy()
    without.pipeline = [step for step in without.pipeline if step.type != 'GenerateTarget']
    without.pipeline[-1] = dict(type='PackPoseInputs', pack_transformed=True)
    with redirect_stdout(sys.stderr):  # xtcocotools reports on reading
        return {WORKER: DATASETS.build(with_targets), DEVICE: DATASETS.build(without)}


def make_loaders(datasets: dict[str, object], batch: int, workers: int) -> dict[str, DataLoader]:
    """One loader a data set, as MMEngine makes them."""
    return {
        name: DataLoader(
            dataset,
            batch_size=batch,
            num_workers=workers,
            collate_fn=pseudo_collate,
            persistent_workers=workers > 0,
        )
        for name, dataset in datasets.items()
    }


def epochs(
    loaders: dict[str, DataLoader], model: nn.Module, cfg: Config, step: bool, device: str
) -> dict[str, Callable[[], None]]:
    """What is timed, by name: one epoch, with the step of training or without."""
    optimizer = build_optim_wrapper(model, dict(cfg.optim_wrapper, paramwise_cfg=None))

    def epoch(name: str) -> Callable[[], None]:
        def run() -> None:
            for batch in loaders[name]:
                data = model.data_preprocessor(batch, training=True)
                samples = data['data_samples']
                if name == DEVICE:
                    fill_in_targets(samples, model.head.decoder, device)
                if step:
                    losses = model(**data, mode='loss')
                    optimizer.update_params(model.parse_losses(losses)[0])
                else:  # what the head does before its loss
                    torch.stack([sample.gt_fields.heatmaps for sample in samples])

        return run

    return {name: epoch(name) for name in loaders}


def check(loader: DataLoader, codec: SDTHeatmap, device: str) -> None:
    """Print the largest difference of the two ways' targets, and what travels per image."""
    points, visible = coordinates(next(iter(loader))['data_samples'])
    moved = (torch.from_numpy(array).to(device) for array in (points, visible))
    ours, weights = (tensor.cpu().numpy() for tensor in make_targets(*moved, codec))
    pairs = zip(points[:, None], visible[:, None], strict=True)
    encoded = [codec.encode(*pair) for pair in pairs]
    difference = np.abs(ours - np.stack([e['heatmaps'] for e in encoded])).max()
    assert (weights == np.concatenate([e['keypoint_weights'] for e in encoded])).all()
    traffic = ours[0].nbytes / 1e3, (points[0].nbytes + visible[0].nbytes) / 1e3
    print(f'targets differ by {difference:.1e} at most; they are {traffic[0]:.0f} kB an image,')
    print(f'their coordinates {traffic[1]:.1f} kB')


def print_alone(codec: SDTHeatmap, batch: int, repeats: int, device: str) -> None:
    """The first table: the targets and nothing else."""
    points = np.random.default_rng(0).uniform(0, codec.input_size[0] - 1, (batch, 1, 68, 2))
    visible = np.ones((1, 68), np.float32)
    on_device = torch.from_numpy(points[:, 0].astype(np.float32)).to(device)
    ones = torch.ones(batch, 68, device=device)
    functions = {
        WORKER: lambda: [codec.encode(face, visible) for face in points],
        DEVICE: lambda: make_targets(on_device, ones, codec),
    }
    found = medians(functions, max(repeats, 21), device)
    print(f'\nThe targets alone, 68 of {codec.heatmap_size}, batch {batch}:\n')
    rows = [[name, f'{1e6 * seconds / batch:.0f}'] for name, seconds in found.items()]
    print_table(['', 'µs an image'], rows)


def print_epochs(args: argparse.Namespace, cfg: Config, datasets: dict, model: nn.Module) -> None:
    """The second table: images per second of an epoch."""
    print(f'\nAn epoch of {args.faces}, batch {args.batch}, median of {args.repeats}, images/s:\n')
    rows = []
    for workers in args.workers:
        loaders = make_loaders(datasets, args.batch, workers)
        for step in args.step:
            functions = epochs(loaders, model, cfg, step == 'on', args.device)
            found = medians(functions, args.repeats, args.device)
            cells = [f'{args.faces / found[name]:.1f}' for name in (WORKER, DEVICE)]
            ratio = f'{found[WORKER] / found[DEVICE]:.2f}'
            rows.append([str(workers), step, *cells, ratio])
    print_table(['workers', 'step', WORKER, DEVICE, 'ratio'], rows)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_machine_arguments(parser, repeats=5)
    parser.add_argument('--faces', type=int, default=64, help='images an epoch')
    parser.add_argument('--batch', type=int, default=4, metavar='B', help='4 in the paper config')
    parser.add_argument('--workers', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--step', nargs='+', choices=('off', 'on'), default=['off', 'on'])
    return parser.parse_args()


def main() -> None:
    """Parse, build, measure, print Markdown."""
    args = parse_args()
    prepare(args)
    cv2.setNumThreads(0)  # as MMEngine's runner does
    with tempfile.TemporaryDirectory() as root:
        cfg = load_config(Path(root), args.faces)
        model = MODELS.build(cfg.model).to(args.device).train()
        datasets = build_datasets(cfg)
        check(make_loaders(datasets, args.batch, 0)[DEVICE], model.head.decoder, args.device)
        print_alone(model.head.decoder, args.batch, args.repeats, args.device)
        print_epochs(args, cfg, datasets, model)


if __name__ == '__main__':
    main()

"""Speed of making training batches: MHHN's pipeline and HRNet's, step by step and from a worker."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2
from measure import add_machine_arguments, prepare, print_table
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmpose.registry import DATASETS
from models import LEAVES, NAMES, load_config
from torch.utils.data import ConcatDataset, DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters import convert_300w
from generated_faces import write_archive


def generated_dataset(cfg: Config, folder: Path, faces: int) -> BaseDataset:
    """300W's training set of generated faces, with a config's pipeline."""
    data = folder / '300w'
    if not data.exists():
        write_archive('300w', folder / 'archive', train=faces, common=1, challenge=1)
        _, problems = convert_300w(folder / 'archive', data)
        if problems.errors:
            raise RuntimeError(f'generated faces did not convert: {problems.errors}')
    dataset = cfg.train_dataloader.dataset
    dataset.data_root = str(data)
    return DATASETS.build(dataset)


def profile_pipeline(dataset: BaseDataset, rounds: int) -> dict[str, float]:
    """Seconds a face takes in each step of a pipeline, the median of all faces and rounds."""
    steps = [('get_data_info', None)]
    steps += [(type(step).__name__, step) for step in dataset.pipeline.transforms]
    seconds: dict[str, list[float]] = {name: [] for name, _ in steps}
    for round_ in range(rounds + 1):
        for index in range(len(dataset)):
            face = None
            for name, step in steps:
                start = time.perf_counter()
                face = dataset.get_data_info(index) if step is None else step(face)
                if round_:  # the first does not count: it reads the files
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def loader_speed(dataset: BaseDataset, batch: int, rounds: int) -> float:
    """Faces per second that a worker process makes and hands over, from its second batch on."""
    loader = DataLoader(
        ConcatDataset([dataset] * (rounds + 1)),
        batch_size=batch,
        num_workers=1,
        drop_last=True,
        collate_fn=pseudo_collate,
        worker_init_fn=lambda _: cv2.setNumThreads(0),
    )
    batches = iter(loader)
    next(batches)
    start = time.perf_counter()
    return batch * sum(1 for _ in batches) / (time.perf_counter() - start)


def print_pipelines(args: argparse.Namespace) -> None:
    """Time the training pipelines of the chosen models."""
    faces = max(args.faces, 2 * args.batch)
    print(f'\nTraining pipeline, generated 300W, {faces} faces, {args.repeats} rounds:\n')
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.models:
            dataset = generated_dataset(load_config(name, args.size), Path(folder), faces)
            found = profile_pipeline(dataset, args.repeats)
            speed = loader_speed(dataset, args.batch, args.repeats)
            total = sum(found.values())
            parts = [f'{seconds / total:.0%}' for seconds in found.values()]
            rows.append([NAMES[name], f'{1 / total:.0f}', f'{speed:.0f}', *parts])
    header = ['', 'faces/s', 'from a worker', *found]
    print_table(header, rows)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--models', nargs='+', choices=NAMES, default=['mhhn', 'hrnet'])
    parser.add_argument('--batch', type=int, default=4, help='images a step')
    parser.add_argument('--size', choices=LEAVES, default='paper')
    parser.add_argument('--faces', type=int, default=32)
    add_machine_arguments(parser, repeats=3)
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    prepare(args)
    cv2.setNumThreads(0)  # as MMPose's runtime sets it in every worker
    print_pipelines(args)


if __name__ == '__main__':
    main()

"""Open every photo of a config's datasets, and list all that training or testing would refuse."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

from mhhn_mmpose.datasets import LoadFaceImage
from mhhn_mmpose.datasets.converters.coco_json import with_progress
from mhhn_mmpose.datasets.face import CheckedFaces
from mhhn_mmpose.errors import BadDataError, end_on_bad_data

SPLITS = ('train', 'val', 'test')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--split', choices=SPLITS, nargs='+', default=SPLITS)
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='config overrides, key=value'
    )
    return parser.parse_args(argv)


def build_dataset(cfg: Config, split: str) -> CheckedFaces:
    """Return a split's dataset, its annotations unread."""
    data = (cfg.get(f'{split}_dataloader') or {}).get('dataset') or {}
    kind = DATASETS.get(data.get('type', ''))
    if kind is None or not issubclass(kind, CheckedFaces) or data.get('bbox_file'):
        raise BadDataError(
            f'{cfg.filename}: {split} dataset {data.get("type")} is none of Checked...Dataset'
            ' with annotated boxes; choose another --split'
        )
    return DATASETS.build({**data, 'pipeline': [], 'lazy_init': True})


def check(dataset: CheckedFaces, label: str) -> tuple[int, list[str]]:
    """Return how many faces can be used, and what is wrong with the others.

    Args:
        dataset: Its annotations unread.
        label: For the progress bar.
    """
    faces, faults = dataset.load_and_check()
    load, bad = LoadFaceImage(), set()
    for face in with_progress(list({face['img_path']: face for face in faces}.values()), label):
        try:
            load({key: face[key] for key in ('img_path', 'photo_size')})
        except BadDataError as error:
            bad.add(face['img_path'])
            faults.append(str(error))
    return sum(face['img_path'] not in bad for face in faces), faults


def main(argv: Sequence[str] | None = None) -> int:
    """Check, report; return the exit status."""
    args = parse_args(argv)
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    datasets = {}
    for split in args.split:
        dataset = build_dataset(cfg, split)
        datasets.setdefault(dataset.ann_file, dataset)
    total = 0
    for file, dataset in datasets.items():
        usable, faults = check(dataset, Path(file).name)
        total += len(faults)
        for fault in faults:
            print(f'{file}: {fault}')
        print(f'{file}: {usable} faces can be used, {len(faults)} faults')
    return int(total > 0)


if __name__ == '__main__':
    raise SystemExit(end_on_bad_data('check_dataset', main))

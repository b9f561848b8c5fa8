"""Open every photo of a config's datasets; list what training would refuse and what looks damaged.

MMPose's own face datasets are checked by this project's rules; of its others with a COCO file, only
ids, photos, and whether numbers are finite.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mhhn_landmarks.annotations import read_annotation_file, record_faults
from mhhn_landmarks.arguments import add_config_options, add_model
from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.models import MODELS
from mhhn_landmarks.photos import damage_notice

SPLITS = ('train', 'val', 'test')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_model(parser, positions=True)
    parser.add_argument('--split', choices=SPLITS, nargs='+', default=SPLITS)
    add_config_options(parser)
    return parser.parse_intermixed_args()


ARGS = parse_args() if __name__ == '__main__' else None  # before imports that take seconds

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from mhhn_mmpose.apis.model_loading import load_config
from mhhn_mmpose.datasets import LoadFaceImage
from mhhn_mmpose.datasets.datasets.face import CheckedFaces, photo_record

COMPARED = {'img_path', 'photo_size', 'photo_crc32'}


def build_datasets(cfg: Config, split: str) -> list[BaseCocoStyleDataset]:
    """Return a split's dataset, or those it combines, unread; as a `Checked...` class if any."""
    whole = (cfg.get(f'{split}_dataloader') or {}).get('dataset') or {}
    built = []
    for data in whole.get('datasets') or [whole]:
        kind = DATASETS.get(data.get('type', ''))
        if kind is None or not issubclass(kind, BaseCocoStyleDataset):
            reason = f'dataset {data.get("type")} has no annotation file; choose another --split'
            raise InputError(f'{cfg.filename}: {split} {reason}')
        kind = DATASETS.get(f'Checked{kind.__name__}') or kind
        unread = dict(type=kind, bbox_file=None, pipeline=[], lazy_init=True)
        built.append(DATASETS.build({**data, **unread}))
    return built


def read(dataset: BaseCocoStyleDataset) -> tuple[list[dict], list[str]]:
    """Return the faces that MMPose uses of a dataset without checks, and the faults found."""
    content = read_annotation_file(dataset.ann_file)
    if faults := record_faults(content):
        return [], faults
    try:
        records = dataset.load_data_list()
    except Exception as error:  # whatever a malformed annotation makes MMPose's class raise
        reason = f'misses {error}' if isinstance(error, KeyError) else str(error)
        raise InputError(f'{dataset.ann_file}: MMPose cannot read it ({reason})') from error
    photos = {image['id']: photo_record(image) for image in content['images']}
    good = []
    for record in records:
        if all(np.isfinite(record[key]).all() for key in ('keypoints', 'bbox') if key in record):
            good.append(record | photos[record['img_id']])
        else:
            faults.append(f'annotation {record["id"]}: a landmark or the box is not finite')
    return good, faults


def check(dataset: BaseCocoStyleDataset, label: str) -> tuple[int, list[str], list[str]]:
    """Return how many annotations can be used, faults of the others, and photos perhaps damaged."""
    checks = isinstance(dataset, CheckedFaces)
    faces, faults = dataset.load_and_check() if checks else read(dataset)
    load, bad, notices = LoadFaceImage(), set(), []
    photos = {face['img_path']: face for face in faces}
    for path, face in tqdm(photos.items(), label, disable=None):
        try:
            load({key: face[key] for key in face.keys() & COMPARED})
        except InputError as error:
            bad.add(path)
            faults.append(str(error))
        else:
            notices += filter(None, [Path(path).is_file() and damage_notice(path)])
    return sum(face['img_path'] not in bad for face in faces), faults, notices


def main(args: argparse.Namespace) -> int:
    """Check, report; return the exit status."""
    name = args.model[0]  # weights do not matter here
    cfg = load_config(MODELS[name].config if name in MODELS else name)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    datasets = {}
    for split in args.split:
        for dataset in build_datasets(cfg, split):
            datasets.setdefault(dataset.ann_file, dataset)
    total = 0
    for file, dataset in datasets.items():
        usable, faults, notices = check(dataset, Path(file).name)
        total += len(faults) + len(notices)
        for fault in faults + notices:
            print(f'{file}: {fault}')
        kind = 'faces' if isinstance(dataset, CheckedFaces) else 'annotations'
        damaged = f', {len(notices)} photos that may be damaged' if notices else ''
        print(f'{file}: {usable} {kind} can be used, {len(faults)} faults{damaged}')
    return int(total > 0)


if __name__ == '__main__':
    raise SystemExit(exit_on_input_error('check_dataset', lambda: main(ARGS)))

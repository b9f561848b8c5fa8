"""Train models of one series side by side in a GPU's memory, and write their run files.

    python tools/benchmarks/train_series.py OUT levers --seeds 0 1 2 --data data/300w
    python tools/benchmarks/train_series.py OUT ship-1 --minutes 7 --data data/300w

series.yml says what there is to train. A run file is what tools/analysis/results_tables.py reads in
docs/results/. The weights lie beside it in half precision.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import re
from pathlib import Path

import torch
import yaml
from memory_faces import Faces, load_faces
from memory_scores import heatmap_shape, score
from memory_training import Job, Trainee, train_jobs
from mmengine.logging import MMLogger
from mmengine.utils import get_git_hash
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from model_table import find_config

from mhhn_landmarks.errors import exit_on_input_error

SERIES = yaml.safe_load(Path(__file__).with_name('series.yml').read_text())


def make_job(name: str, model: str, own: dict, tiny: bool, seed: int) -> Job:
    """Return a model's training; `tiny` is for a trial, of 4 faces a step."""
    config, options = find_config(model, tiny)
    job = Job(name, config, seed=seed, **dict(own, options=options | own.get('options', {})))
    job.batch = 4 if tiny else job.batch
    return job


def find_run(out: Path, series: str, job: Job) -> Path:
    """Return the path of a training's files, without suffix."""
    return out / re.sub('[^a-z0-9.]+', '-', f'{series}-{job.name}-seed{job.seed}'.lower())


def describe(trainee: Trainee, series: str) -> dict:
    """Return a run file without scores."""
    job, faces = trainee.job, len(trainee.faces)
    return dict(
        name=job.name,
        series=series,
        config=f'300w/{Path(job.config).name}',
        overrides=job.options | dict(augmentation=job.augmentation, ema=job.ema),
        init=job.init and job.init.stem,
        commit=get_git_hash(digits=7),
        train=dict(
            faces=faces,
            epochs=round(trainee.step_number * job.batch / faces, 1),
            steps=trainee.step_number,
            batch=job.batch,
            lr=job.lr,
            schedule=job.schedule,
            minutes=None,  # of several models side by side
            device=torch.cuda.get_device_name() if trainee.on_gpu else 'CPU',
            seed=job.seed,
        ),
        params=sum(parameter.numel() for parameter in trainee.model.parameters()),
        losses=trainee.losses,
        scores={},
    )


def save(trainee: Trainee, run: dict, tests: dict[str, Faces], out: Path) -> None:
    """Write a model's weights, then its scores on each set of faces as soon as they are there."""
    path = find_run(out, run['series'], trainee.job)
    state = trainee.mean_model.state_dict().items()
    half = {name: (x.half() if x.is_floating_point() else x).cpu() for name, x in state}
    torch.save(dict(state_dict=half), f'{path}.pth')
    for name, faces in tests.items():
        run['scores'][name] = score(trainee, faces.to(trainee.device))
        nme = {decoding: by['inter_ocular']['nme'] for decoding, by in run['scores'][name].items()}
        print(f'{run["name"]}, NME on {name}: {nme}', flush=True)
        Path(f'{path}.json').write_text(json.dumps(run, indent=1) + '\n')


def main() -> None:
    """Parse, train, score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', type=Path, help='folder for run files and weights')
    parser.add_argument('series', choices=[name for name in SERIES if 'models' in SERIES[name]])
    parser.add_argument('--minutes', type=float, default=math.inf, help='of training, at most')
    parser.add_argument('--data', type=Path, default=Path('data/300w'), help='converted 300W')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='each is a training')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--tiny', action='store_true', help='4 steps of tiny models, as a trial')
    args = parser.parse_args()
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True
    args.out.mkdir(parents=True, exist_ok=True)
    series, limit = SERIES[args.series], 8 if args.tiny else None
    steps = 4 if args.tiny else series.get('steps', math.inf)
    if math.isinf(min(steps, args.minutes)):
        parser.error(f'{args.series} ends after --minutes; give them')
    jobs = [
        make_job(name, model, series.get('job', {}) | dict(*own), args.tiny, seed)
        for name, model, *own in series['models']
        for seed in args.seeds
    ]
    for job in jobs if 'after' in series else ():
        job.init = find_run(args.out, series['after'], job).with_suffix('.pth')
    ann_file = 'face_landmarks_300w_{}.json'.format
    train, test, clean = ann_file('train'), ann_file('valid'), 'helen_test'
    if series.get('held_out'):
        train, test, clean = ann_file('train_fit'), ann_file('train_dev'), 'dev'
    faces = load_faces(args.data, train, limit=limit).to(args.device)
    kinds = {clean: None, 'occluded': 'occluded', 'rotated': 'rotated', 'poor': 'poor'}
    tests = {key: load_faces(args.data, test, kind, limit) for key, kind in kinds.items()}
    pairs = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/300w.py'))['flip_indices']
    for trainee in train_jobs(jobs, faces, pairs, steps, 60 * args.minutes):
        run = describe(trainee, args.series)
        if series.get('shapes'):
            run['heatmaps'] = heatmap_shape(trainee, tests[clean].to(args.device))
        save(trainee, run, tests, args.out)


if __name__ == '__main__':
    exit_on_input_error('train_series', main)

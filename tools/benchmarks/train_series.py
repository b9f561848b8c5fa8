"""Train models of one series side by side in a GPU's memory, and write their run files.

    python tools/benchmarks/train_series.py OUT ship --minutes 5 --data data/300w

A run file is what tools/analysis/results_tables.py reads in docs/results/. The weights lie beside
it in half precision.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import re
from pathlib import Path

import torch
from memory_faces import Faces, load_faces
from memory_scores import score
from memory_training import Job, Trainee, train_jobs
from mmengine.logging import MMLogger
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from model_table import find_config

from mhhn_landmarks.errors import exit_on_input_error

PAPER = dict(batch=16, lr=1e-3, schedule='paper', augmentation=dict(shift=0.03))
STRONG = dict(rotate=55.0, scale=0.25, shift=0.05, colour=0.35, occlude=0.3, spoil=0.3)
LONG = dict(batch=32, ema=0.998, augmentation=STRONG)
KLD = {'model.head.loss.divergence': 'kld', 'model.head.loss.fdl_weight': 4.0}
# By series: steps, and each model's name, config and own settings.
SERIES = {
    # The paper's four models and the literal SDL.
    'paper-size': (
        math.inf,
        [
            ('HGs', 'hgs', PAPER),
            ('HGs+HSR', 'hgs-hsr', PAPER),
            ('HGs+MCG', 'hgs-mcg', PAPER),
            ('MHHN', 'mhhn', PAPER),
            ('HGs+HSR literal', 'hgs-hsr-literal', PAPER),
        ],
    ),
    # The models in mhhn_mmpose/weights.
    'ship': (
        3778,
        [
            ('tiny', 'hgs-hsr-tiny', dict(LONG, lr=4e-3, options=KLD)),
            ('best', 'hgs-hsr-small', dict(LONG, lr=2.5e-3)),
        ],
    ),
    # The larger of them beside MMPose's, trained alike.
    'peers': (
        2000,
        [
            ('best', 'hgs-hsr-small', dict(LONG, lr=2e-3)),
            ('HRNetV2-W18 + DARK', 'hrnetv2-w18-dark', dict(LONG, lr=2e-3)),
        ],
    ),
}


def make_job(name: str, model: str, own: dict, tiny: bool, seed: int) -> Job:
    """Return a model's training; `tiny` is for a trial, of 4 faces a step."""
    config, options = find_config(model, tiny)
    job = Job(name, config, seed=seed, **dict(own, options=options | own.get('options', {})))
    job.batch = 4 if tiny else job.batch
    return job


def describe(trainee: Trainee, series: str) -> dict:
    """Return a run file without scores."""
    job, faces = trainee.job, len(trainee.faces)
    return dict(
        name=job.name,
        series=series,
        config=f'300w/{Path(job.config).name}',
        overrides=job.options | dict(augmentation=job.augmentation, ema=job.ema),
        train=dict(
            faces=faces,
            epochs=round(trainee.step_number * job.batch / faces, 1),
            steps=trainee.step_number,
            batch=job.batch,
            lr=job.lr,
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
    stem = f'{run["series"]}-{run["name"]}-seed{trainee.job.seed}'.lower()
    path = out / re.sub('[^a-z0-9.]+', '-', stem)
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
    parser.add_argument('series', choices=SERIES)
    parser.add_argument('--minutes', type=float, required=True, help='for the training, at most')
    parser.add_argument('--data', type=Path, default=Path('data/300w'), help='converted 300W')
    parser.add_argument('--seed', type=int, default=0, help='of weights, order and augmentation')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--tiny', action='store_true', help='4 steps of tiny models, as a trial')
    args = parser.parse_args()
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True
    args.out.mkdir(parents=True, exist_ok=True)
    limit = 8 if args.tiny else None
    kinds = dict(helen_test=None, occluded='occluded', rotated='rotated', poor='poor')
    test = 'face_landmarks_300w_valid.json'
    tests = {name: load_faces(args.data, test, kind, limit) for name, kind in kinds.items()}
    faces = load_faces(args.data, 'face_landmarks_300w_train.json', limit=limit).to(args.device)
    steps, models = SERIES[args.series]
    jobs = [make_job(*model, args.tiny, args.seed) for model in models]
    pairs = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/300w.py'))['flip_indices']
    steps = 4 if args.tiny else steps
    for trainee in train_jobs(jobs, faces, pairs, steps, 60 * args.minutes):
        save(trainee, describe(trainee, args.series), tests, args.out)


if __name__ == '__main__':
    exit_on_input_error('train_series', main)

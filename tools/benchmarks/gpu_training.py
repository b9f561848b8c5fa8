"""Stages `train`, `ship` and `peers` of on_gpu.py: what models learn in a given time."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import torch
from memory_faces import load_faces
from memory_scores import score
from memory_training import Job, Trainee, train_jobs
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from models import leaf

# At the tiny size, for 128 px, where there is no config.
SMALLER = {'codec.input_size': (128, 128), 'codec.heatmap_size': (32, 32), 'codec.sigma': 1.5}
STRONG = dict(rotate=55.0, scale=0.25, shift=0.05, colour=0.35, occlude=0.3, spoil=0.3)


def paper_jobs(tiny: bool) -> list[Job]:
    """The paper's four models and the literal SDL, under one schedule."""
    configs = {
        'HGs': 'hgs',
        'HGs+HSR': 'hgs-hsr',
        'HGs+MCG': 'hgs-mcg',
        'MHHN': 'mhhn',
        'HGs+HSR literal': 'hgs-hsr-literal',
    }
    common = dict(
        batch=4 if tiny else 16,
        lr=1e-3,
        steps=8 if tiny else 100000,
        schedule='paper',
        augmentation=dict(shift=0.03),
    )
    if not tiny:
        return [Job(name, leaf(config, 'paper'), **common) for name, config in configs.items()]
    configs['HGs+MCG'] = 'hgs'  # which has no tiny config
    attention = {'HGs+MCG': {'model.backbone.attention': 'all'}}
    return [
        Job(name, leaf(config, 'tiny'), options=attention.get(name, {}), **common)
        for name, config in configs.items()
    ]


def shipped_jobs(tiny: bool) -> list[Job]:
    """The models in mhhn_mmpose/weights."""
    common = dict(
        batch=4 if tiny else 32, steps=8 if tiny else 3778, ema=0.998, augmentation=STRONG
    )
    kld = {'model.head.loss.divergence': 'kld', 'model.head.loss.fdl_weight': 4.0}
    best = leaf('hgs-hsr', 'paper').replace('hgs-hsr_8xb4-200e', 'hgs-hsr-small_1xb32-100e')
    options = SMALLER | {'model.head.loss.sigma': 1.5} if tiny else {}
    return [
        Job('tiny', leaf('hgs-hsr', 'tiny'), options=kld, lr=4e-3, **common),
        Job('best', best, options=options, lr=2.5e-3, **common),
    ]


def peer_jobs(tiny: bool) -> list[Job]:
    """The shipped 'best' and MMPose's HRNetV2-W18 + DARK, trained alike."""
    common = dict(
        batch=4 if tiny else 32, steps=8 if tiny else 2000, lr=2e-3, ema=0.998,
        augmentation=STRONG,
    )  # fmt: skip
    best = shipped_jobs(tiny)[1]
    dark = leaf('hrnetv2-w18-dark', 'paper')
    return [
        Job('best', best.config, options=best.options, **common),
        Job('HRNetV2-W18 + DARK', dark, options=SMALLER if tiny else {}, **common),
    ]


JOBS = dict(train=paper_jobs, ship=shipped_jobs, peers=peer_jobs)
SERIES = dict(train='paper-size', ship='ship', peers='peers')


def train(args: argparse.Namespace, report) -> None:
    """Train a stage's models side by side, for equal steps, and score them."""
    flip = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/300w.py'))['flip_indices']
    limit = 16 if args.tiny else None
    test = 'face_landmarks_300w_valid.json'
    faces = load_faces(args.data, 'face_landmarks_300w_train.json', limit=limit).to(args.device)
    kinds = dict(helen_test=None, occluded='occluded', rotated='rotated', poor='poor')
    sets = {name: load_faces(args.data, test, kind, limit) for name, kind in kinds.items()}
    report.add('faces', dict(train=len(faces), test=len(sets['helen_test'])))
    reserve = 20 if args.tiny else 45
    trainees = train_jobs(
        JOBS[args.stage](args.tiny), faces, flip, report.seconds_left - reserve, log_every=200
    )
    runs = [describe(trainee, args) for trainee in trainees]
    for trainee, run in zip(trainees, runs, strict=True):
        save_half(trainee, args.out / f'{file_name(run)}.pth')
    for name, test_faces in sets.items():
        on_device = test_faces.to(args.device)
        for trainee, run in zip(trainees, runs, strict=True):
            run['scores'][name] = score(trainee, on_device)
            scores = run['scores'][name].items()
            nme = {decoder: round(by['inter_ocular']['nme'], 2) for decoder, by in scores}
            report.add(f'NME of {run["name"]}, {name}', nme)
            (args.out / f'{file_name(run)}.json').write_text(json.dumps(run, indent=1) + '\n')


def describe(trainee: Trainee, args: argparse.Namespace) -> dict:
    """A run file, as tools/analysis/results_tables.py reads them, without scores."""
    job, faces = trainee.job, len(trainee.faces)
    gpu = args.device == 'cuda'
    schedule = dict(
        faces=faces,
        epochs=round(trainee.total * job.batch / faces, 1),
        steps=trainee.total,
        batch=job.batch,
        lr=job.lr,
        minutes=None,  # of several models side by side
        device=torch.cuda.get_device_name() if gpu else 'CPU',
        seed=job.seed,
    )
    return dict(
        name=job.name,
        series=SERIES[args.stage],
        config=f'300w/{Path(job.config).name}',
        overrides=job.options | dict(augmentation=job.augmentation, ema=job.ema),
        train=schedule,
        params=sum(parameter.numel() for parameter in trainee.model.parameters()),
        scores={},
        losses=trainee.losses,
    )


def file_name(run: dict) -> str:
    """Letters that any system takes."""
    return re.sub('[^a-z0-9.]+', '-', f'{run["series"]}-{run["name"]}'.lower())


def save_half(trainee: Trainee, path: Path) -> None:
    """Save the evaluated weights in half precision, in pieces of at most 15 MB."""
    state = {
        name: value.half().cpu() if value.is_floating_point() else value.cpu()
        for name, value in trainee.mean_model.state_dict().items()
    }
    pieces, size = [{}], 0
    for name, value in state.items():
        if size + value.nbytes > 15e6:
            pieces.append({})
            size = 0
        pieces[-1][name] = value
        size += value.nbytes
    for number, piece in enumerate(pieces):
        suffix = f'.{number}' if len(pieces) > 1 else ''
        torch.save(dict(state_dict=piece), path.with_suffix(f'{suffix}.pth'))

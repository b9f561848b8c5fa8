"""Faces in memory: cropped as MMPose crops them, and a config's model learns from them."""

import math
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from dataset_converters.own_landmarks import known_landmarks
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

sys.path.insert(0, str(ROOT / 'tools' / 'benchmarks'))

from memory_faces import Augmentation, Cropper, load_faces  # noqa: E402
from memory_scores import heatmap_shape, score  # noqa: E402
from memory_training import Job, Trainee, train_jobs  # noqa: E402
from train_series import SERIES, make_job  # noqa: E402

CONFIG = ROOT / 'configs' / '300w' / 'td-hm_hgs-tiny_2xb8-30e_300w-128x128.py'
HRNETS = [f'hrnetv2-w18-{kind}_8xb4-200e_300w-256x256' for kind in ('dark', 'msra')]


@pytest.fixture(scope='module')
def flip_pairs():
    return known_landmarks('300w')[1]


@pytest.fixture
def faces(generated_300w):
    return load_faces(generated_300w, 'face_landmarks_300w_train.json')


def test_crops_are_those_of_the_pipeline(generated_300w, faces, flip_pairs):
    images, points = Cropper(faces, 128, flip_pairs).crop(torch.arange(len(faces)))
    cfg = Config.fromfile(CONFIG)
    init_default_scope(cfg.default_scope)
    data = cfg.train_dataloader.dataset | dict(data_root=str(generated_300w), pipeline=[])
    dataset = DATASETS.build(data)
    pipeline = Compose(cfg.val_dataloader.dataset.pipeline[:-1])
    normalize = cfg.model.data_preprocessor
    mean, std = (torch.tensor(normalize[k])[:, None, None] for k in ('mean', 'std'))
    for index, (image, found) in enumerate(zip(images, points, strict=True)):
        expected = pipeline(dataset.get_data_info(index))
        assert np.abs(expected['transformed_keypoints'][0] - found.numpy()).max() < 1e-3
        pixels = torch.from_numpy(expected['img'][..., ::-1].copy()).permute(2, 0, 1)
        assert (image * std + mean - pixels).abs().mean() < 0.5


def test_an_augmented_landmark_stays_on_its_pixel(faces, flip_pairs):
    for row, shape in zip(faces.photos, faces.points, strict=True):  # mark one landmark of each
        x, y = shape[30].round().int().tolist()
        row.zero_()
        row[:, y - 2 : y + 3, x - 2 : x + 3] = 255
    how = Augmentation(scale=0.1, shift=0.05, colour=0.0)
    images, points = Cropper(faces, 128, flip_pairs, seed=3).augmented(torch.arange(3), how)
    for image, shape in zip(images, points, strict=True):
        bright = image[0] - image[0].min()
        y, x = torch.meshgrid(*[torch.arange(128.0)] * 2, indexing='ij')
        center = torch.stack([(bright * x).sum(), (bright * y).sum()]) / bright.sum()
        assert (center - shape[30]).abs().max() < 0.6  # the mark's middle was rounded


def test_models_learn_side_by_side(faces, flip_pairs):
    jobs = [Job(f'seed {seed}', str(CONFIG), batch=4, seed=seed, ema=0.5) for seed in (0, 1)]
    trainees = train_jobs(jobs, faces, flip_pairs, steps=12)
    states = [trainee.model.state_dict().values() for trainee in trainees]
    assert any((first != second).any() for first, second in zip(*states, strict=True))
    for trainee in trainees:
        assert trainee.step_number == 12 and trainee.losses[-1] < trainee.losses[0]
        assert 0 < score(trainee, faces)['sdt']['inter_ocular']['nme'] < 300
    assert train_jobs(jobs[:1], faces, flip_pairs, math.inf, seconds=1)[0].losses  # it ends


@pytest.mark.parametrize('model', ['hgs-tiny_2xb8-30e_300w-128x128', *HRNETS])
def test_scores_are_those_of_the_decoded_targets(model, faces, flip_pairs):
    """Ours, MMPose's DARK and its rounded targets."""
    config = CONFIG.parent / f'td-hm_{model}.py'
    trainee = Trainee(Job(model, str(config)), faces, flip_pairs)
    width, _ = trainee.codec.input_size
    plain = Cropper(faces, width, flip_pairs).crop(torch.arange(len(faces)))[1]
    mirrored = plain[:, flip_pairs] * torch.tensor([-1, 1]) + torch.tensor([width - 1, 0])
    maps = iter([trainee.make_targets(points)[0] for points in (plain, mirrored)])
    trainee.outputs = lambda *_: [next(maps)]
    found = score(trainee, faces)
    nme = {name: scores['inter_ocular']['nme'] for name, scores in found.items()}
    assert nme['sdt'] < {'hgs-tiny': 0.05, 'hrnetv2-w18-dark': 0.6}.get(model.split('_')[0], 2)
    assert nme['sdt'] < nme['argmax'] < 4


def test_the_shape_of_the_targets_themselves(faces, flip_pairs):
    trainee = Trainee(Job('', str(CONFIG)), faces, flip_pairs)
    crops = trainee.cropper.crop(torch.arange(len(faces)))
    trainee.outputs = lambda *_: [trainee.make_targets(crops[1])[0]]
    shape = heatmap_shape(trainee, faces)
    assert shape['jsd'] < 1e-4 and shape['moved'] == 0 and abs(shape['above_half'] - 9.8) < 1


@pytest.mark.parametrize('name', [name for name in SERIES if 'models' in SERIES[name]])
def test_a_series_builds_its_models(name, faces, flip_pairs):
    for title, model, *own in SERIES[name]['models']:
        job = make_job(title, model, SERIES[name].get('job', {}) | dict(*own), tiny=True, seed=0)
        assert len(Trainee(job, faces, flip_pairs).make_batch()[0]) == 4, title

"""MMPose's own tools on our models: inferencer, tools/test.py, dumped predictions, pictures."""

import json
import runpy
import sys
from pathlib import Path

import cv2
import mmengine
import mmpose
import numpy as np
import pytest
import torch
from conftest import ROOT
from generated_faces import landmarks, random_face, render
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import METRICS, MODELS
from mmpose.structures import PoseDataSample

from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.visualization import FaceLocalVisualizer

NAME = 'td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128'
CONFIG = str(ROOT / 'configs/300w' / f'{NAME}.py')
TEST = Path(mmpose.__file__).parent / '.mim/tools/test.py'
FACE = random_face(3)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory) -> str:
    """Random weights, larger than at the start, so that maps differ."""
    cfg = Config.fromfile(CONFIG)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for weights in model.head.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    meta = dict(dataset_meta=parse_pose_metainfo(dict(from_file='configs/_base_/datasets/300w.py')))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return str(path)


@pytest.mark.parametrize('named', [False, True], ids=['path', 'name'])
def test_inferencer(checkpoint, tmp_path, named):
    """A photo and a folder; the config by path, and by name through `.mim`."""
    from mmpose.apis import MMPoseInferencer

    (tmp_path / 'photos').mkdir()
    for name in ('b.png', 'a.jpg'):
        cv2.imwrite(str(tmp_path / 'photos' / name), render(FACE))
    config = get_config(f'mhhn_mmpose::300w/{NAME}.py') if named else CONFIG
    inferencer = MMPoseInferencer(
        pose2d=config, pose2d_weights=checkpoint, device='cpu', det_model='whole_image'
    )
    out = tmp_path / 'out'
    options = dict(draw_heatmap=True, kpt_thr=0.0)
    results = [r for r in inferencer(str(tmp_path / 'photos'), out_dir=str(out), **options)]
    assert len(results) == 2
    for result, stem, suffix in zip(results, 'ab', ('jpg', 'png'), strict=True):
        (face,) = result['predictions'][0]
        assert np.shape(face['keypoints']) == (68, 2) and len(face['keypoint_scores']) == 68
        (saved,) = json.loads((out / 'predictions' / f'{stem}.json').read_text())
        assert saved['keypoints'] == face['keypoints']
        picture = cv2.imread(str(out / 'visualizations' / f'{stem}.{suffix}'))
        assert picture.shape == (2 * FACE.height, FACE.width, 3)  # heatmaps below the photo
    photo = next(inferencer(str(tmp_path / 'photos/b.png')))['predictions'][0][0]
    assert photo['keypoints'] == results[1]['predictions'][0][0]['keypoints']


@pytest.fixture(scope='module')
def tested(checkpoint, generated_300w, tmp_path_factory):
    """MMPose's tools/test.py, once: its folder."""
    folder = tmp_path_factory.mktemp('tested')
    annotations = generated_300w / 'annotations/face_landmarks_300w_valid.json'
    arguments = [
        CONFIG, checkpoint, '--work-dir', folder, '--out', folder / 'metrics.json',
        '--dump', folder / 'predictions.pkl', '--show-dir', 'pictures', '--cfg-options',
        f'test_dataloader.dataset.data_root={generated_300w}/', 'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False', 'model.test_cfg.output_heatmaps=True',
        f'test_evaluator.0.ann_file={annotations}', 'default_hooks.visualization.kpt_thr=0.',
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', ['test.py', *map(str, arguments)])
        runpy.run_path(str(TEST), run_name='__main__')
    return folder, annotations


def test_dumped_predictions_give_the_same_scores(tested):
    folder, annotations = tested
    predictions = mmengine.load(folder / 'predictions.pkl')
    assert len(predictions) == 9
    scores = mmengine.load(folder / 'metrics.json')
    metric = METRICS.build({**Config.fromfile(CONFIG).test_evaluator, 'ann_file': str(annotations)})
    evaluator = Evaluator([metric])
    evaluator.dataset_meta = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/300w.py'))
    assert evaluator.offline_evaluate(predictions, chunk_size=2) == scores
    # The error from the dumped landmarks themselves, without the metric.
    errors = []
    for sample in predictions:
        assert sample['pred_fields']['heatmaps'].shape == (68, 32, 32)
        truth = sample['gt_instances']['keypoints'][0]
        apart = np.linalg.norm(sample['pred_instances']['keypoints'][0] - truth, axis=1)
        errors.append(100 * apart.mean() / np.linalg.norm(truth[36] - truth[45]))
    assert scores['full/inter_ocular/NME'] == pytest.approx(np.mean(errors), rel=1e-5)


def test_visualization_hook_draws_every_face(tested):
    folder, annotations = tested
    pictures = sorted(folder.glob('*/pictures/*'))
    photos = json.loads(annotations.read_text())['images']
    assert len(pictures) == len(photos) == 9
    sizes = sorted((2 * photo['height'], photo['width'], 3) for photo in photos)
    assert sorted(cv2.imread(str(p)).shape for p in pictures) == sizes


def draw(dataset, activation=None, **options):
    """(photo, picture, truth): a face with its heatmaps, drawn by the dataset's visualizer."""
    points = landmarks(FACE, dataset)
    codec = SDTHeatmap((FACE.width, FACE.height), (FACE.width // 4, FACE.height // 4))
    maps = torch.from_numpy(codec.encode(points[None])['heatmaps'])
    if activation == 'softmax':
        maps = maps.clamp_min(1e-30).log() + 20
    if activation == 'sigmoid':
        maps = maps.clamp(1e-6, 1 - 1e-6).logit()
    sample = PoseDataSample()
    sample.pred_instances = InstanceData(
        keypoints=points[None], keypoint_scores=np.ones((1, len(points)))
    )
    sample.pred_fields = PixelData(heatmaps=maps)
    visualizer = FaceLocalVisualizer(activation=activation, radius=2)
    visualizer.set_dataset_meta(
        parse_pose_metainfo(dict(from_file=f'configs/_base_/datasets/{dataset}.py'))
    )
    photo = render(FACE)[..., ::-1].copy()
    picture = visualizer.add_datasample('face', photo, sample, draw_gt=False, **options)
    return photo, picture, points


@pytest.mark.parametrize('dataset', ['300w', 'wflw', 'cofw', 'aflw'])
def test_landmarks_are_drawn_in_the_datasets_colours(dataset):
    photo, picture, points = draw(dataset)
    assert picture.shape == photo.shape
    meta = parse_pose_metainfo(dict(from_file=f'configs/_base_/datasets/{dataset}.py'))
    near = np.round(points).astype(int)
    colours = picture[near[:, 1], near[:, 0]].astype(int)
    assert np.abs(colours - meta['keypoint_colors']).max(1).mean() < 60  # blended over the photo
    changed = (picture != photo).any(-1)
    assert changed[near[:, 1], near[:, 0]].all() and changed.mean() < 0.2


@pytest.mark.parametrize('activation', [None, 'softmax', 'sigmoid'])
def test_heatmaps_are_bright_at_the_landmarks_only(activation):
    photo, picture, points = draw('300w', activation, draw_heatmap=True)
    height = photo.shape[0]
    assert picture.shape == (2 * height, *photo.shape[1:])
    # The colour map goes from blue (0) to red (1).
    heat = picture[height:, :, 0].astype(int) - picture[height:, :, 2]
    heat = heat - (photo[..., 0].astype(int) - photo[..., 2]) * 0.2
    near = np.round(points).astype(int)
    assert np.median(heat[near[:, 1], near[:, 0]]) > np.median(heat) + 100
    assert np.median(heat) < -50


def test_visualizer_refuses_other_activations():
    with pytest.raises(ValueError, match='relu'):
        FaceLocalVisualizer(activation='relu')

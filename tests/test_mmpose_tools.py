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
from conftest import TINY
from generated_faces import random_face, render
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.hub import get_config
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import METRICS

from mhhn_mmpose import FaceAligner

from mmpose.apis import MMPoseInferencer  # isort: skip  (after mhhn_mmpose, on mmcv-lite)

NAME, CONFIG = TINY.stem, str(TINY)
TEST = Path(mmpose.__file__).parent / '.mim/tools/test.py'
FACE = random_face(3)


def test_inferencer(checkpoint, tmp_path):
    """A folder; the config by name, through `.mim`."""
    (tmp_path / 'photos').mkdir()
    for name in ('b.png', 'a.jpg'):
        cv2.imwrite(str(tmp_path / 'photos' / name), render(FACE))
    cfg = get_config(f'mhhn_mmpose::300w/{NAME}.py')
    inferencer = MMPoseInferencer(cfg, checkpoint, device='cpu', det_model='whole_image')
    out = tmp_path / 'out'
    options = dict(draw_heatmap=True, kpt_thr=0.0, out_dir=str(out))
    results = list(inferencer(str(tmp_path / 'photos'), **options))
    assert len(results) == 2
    for result, stem, suffix in zip(results, 'ab', ('jpg', 'png'), strict=True):
        (face,) = result['predictions'][0]
        (saved,) = json.loads((out / 'predictions' / f'{stem}.json').read_text())
        assert saved['keypoints'] == face['keypoints'] and len(face['keypoint_scores']) == 68
        picture = cv2.imread(str(out / 'visualizations' / f'{stem}.{suffix}'))
        assert picture.shape == (2 * FACE.height, FACE.width, 3)  # heatmaps below the photo


@pytest.mark.parametrize('name', ['mhhn_tiny', NAME])
def test_inferencer_takes_the_models_that_ship_by_name(name):
    photo = render(FACE)
    inferencer = MMPoseInferencer(pose2d=name, device='cpu', det_model='whole_image')
    ((face,),) = next(inferencer(photo))['predictions']
    whole = np.array([0.0, 0, *photo.shape[1::-1], 1])
    (same,) = FaceAligner('tiny', device='cpu').align([(photo, whole)])
    np.testing.assert_allclose(face['keypoints'], same.points, atol=1e-3)
    with pytest.raises(ValueError, match='Cannot find model: mhhn_none in mmpose'):
        MMPoseInferencer(pose2d='mhhn_none', device='cpu')


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
    assert predictions[0]['pred_fields']['heatmaps'].shape == (68, 32, 32)


def test_visualization_hook_draws_every_face(tested):
    folder, annotations = tested
    photos = json.loads(annotations.read_text())['images']
    sizes = sorted((2 * photo['height'], photo['width'], 3) for photo in photos)
    assert sorted(cv2.imread(str(p)).shape for p in folder.glob('*/pictures/*')) == sizes

import cv2
import numpy as np
import pytest
import torch
from conftest import TINY
from generated_faces import random_face, render

from mhhn_landmarks.cli import main
from mhhn_landmarks.errors import InputError
from mhhn_mmpose import FaceAligner
from mhhn_mmpose.apis.heatmap_drawing import heatmap_to_photo

CONFIG = str(TINY)
PHOTO = render(random_face(3))


def test_batches_agree_with_mmpose(checkpoint):
    """Photos: see test_mmpose_tools.py."""
    from mmpose.apis import inference_topdown

    aligner, (height, width) = FaceAligner(CONFIG, checkpoint, 'cpu'), PHOTO.shape[:2]
    # float32, as the aligner has them: a third of a picture is another number in float64, and 1e-6
    # of a pixel is enough for OpenCV to round a pixel of the crop the other way.
    corners = ((0, 0), (width / 3, height / 3), (width / 4, 7), (11, height / 4))
    boxes = np.array([[x, y, x + 60, y + 60, 0.5] for x, y in corners], np.float32)
    batched = aligner.align([(PHOTO, box) for box in boxes], batch_size=3)
    # MMPose makes one batch of what it is given; in other batches the maps' last bits are others.
    parts = [inference_topdown(aligner.model, PHOTO, b[:, :4]) for b in (boxes[:3], boxes[3:])]
    single = sum(parts, [])
    for one, other in zip(batched, single, strict=True):
        np.testing.assert_allclose(one.points, other.pred_instances.keypoints[0], atol=1e-3)
        np.testing.assert_allclose(one.scores, other.pred_instances.keypoint_scores[0], atol=1e-5)


def test_sixteen_bits_give_nearly_the_same(checkpoint):
    """Their heatmaps; peaks of random weights may lie anywhere."""
    box = np.array([0, 0, *PHOTO.shape[1::-1], 1])
    full, half = (
        FaceAligner(CONFIG, checkpoint, 'cpu', heatmaps=True, amp=amp).align([(PHOTO, box)])[0]
        for amp in (False, True)
    )
    assert half.heatmaps.dtype == torch.float32 and half.points.dtype == np.float32
    difference = (half.heatmaps - full.heatmaps).abs().max() / full.heatmaps.abs().max()
    assert 1e-4 < difference < 0.05, difference
    assert np.isfinite(half.points).all()


def test_a_tilted_face_is_cut_upright(checkpoint):
    """A square with an angle in the turned photo is the same square in the photo."""
    aligner = FaceAligner(CONFIG, checkpoint, 'cpu', heatmaps=True)
    height, width = PHOTO.shape[:2]
    square = np.array([width / 2 - 30, height / 2 - 30, width / 2 + 30, height / 2 + 30, 1, 0])
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -90, 1)  # clockwise
    turned = cv2.warpAffine(PHOTO, turn, (width, height))
    upright, tilted = aligner.align([(PHOTO, square), (turned, square + [0, 0, 0, 0, 0, 90])])
    wanted = upright.points @ turn[:, :2].T + turn[:, 2]
    assert np.ptp(wanted, axis=0).min() > 20
    # Peaks of random weights may be of nearly the same height: most, not all, stay.
    assert np.median(np.abs(tilted.points - wanted)) < 0.1
    shape = tuple(upright.heatmaps.shape[1:])
    affine = heatmap_to_photo(tilted.crop, shape)
    centers_hm = aligner.codec.locate(tilted.heatmaps).centers.numpy()
    shown = centers_hm @ affine[:, :2].T + affine[:, 2]
    np.testing.assert_allclose(shown, tilted.points, atol=1e-2)


def test_the_command_with_pytorch(checkpoint, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), PHOTO)
    words = [str(tmp_path / 'a.png'), '--model', CONFIG, checkpoint, '--boxes', '0,0,60,60']
    words += ['--show-heatmaps', '--device', 'cpu', '--out', str(tmp_path / 'out')]
    assert main([*words, '--cfg-options', 'model.head.decoder.sigma=2.0']) == 0
    drawn = cv2.imread(str(tmp_path / 'out/a_landmarks.png'))
    assert drawn.shape == (PHOTO.shape[0], 2 * PHOTO.shape[1], 3)


def test_another_kind_of_model_ends_in_one_line(checkpoint, tmp_path):
    (tmp_path / 'other.py').write_text("model = dict(type='BottomupPoseEstimator')")
    with pytest.raises(InputError, match='^[^\n]*no config of a TopdownPoseEstimator[^\n]*$'):
        FaceAligner(str(tmp_path / 'other.py'), checkpoint, 'cpu')

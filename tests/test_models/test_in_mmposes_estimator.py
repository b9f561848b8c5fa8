"""The whole model in MMPose's estimator: input sizes, flip tests, photos, bfloat16.

Photos are (height, width, 3); points are (x, y) in photo pixels. Exact chains: test_codecs.
"""

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS, TRANSFORMS

import mhhn_mmpose  # noqa: F401  (registers its parts)


def make_codec(input_size, **arguments):
    heatmap_size = tuple(side // 4 for side in input_size)
    return dict(type='SDTHeatmap', input_size=input_size, heatmap_size=heatmap_size) | arguments


def make_model(codec, head='StackedHeatmapHead', num_landmarks=3):
    init_default_scope('mmpose')
    torch.manual_seed(0)
    parts = dict(type=head, in_channels=8, out_channels=num_landmarks, decoder=codec)
    parts |= dict(loss=dict(type='HeatmapJSDLoss'), final_layer=dict(kernel_size=1))
    parts |= dict(num_stages=2) if head == 'StackedHeatmapHead' else dict(deconv_out_channels=None)
    backbone = dict(type='MCGHourglass', num_stacks=2, feat_channels=8, depth=3)
    model = dict(type='TopdownPoseEstimator', backbone=backbone, head=parts, test_cfg={})
    model['data_preprocessor'] = dict(type='PoseDataPreprocessor', mean=[0] * 3, std=[255] * 3)
    return MODELS.build(model).eval()


def crop(photo, box, codec, points):
    """The box (x1, y1, x2, y2) of a photo through MMPose's pipeline, collated."""
    data = dict(img=photo, img_shape=photo.shape[:2], ori_shape=photo.shape[:2], id=0, img_path='')
    data |= dict(bbox=np.array([box], np.float32), bbox_score=np.ones(1, np.float32))
    data |= dict(keypoints=np.array([points], np.float32), flip_indices=[0, 1, 2])
    data['keypoints_visible'] = np.ones((1, len(points)), np.float32)
    for step in (
        dict(type='GetBBoxCenterScale', padding=1.25),
        dict(type='TopdownAffine', input_size=codec['input_size']),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='PackPoseInputs'),
    ):
        data = TRANSFORMS.build(step)(data)
    return pseudo_collate([data])


BOX = np.array([200.4, 120.7, 352.9, 301.2])
POINTS = np.array([[231.3, 160.8], [309.6, 171.4], [268.2, 255.7]])
# A blob of 10 pixels in each colour, so of 1.3 to 3.6 heatmap pixels.
BLOBS = np.exp(-((np.arange(611)[:, None] - POINTS[:, 0]) ** 2) / (2 * 10.0**2)) * np.exp(
    -((np.arange(487)[:, None, None] - POINTS[:, 1]) ** 2) / (2 * 10.0**2)
)
PHOTO = np.round(255 * BLOBS).astype(np.uint8)


class Colours(torch.nn.Module):
    """A network that is right by construction: each colour's mean over 4 x 4 pixels."""

    def forward(self, inputs):
        return [torch.nn.functional.avg_pool2d(inputs, 4)]


@pytest.mark.parametrize('input_size', [(256, 256), (192, 256), (160, 96)])  # (w, h)
def test_photo_to_photo_through_a_network_of_stride_4(input_size):
    codec = make_codec(input_size)
    model = make_model(codec, 'HeatmapHead')
    model.backbone, model.head.final_layer = Colours(), torch.nn.Identity()
    for flip_test in (False, True):
        model.test_cfg['flip_test'] = flip_test
        (sample,) = model.test_step(crop(PHOTO, BOX, codec, POINTS))
        np.testing.assert_allclose(sample.pred_instances.keypoints[0], POINTS, atol=0.05)


def test_a_step_in_bfloat16_agrees_with_float32():
    """Rounding, 0.2% a number, adds up on the way back."""
    codec = make_codec((128, 128), activation='softmax')
    model = make_model(codec, num_landmarks=5).train()
    for attention in model.backbone.attentions:
        torch.nn.init.constant_(attention.gamma, 0.5)  # at 0, attention would take no part
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (280, 300, 3)).astype(np.float32)
    photo = 3 * (cv2.GaussianBlur(noise, (0, 0), 9) - 85)
    points = random.uniform(60, 200, (5, 2))
    boxes = ((40, 30, 230, 250), (49, 30, 230, 250))
    crops = [crop(photo.clip(0, 255), box, codec, points) for box in boxes]
    batch = model.data_preprocessor({k: crops[0][k] + crops[1][k] for k in crops[0]}, True)
    found = []
    for enabled in (False, True):
        model.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            loss = model(**batch, mode='loss')['loss_kpt']
        loss.backward()
        assert loss.dtype == torch.float32
        assert all(p.grad.isfinite().all() for p in model.parameters())
        found.append((loss, torch.cat([p.grad.flatten() for p in model.head.parameters()])))
    (loss, exact), (rounded_loss, rounded) = found
    assert 0 < abs(rounded_loss - loss) / loss < 0.01  # above 0, or it was not in bfloat16
    assert 0 < (rounded - exact).norm() / exact.norm() < 0.1

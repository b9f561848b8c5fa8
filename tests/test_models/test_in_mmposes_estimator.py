"""The whole model in MMPose's estimator: input sizes, flip tests, photos, bfloat16.

Photos are (height, width, 3); points are (x, y) in photo pixels.
"""

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import KEYPOINT_CODECS, MODELS, TRANSFORMS

import mhhn_mmpose  # noqa: F401  (registers its parts)

FLIPS = [1, 0, 2, 4, 3]
sizes = pytest.mark.parametrize('input_size', [(256, 256), (192, 256), (160, 96)])  # (w, h)
heads = pytest.mark.parametrize('head', ['StackedHeatmapHead', 'HeatmapHead'])


def make_codec(input_size, **arguments):
    heatmap_size = tuple(side // 4 for side in input_size)
    return dict(type='SDTHeatmap', input_size=input_size, heatmap_size=heatmap_size) | arguments


def make_model(codec, head='StackedHeatmapHead', out_channels=5, **test_cfg):
    init_default_scope('mmpose')
    torch.manual_seed(0)
    parts = dict(type=head, in_channels=8, out_channels=out_channels, decoder=codec)
    parts |= dict(loss=dict(type='HeatmapJSDLoss'), final_layer=dict(kernel_size=1))
    parts |= dict(num_stages=2) if head == 'StackedHeatmapHead' else dict(deconv_out_channels=None)
    return MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            data_preprocessor=dict(type='PoseDataPreprocessor', mean=[0] * 3, std=[255] * 3),
            backbone=dict(type='MCGHourglass', num_stacks=2, feat_channels=8, depth=3),
            head=parts,
            test_cfg=test_cfg,
        )
    ).eval()


def crop(photo, box, input_size, padding=1.25, codec=None):
    """The box (x1, y1, x2, y2) of a photo through MMPose's pipeline, collated."""
    data = dict(img=photo, img_shape=photo.shape[:2], ori_shape=photo.shape[:2], id=0)
    data |= dict(img_path='', bbox=np.array([box], np.float32), flip_indices=FLIPS)
    data['bbox_score'] = np.ones(1, np.float32)
    steps = [
        dict(type='GetBBoxCenterScale', padding=padding),
        dict(type='TopdownAffine', input_size=input_size),
        dict(type='PackPoseInputs'),
    ]
    if codec:
        data['keypoints'] = np.random.default_rng(1).uniform(60, 200, (1, 5, 2)).astype(np.float32)
        data['keypoints_visible'] = np.ones((1, 5), np.float32)
        steps.insert(2, dict(type='GenerateTarget', encoder=codec))
    for step in steps:
        data = TRANSFORMS.build(step)(data)
    return pseudo_collate([data])


def noise(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@heads
@sizes
def test_one_set_of_weights_takes_every_input_size(head, input_size):
    """What is returned is the last stack's map, decoded, and laid over the photo."""
    codec = make_codec(input_size)
    model = make_model(codec, head, output_heatmaps=True)
    model.load_state_dict(make_model(make_codec((128, 128)), head).state_dict())
    batch = crop(noise(300, 280), (40, 30, 230, 250), input_size)
    with torch.no_grad():
        (sample,) = model.test_step(batch)
        maps = model(**model.data_preprocessor(batch), mode='tensor')
    last = maps[-1] if head == 'StackedHeatmapHead' else maps
    heatmaps = sample.pred_fields.heatmaps
    assert heatmaps.shape == (5, input_size[1] // 4, input_size[0] // 4)
    torch.testing.assert_close(heatmaps, last.reshape(heatmaps.shape))
    points, scores = KEYPOINT_CODECS.build(codec).decode(heatmaps.numpy())
    corner = sample.input_center - sample.input_scale / 2
    expected = points / input_size * sample.input_scale + corner
    np.testing.assert_allclose(sample.pred_instances.keypoints, expected, atol=1e-3)
    np.testing.assert_allclose(sample.pred_instances.keypoint_scores, scores, atol=1e-6)
    model.test_cfg['output_heatmaps'] = False
    assert 'pred_fields' not in model.test_step(batch)[0]


class Colours(torch.nn.Module):
    """A network that is right by construction: each colour's mean over 4 x 4 pixels."""

    def forward(self, inputs):
        return [torch.nn.functional.avg_pool2d(inputs, 4)]


@sizes
def test_photo_to_photo_through_a_network_of_stride_4(input_size):
    box = np.array([200.4, 120.7, 352.9, 301.2])
    points = np.array([[231.3, 160.8], [309.6, 171.4], [268.2, 255.7]])
    # Of 10 pixels, so 1.3 to 3.6 heatmap pixels.
    x, y = np.arange(611), np.arange(487)[:, None]
    blobs = [np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 10.0**2)) for u, v in points]
    photo = np.round(255 * np.stack(blobs, -1)).astype(np.uint8)
    model = make_model(make_codec(input_size), 'HeatmapHead', 3)
    model.backbone, model.head.final_layer = Colours(), torch.nn.Identity()
    batch = crop(photo, box, input_size)
    batch['data_samples'][0].set_metainfo(dict(flip_indices=[0, 1, 2]))
    for flip_test in (False, True):
        model.test_cfg['flip_test'] = flip_test
        (sample,) = model.test_step(batch)
        np.testing.assert_allclose(sample.pred_instances.keypoints[0], points, atol=0.05)


def test_a_step_in_bfloat16_agrees_with_float32():
    """Rounding, 0.2% a number, adds up on the way back."""
    codec = make_codec((128, 128), activation='softmax')
    model = make_model(codec).train()
    for attention in model.backbone.attentions:
        torch.nn.init.constant_(attention.gamma, 0.5)  # at 0, attention would take no part
    boxes = ((40, 30, 230, 250), (49, 30, 230, 250))
    photo = 3 * (cv2.GaussianBlur(noise(300, 280), (0, 0), 9).astype(np.float32) - 85)
    crops = [crop(photo.clip(0, 255), box, (128, 128), codec=codec) for box in boxes]
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

"""Input sizes and flip tests in MMPose's estimator. Exact chains: test_codecs.

Photos are (height, width, 3); points are (x, y) in photo pixels.
"""

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS, TRANSFORMS

import mhhn_mmpose  # noqa: F401  (registers its parts)


def crop(photo, box, input_size):
    """The box (x1, y1, x2, y2) of a photo through MMPose's pipeline, collated."""
    data = dict(img=photo, img_shape=photo.shape[:2], ori_shape=photo.shape[:2], id=0, img_path='')
    data |= dict(bbox=np.array([box], np.float32), bbox_score=np.ones(1, np.float32))
    data |= dict(flip_indices=[0, 1, 2])
    for step in (
        dict(type='GetBBoxCenterScale', padding=1.25),
        dict(type='TopdownAffine', input_size=input_size),
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


@MODELS.register_module()
class Colours(torch.nn.Module):
    """A network that is right by construction: each colour's mean over 4 x 4 pixels."""

    def forward(self, inputs):
        return [torch.nn.functional.avg_pool2d(inputs, 4)]


@pytest.mark.parametrize('input_size', [(256, 256), (192, 256), (160, 96)])  # (w, h)
@pytest.mark.parametrize('flip_test', [False, True])
def test_photo_to_photo_through_a_network_of_stride_4(input_size, flip_test):
    init_default_scope('mmpose')
    heatmap_size = tuple(side // 4 for side in input_size)
    codec = dict(type='SDTHeatmap', input_size=input_size, heatmap_size=heatmap_size)
    head = dict(type='HeatmapHead', in_channels=3, out_channels=3, decoder=codec)
    head |= dict(deconv_out_channels=None, final_layer=None)  # features are heatmaps
    model = dict(type='TopdownPoseEstimator', backbone=dict(type='Colours'), head=head)
    model['data_preprocessor'] = dict(type='PoseDataPreprocessor', mean=[0] * 3, std=[255] * 3)
    model = MODELS.build(model | dict(test_cfg=dict(flip_test=flip_test))).eval()
    (sample,) = model.test_step(crop(PHOTO, BOX, input_size))
    np.testing.assert_allclose(sample.pred_instances.keypoints[0], POINTS, atol=0.05)

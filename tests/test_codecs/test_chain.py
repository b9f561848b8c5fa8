"""Photo to photo through MMPose's own pipeline, head and estimator: where half a pixel is lost."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS, MODELS, TRANSFORMS

import mhhn_mmpose  # noqa: F401  (registers SDTHeatmap)

SIZES = [((256, 256), (64, 64)), ((192, 256), (48, 64)), ((200, 168), (50, 56))]
PHOTO = (611, 487)  # width, height
BBOX = np.array([[187.3, 121.9, 402.6, 338.1]], np.float32)
# In input pixels from the upper left and the lower right corner: corners, borders, inside.
NEAR = [(0, 0), (0, 31.7), (57.45, 0), (-0.9, 66.2), (43.3, -0.95), (-0.7, -0.8), (0.49, 1.51)]
INSIDE = [(91.37, 75.13), (64.0, 64.0), (100.5, 33.25), (63.5, 80.49), (29.99, 101.2)]


def chains(*conventions):
    return pytest.mark.parametrize(
        'codec',
        [
            dict(type='SDTHeatmap', input_size=i, heatmap_size=h, convention=c, patch_size=p)
            for c in conventions
            for (i, h), p in zip(SIZES, (9, 15, 9), strict=True)
        ],
        ids=lambda codec: '{convention} {input_size}'.format(**codec),
    )


def input_points(size):
    """Landmarks all over the input, corners and borders included, in input pixels."""
    near, last = np.array(NEAR, np.float64), np.array(size) - 1.0
    other = near * [1, -1] + [0, last[1]]
    return np.concatenate((near, last - near, other, last - other, np.array(INSIDE)))


def crop(codec, points, flip=False):
    """Run MMPose's pipeline over a photo whose landmarks, unflipped, fall on `points` (K, 2)."""
    size = np.array(codec['input_size'], np.float64)
    udp = codec['convention'] == 'udp'
    corner, extent = BBOX[0, :2].astype(np.float64), (BBOX[0, 2:] - BBOX[0, :2]).astype(np.float64)
    center, extent = corner + extent / 2, extent * 1.25
    extent = np.maximum(extent, extent[::-1] * [size[0] / size[1], size[1] / size[0]])
    photo = center + (points / (size - udp) - 0.5) * extent
    data = dict(img=np.zeros((*PHOTO[::-1], 3), np.uint8), img_shape=PHOTO[::-1], img_path='')
    data |= dict(ori_shape=PHOTO[::-1], id=0, img_id=0, bbox=BBOX.copy())
    data |= dict(bbox_score=np.ones(1, np.float32), keypoints=photo[None].astype(np.float32))
    data |= dict(flip_indices=[*range(len(points))][::-1])
    data['keypoints_visible'] = np.ones((1, len(points)), np.float32)
    for step in (
        dict(type='GetBBoxCenterScale'),
        dict(type='RandomFlip', prob=float(flip)),
        dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=udp),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='PackPoseInputs'),
    ):
        data = TRANSFORMS.build(step)(data)
    return photo, data['data_samples'], extent / size


def predict(codec, sample, heatmaps, **test_cfg):
    """(K, 2) in the photo, from perfect heatmaps, by the real head and the real estimator."""
    channels = len(sample.gt_fields.heatmaps)
    head = dict(type='HeatmapHead', in_channels=channels, out_channels=channels, decoder=codec)
    head |= dict(deconv_out_channels=None, final_layer=None)  # features are heatmaps
    predictions = MODELS.build(head).predict(heatmaps, [sample], test_cfg=test_cfg)
    estimator = SimpleNamespace(test_cfg=test_cfg)
    Estimator = MODELS.get('TopdownPoseEstimator')
    done = Estimator.add_pred_to_datasample(estimator, predictions, None, [sample])
    return done[0].pred_instances.keypoints[0]


def assert_same(found, photo, photo_per_input):
    assert np.abs((found - photo) / photo_per_input).max() < 1e-3  # input px


@pytest.mark.parametrize('flip', [False, True])
@chains('half_pixel', 'msra', 'udp')
def test_photo_to_photo(codec, flip):
    points = input_points(codec['input_size'])
    if flip:  # the photo's flip brings x to w - x, not to w - 1 - x
        points = points[(points >= 1).all(-1)]
    photo, sample, unit = crop(codec, points, flip)
    assert (sample.gt_instance_labels.keypoint_weights == 1).all()
    found = predict(codec, sample, (sample.gt_fields.heatmaps[None],))
    if flip:
        found = found[::-1] * [-1, 1] + [PHOTO[0] - 1, 0]
    assert_same(found, photo, unit)


def flipped_heatmaps(codec, points):
    """What a perfect network sees in the flipped crop: (1, K, H, W)."""
    flipped = points[::-1] * [-1, 1] + [codec['input_size'][0] - 1, 0]
    encoded = KEYPOINT_CODECS.build(codec).encode(flipped[None].astype(np.float32))
    assert (encoded['keypoint_weights'] == 1).all()  # in or out together with their originals
    return torch.from_numpy(encoded['heatmaps'])[None]


@chains('half_pixel', 'udp')
def test_flip_test(codec):
    points = input_points(codec['input_size'])
    photo, sample, unit = crop(codec, points)
    both = [(sample.gt_fields.heatmaps[None],), (flipped_heatmaps(codec, points),)]
    assert_same(predict(codec, sample, both, flip_test=True, shift_heatmap=False), photo, unit)

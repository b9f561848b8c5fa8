import cv2
import numpy as np
import pytest

from mhhn_landmarks.crop import Crop

PHOTO = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8), (0, 0), 2
)
SQUARE = np.array([23.5, 11.25, 74.5, 62.25, 0.9])


@pytest.mark.parametrize('use_udp', [False, True])
@pytest.mark.parametrize('angle', [0.0, 33.0, -120.0])
def test_a_crop_is_that_of_mmpose(use_udp, angle):
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

    size = (64, 96)
    results = dict(img=PHOTO, bbox=SQUARE[None, :4].astype(np.float32))
    # MMPose's UDP matrix turns the other way round.
    results['bbox_rotation'] = np.array([-angle if use_udp else angle])
    results = TopdownAffine(size, use_udp=use_udp)(GetBBoxCenterScale(padding=1.4)(results))
    crop = Crop.about(np.r_[SQUARE, angle], size, 1.4)
    pixels = crop.cut(PHOTO, np.array(size) - use_udp)
    assert pixels.shape == results['img'].shape == (96, 64, 3)
    difference = np.abs(pixels.astype(int) - results['img'].astype(int))
    assert difference.max() <= 2 and difference.mean() < 0.02
    np.testing.assert_allclose(crop.extent, results['input_scale'], rtol=1e-6)

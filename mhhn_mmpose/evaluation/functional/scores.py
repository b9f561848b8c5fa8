"""The formulas of face alignment's scores, in numpy.

N images, K landmarks, points are (x, y) in photo pixels; errors are in percent of a normaliser,
which is a length in photo pixels, one per image.
"""

from collections.abc import Sequence

import numpy as np

LandmarkGroup = int | Sequence[int]
"""One landmark, or several that stand for their mean."""

_68_POINTS: dict[str, tuple[LandmarkGroup, LandmarkGroup]] = {
    'inter_ocular': (36, 45),
    'inter_pupil': (range(36, 42), range(42, 48)),
}
LANDMARK_NORMALIZERS: dict[str, dict[str, tuple[LandmarkGroup, LandmarkGroup]]] = {
    '300w': _68_POINTS,
    '300wlp': _68_POINTS,
    'coco_wholebody_face': _68_POINTS,
    'cofw68': _68_POINTS,
    'cofw': {'inter_ocular': (8, 9), 'inter_pupil': (16, 17)},
    'wflw': {'inter_ocular': (60, 72), 'inter_pupil': (96, 97)},
    'lapa': {'inter_ocular': (66, 79)},
}
"""Between which landmarks a normaliser is measured, by MMPose's dataset name.

`inter_ocular` is between the outer eye corners. `inter_pupil` is between the pupils or, with the 68
points of 300W, which has none, between the means of each eye's six points.
"""


def landmark_errors(
    distances: np.ndarray, visible: np.ndarray, normalizer: np.ndarray
) -> np.ndarray:
    """Return every landmark's error (N, K) in percent, NaN where `visible`, bool (N, K), is False.

    >>> landmark_errors(np.array([[3.0, 4.0]]), np.array([[True, False]]), np.array([60.0]))
    array([[ 5., nan]])
    """
    return np.where(visible, 100.0 * distances / normalizer[:, None], np.nan)


def mean_where_finite(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean along `axis` without NaNs; NaN, silently, where there is nothing else.

    >>> mean_where_finite(np.array([[1.0, 3.0, np.nan]]), axis=1)
    array([2.])
    """
    finite = np.isfinite(values)
    count = finite.sum(axis=axis)
    total = np.where(finite, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def normalized_mean_error(
    predictions: np.ndarray,
    points: np.ndarray,
    visible: np.ndarray,
    normalizer: np.ndarray,
) -> np.ndarray:
    """Return each image's NME: the mean over its visible landmarks of distance / normaliser.

    Args:
        predictions: Predicted landmarks (N, K, 2).
        points: True landmarks (N, K, 2).
        visible: Which landmarks count, bool (N, K).
        normalizer: Lengths (N,).

    Returns:
        Errors (N,), percent; NaN for an image without a visible landmark.

    >>> points = np.array([[[30.0, 40.0], [60.0, 80.0]]])
    >>> normalized_mean_error(points + [3, 4], points, np.ones((1, 2), bool), np.array([50.0]))
    array([10.])
    """
    distances = np.linalg.norm(predictions - points, axis=-1)
    return mean_where_finite(landmark_errors(distances, visible, normalizer), axis=1)


def failure_rate(errors: np.ndarray, threshold: float) -> float:
    """Return the percentage of images whose error (percent, (N,)) is above the threshold.

    >>> failure_rate(np.array([2.0, 4.0, 11.0, 6.0]), threshold=10)
    25.0
    """
    return float(100.0 * np.mean(np.asarray(errors) > threshold))


def area_under_ced(errors: np.ndarray, threshold: float) -> float:
    """Return the area under the cumulative error distribution up to the threshold, over it.

    The CED of errors (N,) is a step function, so its integral has a closed form, without bins:
    1/t int_0^t mean_i [e_i <= x] dx = mean_i max(0, 1 - e_i / t), between 0 and 1.

    >>> area_under_ced(np.array([0.0, 5.0, 12.0]), threshold=10)
    0.5
    """
    return float(np.mean(np.maximum(0.0, 1.0 - np.asarray(errors) / threshold)))


def summarize(errors: np.ndarray, threshold: float) -> dict[str, float]:
    """Return the scores of images with errors (N,), percent; those above the threshold have failed.

    `NME` and `NME_std` (population standard deviation over images) are in percent, `FR` in percent
    of the images, `AUC` in [0, 1].

    >>> summarize(np.array([4.0, 12.0]), threshold=10)
    {'NME': 8.0, 'NME_std': 4.0, 'FR': 50.0, 'AUC': 0.3}
    """
    return dict(
        NME=float(np.mean(errors)),
        NME_std=float(np.std(errors)),
        FR=failure_rate(errors, threshold),
        AUC=area_under_ced(errors, threshold),
    )

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
    """Return every landmark's error, NaN where it is not visible.

    Args:
        distances: Between prediction and truth, (N, K), pixels.
        visible: Which landmarks count, bool (N, K).
        normalizer: Lengths (N,), pixels.

    Returns:
        Errors (N, K), percent.
    """
    return np.where(visible, 100.0 * distances / normalizer[:, None], np.nan)


def mean_where_finite(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean along `axis` without NaNs; NaN, silently, where there is nothing else."""
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
        predictions: Predicted landmarks (N, K, 2), pixels.
        points: True landmarks (N, K, 2), pixels.
        visible: Which landmarks count, bool (N, K).
        normalizer: Lengths (N,), pixels.

    Returns:
        Errors (N,), percent; NaN for an image without a visible landmark.
    """
    distances = np.linalg.norm(predictions - points, axis=-1)
    return mean_where_finite(landmark_errors(distances, visible, normalizer), axis=1)


def failure_rate(errors: np.ndarray, threshold: float) -> float:
    """Return the percentage of images whose error (percent, (N,)) is above the threshold."""
    return float(100.0 * np.mean(np.asarray(errors) > threshold))


def area_under_ced(errors: np.ndarray, threshold: float) -> float:
    """Return the area under the cumulative error distribution up to the threshold, over it.

    The CED is a step function, so its integral from 0 to t has a closed form, without bins:
    1/t int_0^t mean_i [e_i <= x] dx = mean_i max(0, 1 - e_i / t).

    Args:
        errors: One per image, (N,), percent.
        threshold: t, percent.

    Returns:
        A fraction in [0, 1]: 1 if every error is 0, 0 if all are at or above the threshold.
    """
    return float(np.mean(np.maximum(0.0, 1.0 - np.asarray(errors) / threshold)))


def summarize(errors: np.ndarray, threshold: float) -> dict[str, float]:
    """Return the scores of a set of images.

    Args:
        errors: One per image, (N,), percent.
        threshold: Above it an image has failed, percent.

    Returns:
        `NME` and `NME_std` (population standard deviation over images) in percent, `FR` in
        percent of the images, `AUC` in [0, 1].
    """
    return dict(
        NME=float(np.mean(errors)),
        NME_std=float(np.std(errors)),
        FR=failure_rate(errors, threshold),
        AUC=area_under_ced(errors, threshold),
    )

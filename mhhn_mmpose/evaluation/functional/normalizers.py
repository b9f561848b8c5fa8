"""From the names in a config to a length per face, with every way to get it wrong refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .scores import LANDMARK_NORMALIZERS, LandmarkGroup

GENERAL_RULES = ('landmark_box', 'box', 'box_diagonal', 'face_size')  # whatever the dataset


@dataclass(frozen=True)
class Normalizer:
    """A named rule; `landmarks` are its two ends, or None for a rule on the box or face size.

    >>> Normalizer('eyes', (0, 1))(np.array([[30.0, 40.0], [60.0, 80.0]]), None, None)
    50.0
    """

    name: str
    landmarks: tuple[LandmarkGroup, LandmarkGroup] | None = None

    def __call__(self, points: np.ndarray, box: np.ndarray | None, face_size: Any) -> float:
        """Return the length in pixels.

        Args:
            points: True landmarks (K, 2), pixels; NaN where there is none.
            box: True box `(x1, y1, x2, y2)`, pixels.
            face_size: AFLW's `box_size`, pixels.

        Raises:
            ValueError: If what the rule needs is missing, or the length is not positive.
        """
        if self.landmarks is not None:
            length = self._between_landmarks(points, *self.landmarks)
        elif self.name == 'face_size':
            if face_size is None:
                raise ValueError(
                    "face_size needs 'box_size' in the annotation: pass ann_file=<the annotation"
                    ' file> that has it, or use another normaliser'
                )
            length = face_size
        else:
            if self.name == 'landmark_box':
                box = np.concatenate([np.nanmin(points, axis=0), np.nanmax(points, axis=0)])
            if box is None:
                raise ValueError(f'{self.name} needs gt_instances.bboxes, which is missing')
            width, height = box[2:] - box[:2]
            diagonal = self.name == 'box_diagonal'
            length = np.hypot(width, height) if diagonal else np.sqrt(width * height)
        if not (np.isfinite(length) and length > 0):
            raise ValueError(f'{self.name} is {length:g} px, so no error can be divided by it')
        return float(length)

    def _between_landmarks(self, points: np.ndarray, *ends: LandmarkGroup) -> float:
        """Return the distance between two landmarks or means of landmarks."""
        first, second = (np.atleast_1d(end) for end in ends)
        if (last := max(first.max(), second.max())) >= len(points):
            raise ValueError(f'{self.name} needs landmark {last}, there are {len(points)}')
        needed = np.union1d(first, second)
        if missing := needed[~np.isfinite(points[needed]).all(axis=1)].tolist():
            raise ValueError(
                f'{self.name} needs landmarks {missing}, which this face does not have;'
                ' use another normaliser'
            )
        apart = points[first].mean(axis=0) - points[second].mean(axis=0)
        return np.linalg.norm(apart, axis=-1)


def resolve(rule: str | Mapping[str, Any], dataset_name: str) -> Normalizer:
    """Turn one entry of `normalizers` into a rule.

    Args:
        rule: A name or `dict(name=..., keypoint_indices=[i, j])`, see `FaceAlignmentMetric`; i
            and j are landmarks or lists of landmarks that stand for their mean.
        dataset_name: MMPose's name of the dataset, such as `'300w'`.

    Raises:
        ValueError: If there is no such rule for the dataset.

    >>> resolve('inter_ocular', '300w')
    Normalizer(name='inter_ocular', landmarks=(36, 45))
    """
    if isinstance(rule, Mapping):
        return Normalizer(rule['name'], tuple(rule['keypoint_indices']))
    if rule in GENERAL_RULES:
        return Normalizer(rule)
    known = LANDMARK_NORMALIZERS.get(dataset_name, {})
    if rule not in known:
        names = ', '.join([*known, *GENERAL_RULES])
        raise ValueError(
            f'no normaliser {rule!r} for dataset {dataset_name!r}, which has {names};'
            f' or say dict(name={rule!r}, keypoint_indices=[i, j])'
        )
    return Normalizer(rule, known[rule])


def check_rules(rules: Sequence[str | Mapping[str, Any]]) -> None:
    """Refuse what is wrong whatever the dataset: no rule, a malformed one, a name used twice.

    >>> check_rules(['box', 'box'])
    Traceback (most recent call last):
    ValueError: normalizers must have different names, got ['box', 'box']
    """
    if isinstance(rules, str | Mapping) or not rules:
        raise ValueError(f"normalizers must be a list such as ['inter_ocular'], got {rules!r}")
    names = []
    for rule in rules:
        if isinstance(rule, Mapping):
            ends = rule.get('keypoint_indices', ())
            if set(rule) != {'name', 'keypoint_indices'} or len(ends) != 2:
                raise ValueError(
                    'a normaliser of your own is dict(name=..., keypoint_indices=[i, j]),'
                    f' got {rule}'
                )
        names.append(rule['name'] if isinstance(rule, Mapping) else rule)
    if len(set(names)) != len(names):
        raise ValueError(f'normalizers must have different names, got {names}')

"""Which landmarks of one scheme are those of another, for MMPose's `KeypointConverter`.

Each mapping is a list of (source, target), where a source of two landmarks stands for their mean.
A target that is left out has visibility 0, thus weight 0: it takes part in neither loss nor score.

    from mhhn_mmpose.datasets.landmark_mappings import WFLW_TO_300W
    pipeline = [dict(type='KeypointConverter', num_keypoints=68, mapping=WFLW_TO_300W)]

Use it in a dataset of a `CombinedDataset`, even of a single one: that replaces the source's
`flip_indices`, name and colours by the target's; `KeypointConverter` alone does not.
"""

from __future__ import annotations

Mapping = list[tuple[int | tuple[int, int], int]]


def _shifted(start: int, count: int, target: int) -> Mapping:
    return [(start + k, target + k) for k in range(count)]


WFLW_TO_300W: Mapping = [
    *((2 * k, k) for k in range(17)),  # jaw, every other point
    *_shifted(33, 5, 17), *_shifted(42, 5, 22),  # upper edges of the brows
    *_shifted(51, 9, 27),  # nose
    # Lids: WFLW has points at the quarters, 300W at the thirds. Means of neighbours lie at 3/8 and
    # 5/8, half as far off as the neighbours that lists in the field take (61 for 37 and so on).
    (60, 36), ((61, 62), 37), ((62, 63), 38), (64, 39), ((65, 66), 40), ((66, 67), 41),
    (68, 42), ((69, 70), 43), ((70, 71), 44), (72, 45), ((73, 74), 46), ((74, 75), 47),
    *_shifted(76, 20, 48),  # mouth
]  # fmt: skip
"""All 68 of 300W."""

FACE_300W_TO_WFLW: Mapping = [
    *((k, 2 * k) for k in range(17)),
    *_shifted(17, 5, 33), *_shifted(22, 5, 42),
    *_shifted(27, 9, 51),
    (36, 60), ((37, 38), 62), (39, 64), ((40, 41), 66),
    (42, 68), ((43, 44), 70), (45, 72), ((46, 47), 74),
    *_shifted(48, 20, 76),
]  # fmt: skip
"""64 of WFLW's 98: no lower edges of brows, no quarters of lids, no pupils, half the jaw."""

COFW_TO_300W: Mapping = [
    (0, 17), (4, 19), (2, 21), (3, 22), (6, 24), (1, 26),  # brows: ends, middle of the upper edge
    (20, 30), (18, 31), (21, 33), (19, 35),  # nose
    (8, 36), (10, 39), (11, 42), (9, 45),  # eyes: corners
    (22, 48), (24, 51), (23, 54), (27, 57), (25, 62), (26, 66),  # mouth
    (28, 8),  # chin
]  # fmt: skip
"""21 of 300W's 68."""

COFW_TO_WFLW: Mapping = [
    (0, 33), (4, 35), (2, 37), (5, 40), (3, 42), (6, 44), (1, 46), (7, 48),
    (20, 54), (18, 55), (21, 57), (19, 59),
    (8, 60), (12, 62), (10, 64), (13, 66), (11, 68), (14, 70), (9, 72), (15, 74),
    (22, 76), (24, 79), (23, 82), (27, 85), (25, 90), (26, 94),
    (16, 96), (17, 97),
    (28, 16),
]  # fmt: skip
"""29 of WFLW's 98: all that COFW has."""

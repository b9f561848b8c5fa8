"""Published scores, each with its source, under `FaceAlignmentMetric`'s own keys.

NME, its standard deviation and FR in percent, AUC in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Where numbers come from; ``note`` says how far that was checked."""

    name: str
    reference: str
    note: str = ''


@dataclass(frozen=True)
class PublishedRow:
    """One method's scores on one dataset."""

    label: str
    dataset: str
    source: Source
    scores: dict[str, float]


MHHN = Source(
    'Wan et al. 2021',
    'Wan, Lai, Liu, Zhou, Gao: Robust Face Alignment by Multi-Order High-Precision Hourglass'
    ' Network. IEEE TIP 30, 121-133, 2021; arXiv 2010.08722',
    "numbers from this project's notes, not checked against the paper; for COFW the inter-pupil"
    ' distance is assumed: the size of the errors speaks for it',
)
D_VIT = Source(
    'Dang et al. 2025',
    'Dang, Li, Liu: Cascaded Dual Vision Transformer for Accurate Facial Landmark Detection'
    ' (D-ViT). WACV 2025; arXiv 2411.07167',
    'numbers as sotaverified.org lists them',
)
STAR = Source(
    'Zhou et al. 2023',
    'Zhou, Li, Liu, Wang, Yu, Ji: STAR Loss: Reducing Semantic Ambiguity in Facial Landmark'
    ' Detection. CVPR 2023; arXiv 2306.02763',
    'numbers as Papers with Code lists them',
)
FIFA = Source(
    'Kar et al. 2024',
    'Kar, Chudasama, Onoe, Wasnik, Balasubramanian: Fiducial Focus Augmentation for Facial Landmark'
    ' Detection (FiFA). arXiv 2402.15044',
    "the number is from this project's notes, not checked against the paper",
)
MMPOSE = Source(
    'MMPose 1.3.2',
    'OpenMMLab, MMPose 1.3.2, model zoo, configs/face_2d_keypoint/topdown_heatmap',
    "its NME averages over the landmarks of all images at once; AFLW's full set is 1.35 in its"
    ' table, 1.34 in its metafile',
)


def _nme(normalizer: str, **subsets: float | tuple[float, float]) -> dict[str, float]:
    """Return keys for ``subset=NME`` or ``subset=(NME, standard deviation)``."""
    scores = {}
    for subset, value in subsets.items():
        nme, *std = value if isinstance(value, tuple) else (value,)
        scores[f'{subset}/{normalizer}/NME'] = nme
        if std:
            scores[f'{subset}/{normalizer}/NME_std'] = std[0]
    return scores


def _cofw(error: float, failures: float) -> dict[str, float]:
    return _nme('inter_pupil', full=error) | {'full/inter_pupil/FR': failures}


def _wflw(*values: float) -> dict[str, float]:
    names = ('full', 'pose', 'expression', 'illumination', 'makeup', 'occlusion', 'blur')
    return _nme('inter_ocular', **dict(zip(names, values, strict=True)))


def _300w(common: tuple, challenge: tuple, full: tuple) -> dict[str, float]:
    return _nme('inter_pupil', common=common, challenge=challenge, full=full)


def _challenge(error: float) -> dict[str, float]:
    return _nme('inter_pupil', challenge=error)


PAPER: dict[tuple[str, str], dict[str, float]] = {
    ('hgs', '300w'): _300w((4.43, 2.24), (7.56, 3.68), (5.04, 2.96)),
    ('hgs-hsr', '300w'): _300w((3.69, 1.10), (6.72, 2.13), (4.28, 2.22)),
    ('hgs-mcg', '300w'): _300w((3.54, 0.97), (6.51, 1.46), (4.12, 1.77)),
    ('mhhn', '300w'): _300w((3.18, 0.61), (6.01, 0.87), (3.74, 0.74)),
    ('hgs', 'cofw'): _cofw(6.21, 5.52),
    ('hgs-hsr', 'cofw'): _cofw(5.62, 3.75),
    ('hgs-mcg', 'cofw'): _cofw(5.31, 3.16),
    ('mhhn', 'cofw'): _cofw(4.95, 1.78),
    ('hgs', 'aflw'): _nme('face_size', full=2.47, frontal=1.92),
    ('hgs-hsr', 'aflw'): _nme('face_size', full=1.76, frontal=1.48),
    ('hgs-mcg', 'aflw'): _nme('face_size', full=1.59, frontal=1.31),
    ('mhhn', 'aflw'): _nme('face_size', full=1.38, frontal=1.19),
    ('hgs', 'wflw'): _wflw(6.67, 14.51, 7.23, 6.17, 6.09, 7.76, 7.71),
    ('hgs-hsr', 'wflw'): _wflw(5.47, 10.34, 5.45, 5.28, 5.09, 6.71, 6.28),
    ('hgs-mcg', 'wflw'): _wflw(5.21, 10.09, 5.27, 4.93, 4.78, 6.39, 6.03),
    ('mhhn', 'wflw'): _wflw(4.77, 9.31, 4.79, 4.72, 4.59, 6.17, 5.82),
    ('hgs-mse-sdt', '300w'): _challenge(7.31),
    ('hgs-kldl-sdt', '300w'): _challenge(7.02),
    ('hgs-jsdl-sdt', '300w'): _challenge(6.83),
    ('hgs-sdl1-sdt', '300w'): _challenge(6.77),
    ('hgs-hsr-sigma4', '300w'): _challenge(6.90),
    ('hgs-hsr-sigma5', '300w'): _challenge(7.17),
    ('mhhn-lambda2', '300w'): _challenge(7.01),
    ('mhhn-lambda4', '300w'): _challenge(6.47),
    ('mhhn-lambda8', '300w'): _challenge(6.21),
    ('mhhn-lambda32', '300w'): _challenge(6.13),
    ('mhhn-patch15', '300w'): _challenge(5.98),
    ('mhhn-map32', '300w'): _challenge(6.07),
    ('mhhn-last', '300w'): _challenge(6.13),
}
"""The MHHN paper's own rows, by model and dataset as in the configs' names."""

FIELD: tuple[PublishedRow, ...] = (
    PublishedRow('D-ViT', '300w', D_VIT, _nme('inter_ocular', full=2.85)),
    PublishedRow(
        'STAR',
        '300w',
        STAR,
        _nme('inter_ocular', common=2.52, challenge=4.32, full=2.87)
        | _nme('inter_pupil', common=3.50, challenge=6.22, full=4.03),
    ),
    PublishedRow(
        'HRNetV2-W18', '300w', MMPOSE, _nme('inter_ocular', common=2.92, challenge=5.64, full=3.45)
    ),
    PublishedRow('FiFA', 'cofw', FIFA, _nme('inter_ocular', full=2.96)),
    PublishedRow(
        'STAR', 'cofw', STAR, _nme('inter_ocular', full=3.21) | _nme('inter_pupil', full=4.62)
    ),
    PublishedRow('HRNetV2-W18', 'cofw', MMPOSE, _nme('inter_ocular', full=3.48)),
    PublishedRow('HRNetV2-W18, DARK', 'aflw', MMPOSE, _nme('face_size', full=1.35, frontal=1.19)),
    PublishedRow('HRNetV2-W18', 'aflw', MMPOSE, _nme('face_size', full=1.41, frontal=1.27)),
    PublishedRow('D-ViT', 'wflw', D_VIT, _nme('inter_ocular', full=3.75)),
    PublishedRow(
        'HRNetV2-W18, DARK', 'wflw', MMPOSE, _wflw(3.98, 6.98, 4.29, 3.96, 3.89, 4.78, 4.56)
    ),
    PublishedRow(
        'STAR',
        'wflw',
        STAR,
        _nme('inter_ocular', full=4.02)
        | {'full/inter_ocular/FR': 2.32, 'full/inter_ocular/AUC': 0.605},
    ),
    PublishedRow('HRNetV2-W18', 'wflw', MMPOSE, _wflw(4.06, 6.97, 4.33, 3.99, 3.94, 4.83, 4.58)),
)
"""What the field has reached, by dataset, the best first."""

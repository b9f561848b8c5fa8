"""The tables: which configs are their rows, which scores their columns.

A row is known by two parts of its config's name, ``td-hm_MODEL_8xb4-200e_DATASET-256x256.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEM = re.compile(
    r'td-hm_(?P<model>[^_]+?)(?P<tiny>-tiny)?_(?P<processes>\d+)xb(?P<batch>\d+)-(?P<epochs>\d+)e'
    r'_(?P<dataset>[^_-]+)-(?P<size>\d+)x\d+(?:_(?P<test>[^_]+))?'
)


@dataclass(frozen=True)
class Stem:
    """What a config's name says.

    Attributes:
        model: Such as ``'hgs-hsr'``.
        tiny: Whether it is a shrunken form.
        processes: How many the batch is for.
        batch: Images per process.
        epochs: Of training.
        trained_on: A dataset, such as ``'300w'``.
        dataset: What it is tested on, which may be another.
    """

    model: str
    tiny: bool
    processes: int
    batch: int
    epochs: int
    trained_on: str
    dataset: str

    @property
    def key(self) -> tuple[str, str]:
        """Model and test dataset: which row this is."""
        return self.model, self.dataset


def parse_stem(stem: str) -> Stem | None:
    """Read a config's name without its suffix; None if it is of another form."""
    found = _STEM.fullmatch(stem)
    if found is None:
        return None
    return Stem(
        found['model'],
        found['tiny'] is not None,
        int(found['processes']),
        int(found['batch']),
        int(found['epochs']),
        found['dataset'],
        found['test'] or found['dataset'],
    )


@dataclass(frozen=True)
class Block:
    """One Markdown table: a dataset and a normaliser, which never share columns with others.

    Attributes:
        dataset: As in the configs' names.
        normalizer: As in the metric's keys.
        subsets: In the columns' order.
        rows: Label by model, in the rows' order.
        whole: The subset that FR and AUC are shown for, too.
        field: Whether the field's rows follow.
    """

    dataset: str
    normalizer: str
    subsets: tuple[str, ...]
    rows: dict[str, str]
    whole: str = 'full'
    field: bool = True


@dataclass(frozen=True)
class Table:
    """Blocks with a title and what has to be said below them."""

    title: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()

    @property
    def keys(self) -> list[tuple[str, str]]:
        """The rows, each once."""
        return list(dict.fromkeys((model, b.dataset) for b in self.blocks for model in b.rows))


MODELS = {'hgs': 'HGs', 'hgs-hsr': 'HGs+HSR', 'hgs-mcg': 'HGs+MCG', 'mhhn': 'MHHN'}
_HRNET = {
    'hrnetv2-w18-msra': 'HRNetV2-W18',
    'hrnetv2-w18-dark': 'HRNetV2-W18, DARK',
    'hrnetv2-w18-sdt-sdl': 'HRNetV2-W18, SDT+SDL',
}
_SUBSETS = {
    '300w': ('common', 'challenge', 'full'),
    'cofw': ('full', 'visible_landmarks', 'occluded_landmarks'),
    'aflw': ('full', 'frontal'),
    'wflw': ('full', 'pose', 'expression', 'illumination', 'makeup', 'occlusion', 'blur'),
    'cofw68': ('full',),
}
DATASETS = {'300w': '300W', 'cofw': 'COFW', 'aflw': 'AFLW-19', 'wflw': 'WFLW', 'cofw68': 'COFW-68'}
NORMALIZERS = {
    'inter_ocular': 'inter-ocular distance',
    'inter_pupil': 'inter-pupil distance',
    'face_size': 'face size (the side of the face box)',
    'box_diagonal': 'diagonal of the face box',
    'landmark_box': 'size of the landmark box, sqrt(w h)',
}
OFFICIAL_TEST = {
    '300w': dict(full=689, common=554, challenge=135),
    'cofw': dict(full=507),
    'aflw': dict(full=4386, frontal=1314),
    'wflw': dict(
        full=2500, pose=326, expression=314, illumination=698, makeup=206, occlusion=736, blur=773
    ),
    'cofw68': dict(full=507),
}
OFFICIAL_TRAIN = {'300w': 3148, 'cofw': 1345, 'aflw': 20000, 'wflw': 7500}


def threshold_of(dataset: str) -> float:
    """Return above which error a face has failed, percent."""
    return 7.0 if dataset == 'cofw68' else 10.0


def _table(dataset: str, *normalizers: str, notes: tuple[str, ...] = ()) -> Table:
    blocks = (Block(dataset, name, _SUBSETS[dataset], MODELS) for name in normalizers)
    return Table(DATASETS[dataset], tuple(blocks), notes)


def _ablation(title: str, rows: dict[str, str], *notes: str) -> Table:
    """300W's Challenge set by the paper's normaliser, which is all that the paper gives."""
    block = Block('300w', 'inter_pupil', ('challenge',), rows, 'challenge', field=False)
    return Table(f'{title} (300W)', (block,), notes)


TABLES: dict[str, Table] = {
    '300w': _table('300w', 'inter_pupil', 'inter_ocular'),
    'cofw': _table(
        'cofw',
        'inter_pupil',
        'inter_ocular',
        notes=(
            'Visible and occluded: the same faces, those landmarks alone.',
            "That the paper's errors are divided by the inter-pupil distance is assumed.",
        ),
    ),
    'aflw': _table(
        'aflw',
        'face_size',
        'box_diagonal',
        notes=(
            "The paper's frontal set has 1165 faces; faces with all 19 landmarks visible are 1314.",
        ),
    ),
    'wflw': _table('wflw', 'inter_ocular'),
    'cofw68': _table(
        'cofw68',
        'landmark_box',
        'inter_ocular',
        notes=('Trained on 300W, tested on the 507 re-annotated test faces of COFW.',),
    ),
    'losses': _ablation(
        'Losses',
        {
            'hgs': 'MSE',
            'hgs-mse-sdt': 'MSE+SDT',
            'hgs-kldl-sdt': 'KLDL+SDT',
            'hgs-jsdl-sdt': 'JSDL+SDT',
            'hgs-sdl1-sdt': 'SDL1+SDT',
            'hgs-hsr': 'SDL+SDT',
        },
    ),
    'sigma': _ablation(
        'Sigma of the heatmaps',
        {
            'hgs-hsr-sigma2': 'sigma 2',
            'hgs-hsr': 'sigma 3',
            'hgs-hsr-sigma4': 'sigma 4',
            'hgs-hsr-sigma5': 'sigma 5',
        },
        'In the paper sigma 2 did not converge.',
    ),
    'lambda': _ablation(
        'Lambda, the weight of the fine detection loss',
        {
            'mhhn-lambda2': 'lambda 1/2',
            'mhhn-lambda4': 'lambda 1/4',
            'mhhn-lambda8': 'lambda 1/8',
            'mhhn': 'lambda 1/16',
            'mhhn-lambda32': 'lambda 1/32',
        },
    ),
    'patch': _ablation('Patch of the fit', {'mhhn': '9x9', 'mhhn-patch15': '15x15'}),
    'maps': _ablation('Size of the heatmaps', {'mhhn': '64x64', 'mhhn-map32': '32x32'}),
    'attention': _ablation(
        'Where the attention is',
        {
            'hgs-hsr': 'no stack',
            'mhhn-last': 'last stack',
            'mhhn': 'every stack',
            'mhhn-pool2': 'every stack, to means of 2x2',
            'mhhn-channels64': 'every stack, 64 channels compared',
        },
        'A tiny model has one stack: its last stack is every stack. The last two are not the'
        " paper's.",
    ),
    'hrnet': Table(
        'HRNetV2-W18, trained like our models',
        tuple(
            Block(dataset, name, _SUBSETS[dataset], _HRNET)
            for dataset, name in (
                ('300w', 'inter_ocular'),
                ('cofw', 'inter_ocular'),
                ('aflw', 'face_size'),
                ('wflw', 'inter_ocular'),
            )
        ),
    ),
}

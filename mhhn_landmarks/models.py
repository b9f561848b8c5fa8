"""The models that ship: a name, and the files behind it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .errors import InputError

WEIGHTS = Path(__file__).parents[1] / 'mhhn_mmpose' / 'weights'  # of the same wheel


class Model(NamedTuple):
    """A model's config, by its name in the package, its weights, and both as one ONNX file.

    >>> MODELS['tiny'].onnx.name
    'tiny.onnx'
    """

    config: str
    checkpoint: Path
    onnx: Path


def _model(name: str, config: str) -> Model:
    return Model(f'mhhn_mmpose::{config}', WEIGHTS / f'{name}.pth', WEIGHTS / f'{name}.onnx')


MODELS = {
    'best': _model('best', '300w/td-hm_hgs-hsr-small_1xb32-100e_300w-256x256.py'),
    'tiny': _model('tiny', '300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py'),
}
DEFAULT = 'best'


def onnx_file(model: str | Path) -> Path:
    """Return the ONNX file of a model's name, or the file that is given.

    Raises:
        InputError: If there is no such file.

    >>> onnx_file('tiny').name
    'tiny.onnx'
    """
    path = MODELS[str(model)].onnx if str(model) in MODELS else Path(model)
    if path.suffix != '.onnx':
        names = ', '.join(MODELS)
        raise InputError(f'{model}: no model of this name; there are {names}, or give FILE.onnx')
    return _existing(path, model)


def config_and_checkpoint(
    model: str | Path, checkpoint: str | Path | None = None
) -> tuple[str, str]:
    """Return a model's config and weights.

    Args:
        model: A name of `MODELS`, or a config: a file, or its name in a package, as
            `mhhn_mmpose::300w/NAME.py`.
        checkpoint: Weights; without them, those that ship or those that tools/train.py wrote to
            `work_dirs/NAME`, the best ones first.

    Raises:
        InputError: If there is no such model, or its weights are missing.

    >>> config, checkpoint = config_and_checkpoint('tiny')
    >>> config, Path(checkpoint).name
    ('mhhn_mmpose::300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py', 'tiny.pth')
    """
    if str(model) in MODELS:
        known = MODELS[str(model)]
        return known.config, str(checkpoint or _existing(known.checkpoint, model))
    if checkpoint:
        return str(model), str(checkpoint)
    name = Path(str(model).rpartition('::')[2]).stem
    shipped = [m.checkpoint for m in MODELS.values() if Path(m.config).stem == name]
    trained = sorted(Path('work_dirs', name).glob('*.pth'), key=lambda file: file.stat().st_mtime)
    best = [file for file in trained if file.name.startswith('best_')]
    found = [file for file in (best or trained)[-1:] + shipped if file.is_file()]
    if not found:
        if '::' not in str(model) and not str(model).endswith('.py'):
            names = ', '.join(MODELS)
            raise InputError(f'{model}: no model of this name; there are {names}, or give a config')
        if '::' not in str(model) and not Path(model).is_file():
            raise InputError(f'{model}: no such config file')
        raise InputError(f'{model}: no weights in work_dirs/{name}; give the CHECKPOINT after it')
    return str(model), str(found[0])


def _existing(path: Path, model: str | Path) -> Path:
    if path.is_file():
        return path
    if str(model) in MODELS:
        raise InputError(
            f"{path}: the weights of '{model}' are not installed; give CONFIG and CHECKPOINT,"
            ' or FILE.onnx'
        )
    raise InputError(f'{path}: no such file')

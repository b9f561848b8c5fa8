"""Arguments that several commands have in common; parsing them imports nothing heavy."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from .models import DEFAULT, MODELS


def new_parser(text: str) -> argparse.ArgumentParser:
    r"""Return a parser whose help shows the text with its own line breaks.

    >>> new_parser('Two\nlines').format_help().splitlines()[2:4]
    ['Two', 'lines']
    """
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_model(
    parser: argparse.ArgumentParser,
    positions: bool = False,
    onnx: bool = False,
    several: bool = False,
) -> None:
    """Add `--model`, the same for all commands: `args.model` is a list of one or two words.

    Args:
        parser: To which it is added.
        positions: Take the words without `--model`, too, as MMPose's tools do.
        onnx: The command takes FILE.onnx, too.
        several: It takes several models: `split_models(args.model)`.

    >>> parser = argparse.ArgumentParser()
    >>> add_model(parser, positions=True)
    >>> for words in ([], ['--model', 'tiny'], ['a.py', 'a.pth']):
    ...     print(parser.parse_args(words).model)
    ['best']
    ['tiny']
    ['a.py', 'a.pth']
    """
    names = '|'.join(MODELS) + (', FILE.onnx,' if onnx else '')
    text = f'{names} or CONFIG [CHECKPOINT]{", ..." * several} (default: {DEFAULT})'
    options: dict = dict(action=_ModelWords, metavar='MODEL', help=text, several=several)
    parser.add_argument('--model', nargs='+', default=[DEFAULT], **options)
    if positions:
        parser.add_argument('model', nargs='*', default=argparse.SUPPRESS, **options)


def split_models(words: Sequence[str]) -> list[list[str]]:
    """Split the words of several models; a `.pth` belongs to the word before it.

    >>> split_models(['tiny', 'a.py', 'a.pth', 'b.py'])
    [['tiny'], ['a.py', 'a.pth'], ['b.py']]
    """
    models: list[list[str]] = []
    for word in words:
        if word.endswith('.pth') and models and len(models[-1]) == 1:
            models[-1].append(word)
        else:
            models.append([word])
    return models


class _ModelWords(argparse.Action):
    """Takes NAME or CONFIG [CHECKPOINT], once, or several of them."""

    def __init__(self, *args, several=False, **options):
        super().__init__(*args, **options)
        self.several = several

    def __call__(self, parser, namespace, values, option_string=None):
        """See `argparse.Action`."""
        if getattr(namespace, self.dest) is not parser.get_default(self.dest):
            parser.error(f'two models, {namespace.model[0]} and {values[0]}; give one of them')
        # Of a name and a checkpoint, the second one may be a photo that belongs before --model.
        named = option_string and values[1:] and values[0] in MODELS
        if not self.several and (len(values) > 2 or named):
            got = f'got {" ".join(values)}; other arguments come before it'
            parser.error(f'--model takes NAME, CONFIG or CONFIG CHECKPOINT, {got}')
        setattr(namespace, self.dest, values)


class _ConfigOptions(argparse.Action):
    """MMEngine's `DictAction`, imported only when it is used; names a word without a value."""

    def __call__(self, parser, namespace, values, option_string=None):
        """See `argparse.Action`."""
        for value in values:
            if '=' not in value:
                parser.error(f'{option_string} {value}: expected key=value')
        try:
            kind = importlib.import_module('mmengine.config').DictAction
        except ImportError:
            try:
                importlib.import_module('mhhn_mmpose')  # its error names the command that installs
            except ImportError as error:
                parser.error(f'{option_string} needs PyTorch: {error}')
            raise
        kind(self.option_strings, self.dest, nargs='+')(parser, namespace, values, option_string)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add `--cfg-options key=value ...`: `args.cfg_options` is a dict, or None.

    >>> parser = argparse.ArgumentParser()
    >>> add_config_options(parser)
    >>> parser.parse_args(['--cfg-options', 'model.backbone.depth=1']).cfg_options
    {'model.backbone.depth': 1}
    """
    parser.add_argument(
        '--cfg-options', nargs='+', action=_ConfigOptions, help='config overrides, key=value'
    )

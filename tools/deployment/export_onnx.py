"""Write a trained model as one ONNX file, from crop to landmarks, SDT inside.

It needs onnx: see docs/deployment.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mhhn_landmarks.arguments import add_config_options, add_model
from mhhn_landmarks.errors import InputError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser, positions=True)
    parser.add_argument('out', help='file to write (.onnx)')
    parser.add_argument('--sdt', action='store_true', help="decode by SDT, not the config's codec")
    parser.add_argument('--no-flip-test', action='store_true', help='half the time, less exact')
    add_config_options(parser)
    args = parser.parse_intermixed_args(argv)
    if not args.out.endswith('.onnx'):  # else a forgotten file would be the config
        parser.error(f'the last argument is the file to write, NAME.onnx, got {args.out}')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, export, report."""
    args = parse_args(argv)
    from deployment.onnx_file import export  # after parsing: it takes seconds

    try:
        print(export(args))
    except (InputError, OSError) as error:
        raise SystemExit(f'export_onnx: {error}') from error


if __name__ == '__main__':
    main()

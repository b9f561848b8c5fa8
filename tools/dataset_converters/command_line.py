"""What the scripts in tools/dataset_converters share: arguments, messages, exit status."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .coco_json import Problems

BOXES = {
    '--boxes': dict(
        choices=('landmarks', 'detector'),
        default='landmarks',
        help="frame a face by its landmarks, as MMPose does, or by the archive's detector box",
    )
}
Convert = Callable[..., tuple[dict[Path, int], Problems]]


def run_converter(
    convert: Convert,
    description: str,
    epilog: str,
    out: str,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Read the command line, convert, report.

    Args:
        convert: Called with SOURCE, OUT and whether to skip bad faces; returns the number of faces
            per file written and what was found wrong.
        description: For ``--help``: where the archive comes from, its licence, its layout.
        epilog: For ``--help``: what is written.
        out: An example of OUT.
        options: Further ones by name, such as ``'--num-train'``, with argparse's arguments; they
            are handed to ``convert`` by keyword.

    Returns:
        The exit status: 0 if files were written, else 1.
    """
    args = vars(_parse_args(description, epilog, out, options or {}))
    written, problems = convert(args.pop('source'), args.pop('out'), **args)
    return report(written, problems, args['skip_bad'])


def report(written: Mapping[Path, int], problems: Problems, skip_bad: bool) -> int:
    """Print what a converter returned; return the exit status."""
    for message in problems.warnings:
        print(f'WARNING {message}', file=sys.stderr)
    for message in problems.errors:
        print(f'ERROR {message}', file=sys.stderr)
    for path, count in written.items():
        print(f'{path}: {count} faces')
    if problems.errors and written:
        print(f'left out: {len(problems.errors)} with errors', file=sys.stderr)
    elif not written:
        hint = '' if skip_bad else '; mend them or use --skip-bad'
        print(f'nothing written: {len(problems.errors)} errors{hint}', file=sys.stderr)
    return 0 if written else 1


def _parse_args(
    description: str, epilog: str, out: str, options: Mapping[str, Mapping[str, Any]]
) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', metavar='SOURCE', help='where the archives were unpacked')
    parser.add_argument('out', metavar='OUT', help=f'data root to write, such as {out}')
    parser.add_argument(
        '--skip-bad',
        action='store_true',
        help='leave faces with errors out; without it any error ends the run, nothing written',
    )
    for name, arguments in options.items():
        parser.add_argument(name, **arguments)
    return parser.parse_args()

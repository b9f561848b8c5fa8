"""What every converter does with its faces: write all files or none, link to the photos, report."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mhhn_landmarks.arguments import new_parser
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.fileio import write_json_files

from .coco_json import Content, Problems

Converted = tuple[dict[Path, int], Problems]
BOXES = {
    '--boxes': dict(
        choices=('landmarks', 'detector'),
        default='landmarks',
        help="frame a face by its landmarks, as MMPose does, or by the archive's detector box",
    )
}


def convert(
    collect: Callable[..., tuple[Mapping[str, Content], Path | None]],
    source: Path,
    out: Path,
    skip_bad: bool = False,
    **options: Any,
) -> Converted:
    """Write `out/annotations/*.json` and the link `out/images`; every `convert_*` is this.

    A file without a face is not written; an older one of that name is kept and noted.

    Args:
        collect: Called with source, out, problems and options; returns the content by the file's
            name, and the photos' folder to link to. It raises `InputError` if the source as a
            whole cannot be used.
        source: Where the archives were unpacked.
        out: MMPose's data root, such as `data/300w`.
        skip_bad: Leave bad faces out; otherwise no annotation file is written if one is bad.
        **options: For `collect`.

    Returns:
        The number of faces per file written, and what was found wrong.
    """
    problems, written, out = Problems(), {}, Path(out)
    try:
        contents, photos = collect(Path(source), out, problems, **options)
        refuse_link(out / 'annotations')
        if problems.errors and not skip_bad:
            return {}, problems
        targets = {out / 'annotations' / f'{name}.json': c for name, c in contents.items()}
        counts = {path: len(content['annotations']) for path, content in targets.items()}
        if not any(counts.values()):
            raise InputError(f'{source}: no usable face is left; nothing written')
        for path, count in counts.items():
            if not count and path.exists():
                note = 'from an earlier run, no face for it here; kept'
                problems.warnings.append(f'{path}: {note}')
        write_json_files({path: content for path, content in targets.items() if counts[path]})
        written = {path: count for path, count in counts.items() if count}
        if photos:
            _link_images(photos, out / 'images', problems)
    except InputError as error:
        problems.errors.append(str(error))
    except OSError as error:  # the disk is full, or the folder is a file or another's
        place = error.filename or out
        problems.errors.append(f'{place}: {error.strerror or error}; run this again once mended')
    return written, problems


def refuse_link(folder: Path) -> None:
    """Raise `InputError` if a folder to write to is a link, as an archive may have brought."""
    if folder.is_symlink():
        raise InputError(f'{folder}: a link to {folder.readlink()}; remove it')


def _link_images(photos: Path, link: Path, problems: Problems) -> None:
    """Make `link` a relative symbolic link to `photos`, or say how to do without."""
    try:
        if not (link.exists() and link.samefile(photos)):
            link.symlink_to(os.path.relpath(photos.resolve(), link.parent.resolve()), True)
    except (OSError, NotImplementedError, ValueError) as error:
        remedy = f"remove it, or point data_prefix=dict(img=...) at '{photos}' in the config"
        problems.warnings.append(f'{link}: cannot be linked to the photos ({error}); {remedy}')


def run_converter(
    convert: Callable[..., Converted],
    description: str,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Read the command line, convert, report; return the exit status: 0 if files were written.

    The description, for `--help`, says where the archive comes from, its licence, its layout, and
    what is written. Options are further ones by name, with argparse's arguments.
    """
    parser = converter_parser(description)
    for name, arguments in (options or {}).items():
        parser.add_argument(name, **arguments)
    args = parser.parse_args()
    return report(*convert(**vars(args)), args.skip_bad)


def converter_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of what every converter's command line has."""
    parser = new_parser(description)
    add = parser.add_argument
    add('source', metavar='SOURCE', type=Path, help='where photos and annotations lie')
    add('out', metavar='OUT', type=Path, help='data root to write, such as data/300w')
    skip = 'leave faces with errors out; without it any error ends the run, nothing written'
    add('--skip-bad', action='store_true', help=skip)
    return parser


def report(written: Mapping[Path, int], problems: Problems, skip_bad: bool) -> int:
    """Print what a converter returned; return the exit status."""
    for kind, messages in (('WARNING', problems.warnings), ('ERROR', problems.errors)):
        for message in messages:
            print(f'{kind} {message}', file=sys.stderr)
    for path, count in written.items():
        print(f'{path}: {count} faces')
    if problems.errors and written:
        print(f'left out: {len(problems.errors)} with errors', file=sys.stderr)
    elif not written:
        hint = '' if skip_bad else '; mend them or use --skip-bad'
        print(f'nothing written: {len(problems.errors)} errors{hint}', file=sys.stderr)
    return 0 if written else 1

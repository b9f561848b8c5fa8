"""The way from an archive's faces to annotation files, the same for every dataset.

A converter lists its archive's entries and says how to read one as a `Face`; `build_splits` looks
at the photos, checks, frames and numbers the faces; `convert` writes all files or none, and
`run_converter` is the command. Landmarks are ``(x, y)`` in photo pixels, 0-based.
"""

import argparse
import os
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np

from mhhn_landmarks.annotations import check_framing, check_points
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.fileio import write_json_files
from mhhn_landmarks.photos import damage_notice

from .coco_json import (
    BadSampleError,
    Problems,
    coco_dict,
    face_annotation,
    landmark_framing,
    photo_size,
    with_progress,
)

Entry = TypeVar('Entry')
Content = dict[str, Any]  # of a COCO-style file
Converted = tuple[dict[Path, int], Problems]
BOXES = {
    '--boxes': dict(
        choices=('landmarks', 'detector'),
        default='landmarks',
        help="frame a face by its landmarks, as MMPose does, or by the archive's detector box",
    )
}


@dataclass(frozen=True)
class Face:
    """One face as an archive describes it.

    Attributes:
        split: The file it goes to, such as ``'train'``.
        file_name: The photo, relative to the folder of photos, with ``/``.
        points: Landmarks (K, 2), 0-based photo pixels.
        where: File and line or index, for messages.
        visible: COCO's flags (K,), see `face_annotation`.
        framing: Instead of the landmark box's. Entries of None drop that of the landmark box.
        extra: Further entries of the annotation.
        number: The annotation's id; by default faces are numbered from 1 in each split.
    """

    split: str
    file_name: str
    points: np.ndarray
    where: str
    visible: np.ndarray | None = None
    framing: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    number: int | None = None


def build_splits(
    entries: Sequence[Entry],
    read: Callable[[Entry], Face],
    photos: Path,
    descriptions: Mapping[str, str],
    problems: Problems,
    label: str,
) -> dict[str, Content]:
    """Read and check every face, writing nothing.

    Args:
        entries: What there is to read.
        read: Makes a `Face` of an entry, or raises `BadSampleError`.
        photos: The folder that every ``file_name`` is relative to.
        descriptions: By split, what its file says of itself.
        problems: Takes up what is found wrong.
        label: For the progress bar.

    Returns:
        COCO-style content per split, in the entries' order.
    """
    splits: dict[str, tuple[dict, list]] = {split: ({}, []) for split in descriptions}
    records: dict[str, dict[str, int]] = {}
    seen: dict[tuple, str] = {}
    for entry in with_progress(entries, label):
        try:
            face = read(entry)
            if face.file_name not in records:
                records[face.file_name] = _photo_record(face, photos, problems)
            photo = records[face.file_name]
            framing = _framing(face, photo['width'], photo['height'], problems)
        except InputError as error:
            problems.errors.append(str(error))
            continue
        same = seen.setdefault((face.split, face.file_name, face.points.tobytes()), face.where)
        if same != face.where:
            problems.warnings.append(f'{face.where}: the same face as {same}; kept')
        images, annotations = splits[face.split]
        number = face.number or len(annotations) + 1
        image = images.setdefault(
            face.file_name, dict(id=number, file_name=face.file_name, **photo)
        )
        annotations.append(
            face_annotation(face.points, framing, number, image['id'], face.visible, **face.extra)
        )
    return {
        split: coco_dict(list(images.values()), annotations, descriptions[split])
        for split, (images, annotations) in splits.items()
    }


def _photo_record(face: Face, photos: Path, problems: Problems) -> dict[str, int]:
    """Return what a file says of a photo; ``crc32`` is how `LoadFaceImage` knows it again."""
    path = photo_path(photos, face.file_name, face.where)
    width, height = photo_size(path)
    if notice := damage_notice(path):
        problems.warnings.append(f'{notice}; kept')
    return dict(width=width, height=height, crc32=zlib.crc32(path.read_bytes()))


def _framing(face: Face, width: int, height: int, problems: Problems) -> dict[str, Any]:
    """Check a face by its visible landmarks and return where it is; see `face_annotation`."""
    visible = np.ones(len(face.points), bool) if face.visible is None else face.visible > 0
    points, framing = face.points[visible], dict(face.framing)
    try:
        if not len(points):
            raise ValueError('no visible landmark')
        if len(points) == 1 and 'bbox' not in framing:
            raise ValueError('one landmark does not say how large the face is; give its box')
        note = check_points(points, width, height, max(framing.get('bbox', [0.0, 0.0])[-2:]))
        framing = landmark_framing(points, width, height) | framing
        framing = {key: value for key, value in framing.items() if value is not None}
        check_framing(framing)
    except ValueError as error:
        raise BadSampleError(face.where, str(error)) from None
    if note:
        problems.warnings.append(f'{face.where}: {note}')
    return framing


def photo_path(photos: Path, file_name: str, where: str | Path) -> Path:
    """Return a photo's path, if its name stays inside the folder and the file is there.

    Raises:
        BadSampleError: If not.
    """
    parts = PurePosixPath(file_name).parts
    climbs = '..' in parts or '\\' in file_name or '\0' in file_name
    if not parts or climbs or file_name.startswith('/') or ':' in parts[0]:
        raise BadSampleError(where, f'{file_name!r} is no name of a photo inside {photos}')
    path = photos.joinpath(*parts)
    try:
        found = path.is_file()
    except OSError as error:  # a name too long for any file
        raise BadSampleError(where, f'{file_name[:40]!r}...: {error.strerror}') from error
    if not found:
        raise BadSampleError(where, f'no photo {path}; unpack it')
    return path


def convert(
    collect: Callable[..., tuple[Mapping[str, Content], Path | None]],
    source: str | Path,
    out: str | Path,
    skip_bad: bool = False,
    **options: Any,
) -> Converted:
    """Write ``out/annotations/*.json`` and the link ``out/images``; every ``convert_*`` is this.

    No annotation file is written if a face is bad, unless ``skip_bad``; then only the bad faces
    are missing.

    Args:
        collect: Called with source, out, problems and options; returns the content by the file's
            name, and the photos' folder to link to. It raises `InputError` if the source as a
            whole cannot be used.
        source: Where the archives were unpacked.
        out: MMPose's data root, such as ``data/300w``.
        skip_bad: Leave bad faces out instead of giving up.
        **options: For ``collect``.

    Returns:
        The number of faces per file written (empty if there was nothing to write or, without
        ``skip_bad``, an error), and what was found wrong.
    """
    source, out, problems, written = Path(source), Path(out), Problems(), {}
    try:
        contents, photos = collect(source, out, problems, **options)
        targets = {out / 'annotations' / f'{name}.json': c for name, c in contents.items()}
        written = write_splits(targets, problems, skip_bad, source)
        if written and photos:
            _link_images(photos, out / 'images', problems)
    except InputError as error:
        problems.errors.append(str(error))
    except OSError as error:  # the disk is full, or the folder is a file or another's
        place = error.filename or out
        problems.errors.append(f'{place}: {error.strerror or error}; run this again once mended')
    return written, problems


def write_splits(
    contents: Mapping[Path, Content], problems: Problems, skip_bad: bool, source: Path
) -> dict[Path, int]:
    """Write the annotation files, or none if a face is bad and ``skip_bad`` is off.

    A split without a face is not written; that an older file of it stays is noted.

    Returns:
        The number of faces per file written; empty if there was nothing to write.
    """
    for folder in {target.parent for target in contents}:
        refuse_link(folder)
    if problems.errors and not skip_bad:
        return {}
    written = {}
    for target, content in contents.items():
        if content['annotations']:
            written[target] = len(content['annotations'])
        elif target.exists():
            problems.warnings.append(f'{target}: from an earlier run, no face for it here; kept')
    if not written:
        raise BadSampleError(source, 'no usable face is left; nothing written')
    write_json_files({target: contents[target] for target in written})
    return written


def refuse_link(folder: Path) -> None:
    """Raise `BadSampleError` if a folder to write to is a link, as an archive may have brought."""
    if folder.is_symlink():
        raise BadSampleError(folder, f'a link to {folder.readlink()}; remove it')


def _link_images(photos: Path, link: Path, problems: Problems) -> None:
    """Make ``link`` a relative symbolic link to ``photos``, or say how to do without."""
    if link.exists() and link.samefile(photos):
        return
    remedy = f"point data_prefix=dict(img=...) at '{photos}' in the config"
    if os.path.lexists(link):
        problems.warnings.append(f'{link}: exists and is not {photos}; remove it, or {remedy}')
        return
    try:
        link.symlink_to(os.path.relpath(photos.resolve(), link.parent.resolve()), True)
    except (OSError, NotImplementedError, ValueError) as error:
        problems.warnings.append(f'{link}: cannot be linked to the photos ({error}); {remedy}')


def run_converter(
    convert: Callable[..., Converted],
    description: str,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Read the command line, convert, report; return the exit status: 0 if files were written.

    Args:
        convert: Called with SOURCE, OUT and, by keyword, the options.
        description: For ``--help``: where the archive comes from, its licence, its layout, and
            what is written.
        options: Further ones by name, such as ``'--num-train'``, with argparse's arguments.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', metavar='SOURCE', help='where the archives were unpacked')
    parser.add_argument('out', metavar='OUT', help='data root to write, such as data/300w')
    parser.add_argument(
        '--skip-bad',
        action='store_true',
        help='leave faces with errors out; without it any error ends the run, nothing written',
    )
    for name, arguments in (options or {}).items():
        parser.add_argument(name, **arguments)
    args = parser.parse_args()
    return report(*convert(**vars(args)), args.skip_bad)


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

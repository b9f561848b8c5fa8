"""The way from an archive's faces to annotation files, the same for every dataset.

A converter lists its archive's entries and says how to `read` one as a `Face`. `build_splits` looks
at the photos, checks, frames and numbers the faces; `write_splits` writes all files or none.
Landmarks are ``(x, y)`` in photo pixels, 0-based.
"""

import os
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
) -> dict[str, dict[str, Any]]:
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
    splits = {split: _Split() for split in descriptions}
    records: dict[str, dict[str, int]] = {}
    for entry in with_progress(entries, label):
        try:
            face = read(entry)
            if face.file_name not in records:
                path = photo_path(photos, face.file_name, face.where)
                width, height = photo_size(path)
                crc32 = zlib.crc32(path.read_bytes())  # by which `LoadFaceImage` knows it again
                records[face.file_name] = dict(width=width, height=height, crc32=crc32)
                if notice := damage_notice(path):
                    problems.warnings.append(f'{notice}; kept')
            splits[face.split].add(face, records[face.file_name], problems)
        except InputError as error:
            problems.errors.append(str(error))
    return {
        split: coco_dict(list(found.images.values()), found.annotations, descriptions[split])
        for split, found in splits.items()
    }


def write_splits(
    contents: Mapping[Path, dict[str, Any]], problems: Problems, skip_bad: bool, source: Path
) -> dict[Path, int]:
    """Write the annotation files, or none if a face is bad and ``skip_bad`` is off.

    A split without a face is not written; that an older file of it stays is noted.

    Returns:
        The number of faces per file written; empty if there was nothing to write.
    """
    for folder in {target.parent for target in contents}:
        if refuse_link(folder, problems):
            return {}
    if problems.errors and not skip_bad:
        return {}
    written = {}
    for target, content in contents.items():
        if content['annotations']:
            written[target] = len(content['annotations'])
        elif target.exists():
            problems.warnings.append(f'{target}: from an earlier run, no face for it here; kept')
    if not written:
        problems.errors.append(f'{source}: no usable face is left; nothing written')
        return {}
    try:
        write_json_files({target: contents[target] for target in written})
    except OSError as error:  # the disk is full, or the folder is a file or another's
        place = error.filename or next(iter(written)).parent
        problems.errors.append(f'{place}: {error.strerror or error}; run this again once mended')
        return {}
    return written


def refuse_link(folder: Path, problems: Problems) -> bool:
    """Return, and note, whether a folder to write to is a link, as an archive may have brought."""
    if folder.is_symlink():
        problems.errors.append(f'{folder}: a link to {folder.readlink()}; remove it')
    return folder.is_symlink()


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


def link_images(photos: Path, link: Path, problems: Problems) -> None:
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


@dataclass
class _Split:
    """What has been collected for one file."""

    images: dict[str, dict] = field(default_factory=dict)
    annotations: list[dict] = field(default_factory=list)
    seen: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def add(self, face: Face, photo: Mapping[str, int], problems: Problems) -> None:
        """Frame and number one face; ``photo`` has at least width and height."""
        number = face.number or len(self.annotations) + 1
        framing = _framing(face, photo['width'], photo['height'], problems)
        same = self.seen.setdefault((face.file_name, face.points.tobytes()), face.where)
        if same != face.where:
            problems.warnings.append(f'{face.where}: the same face as {same}; kept')
        image = self.images.setdefault(
            face.file_name, dict(id=number, file_name=face.file_name, **photo)
        )
        self.annotations.append(
            face_annotation(face.points, framing, number, image['id'], face.visible, **face.extra)
        )


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

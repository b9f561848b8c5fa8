"""Names and flip pairs of one's own landmarks: from the user, the source or a known set."""

import argparse
import importlib.util
import re
import runpy
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.fileio import write_bytes

from .own_formats import FoundFace

KNOWN = ('300w', 'wflw', 'cofw', 'aflw')  # whose names and pairs MMPose has
LANDMARKS_300W = 68
SIDES = dict(left='right', l='r', links='rechts', gauche='droite')
MIRRORED = SIDES | {right: left for left, right in SIDES.items()}
LOPSIDED = 0.4  # of the mean face's RMS size; drawn and real faces stay below 0.25
SELDOM = 0.1  # of the faces

METAINFO = """\
# Landmarks in the order of the annotations; `swap` takes this one's place in a mirrored photo.
dataset_info = dict(
    dataset_name={name!r},
    paper_info=dict(),
    keypoint_info={{
{points}
    }},
    skeleton_info={{}},
    joint_weights=[1.0] * {count},
    sigmas=[0.025] * {count})
"""
POINT = "        {k}: dict(name={name!r}, id={k}, color=[255, 0, 0], type='', swap={swap!r}),"


def names_and_swaps(
    names: Sequence[str] | None, count: int, args: argparse.Namespace
) -> tuple[list[str], list[int], list[str]]:
    """Return the landmarks' names, which takes each one's place in a mirrored photo, and notes.

    The names are the source's, if it has such, and count is how many there must be.
    """
    known, notes = args.metainfo, []
    if count == LANDMARKS_300W and not (known or names or args.names or args.flip_pairs):
        known = '300w'
        notes = [f'{args.source}: 68 landmarks without names are taken for those of 300W']
    if known:
        names, swaps = known_landmarks(known)
    else:
        names = list(map(str, args.names or names or range(count)))
    if len(names) != count or len(set(names)) != count:
        raise InputError(f'{count} landmarks, but {len(set(names))} names: {", ".join(names)}')
    return names, swaps if known else find_swaps(names, args.flip_pairs), notes


def known_landmarks(name: str) -> tuple[list[str], list[int]]:
    """Return names and swaps of one of the `KNOWN` sets, from MMPose's file of it."""
    spec = importlib.util.find_spec('mmpose')  # importing it takes seconds
    if spec is None:
        raise InputError('--metainfo reads the file of MMPose, which is not installed')
    folder = Path(spec.submodule_search_locations[0]) / '.mim/configs/_base_/datasets'
    points = runpy.run_path(str(folder / f'{name}.py'))['dataset_info']['keypoint_info']
    names = [points[k]['name'] for k in range(len(points))]
    return names, [names.index(points[k]['swap'] or names[k]) for k in range(len(points))]


def find_swaps(names: Sequence[str], pairs: Sequence[str] | None) -> list[int]:
    """Return of each landmark the one that takes its place in a mirrored photo.

    Raises:
        InputError: If the pairs make no sense, or there are none and names tell none.

    >>> find_swaps(['eye_left', 'eye_right', 'nose'], None)
    [1, 0, 2]
    """
    unmoved = list(range(len(names)))
    if len(names) == 1 or pairs == ['none']:
        return unmoved
    if pairs is None:
        lower = [name.lower() for name in names]
        words = [re.split(r'([^a-z]+)', name) for name in lower]
        others = [''.join(MIRRORED.get(word, word) for word in parts) for parts in words]
        swaps = [lower.index(o) if o in lower else k for k, o in enumerate(others)]
        if swaps == unmoved:
            raise InputError(
                f'which landmarks change places in a mirrored photo? Say --flip-pairs'
                f' A:B C:D ..., or --metainfo; the landmarks are {", ".join(names)}'
            )
        return swaps
    swaps = unmoved.copy()
    for pair in pairs:
        first, second = (find_landmark(part, names) for part in (pair.split(':') + [''])[:2])
        if first == second or (swaps[first], swaps[second]) != (first, second):
            raise InputError(f'--flip-pairs {pair}: a landmark is in one pair of two')
        swaps[first], swaps[second] = second, first
    return swaps


def find_landmark(text: str, names: Sequence[str]) -> int:
    """Return a landmark's index from its name or number."""
    if text in names:
        return list(names).index(text)
    if text.isdigit() and int(text) < len(names):
        return int(text)
    raise InputError(f'no landmark {text!r}; there are {", ".join(names)}')


def oddities(faces: Sequence[FoundFace], names: Sequence[str], swaps: Sequence[int]) -> list[str]:
    """Return notes on landmarks that are seldom annotated, and on pairs that look wrong."""
    fitting = [face for face in faces if len(face.landmarks) == len(names) and face.known.any()]
    seen = np.sum([np.zeros(len(names), int), *(face.known for face in fitting)], axis=0)
    notes = [
        f'landmark {name!r}: in {count} faces only; a label misspelt?'
        for name, count in zip(names, seen, strict=True)
        if count < SELDOM * len(faces)
    ]
    if odd := _lopsided(fitting, np.array(swaps)):
        pairs = [dict.fromkeys((names[k], names[swaps[k]])) for k in odd if k <= swaps[k]]
        listed = ', '.join(' and '.join(pair) for pair in pairs)
        notes.insert(0, f'these do not mirror each other in the mean face: {listed}')
    return notes


def _lopsided(faces: Sequence[FoundFace], swaps: np.ndarray) -> list[int]:
    """Return the landmarks that in the mean face are far from their mirrored pair's place."""
    shapes = []  # points as complex numbers
    for face in faces:
        shape = np.where(face.known, face.landmarks[:, :2] @ (1, 1j), np.nan)
        shape = shape - np.nanmean(shape)
        shapes.append(shape / max(np.sqrt(np.nanmean(np.abs(shape) ** 2) / 2), 1e-9))
    known = np.any([face.known for face in faces], axis=0)
    known = known & known[swaps] if faces else known
    if known.sum() < 3:
        return []
    mean = np.zeros(len(swaps), complex)
    mean[known] = np.nanmean(np.array(shapes)[:, known], axis=0)
    face, mirrored = mean[known] - mean[known].mean(), -mean[swaps][known].conj()
    mirrored = mirrored - mirrored.mean()
    turn = np.vdot(mirrored, face)  # of the mean face, which need not be upright
    off = np.abs(face - mirrored * turn / max(abs(turn), 1e-9))
    return np.flatnonzero(known)[off > LOPSIDED].tolist()


def write_metainfo(out: Path, names: Sequence[str], swaps: Sequence[int]) -> None:
    """Write `metainfo.py`, which MMPose reads."""
    others = [names[other] if other != k else '' for k, other in enumerate(swaps)]
    points = [POINT.format(k=k, name=names[k], swap=other) for k, other in enumerate(others)]
    name, count = out.resolve().name, len(names)
    text = METAINFO.format(name=name, points='\n'.join(points), count=count)
    write_bytes(out / 'metainfo.py', text.encode())

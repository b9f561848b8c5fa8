"""Convert landmarks of your own to what MMPose trains on, with names, flip pairs and a config."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.coco_json import BadSampleError, Problems, box_framing
from dataset_converters.command_line import report
from dataset_converters.conversion import Face, build_splits, link_images, write_splits
from dataset_converters.detector_boxes import detector_boxes, load_detector
from dataset_converters.groups import group_of, groups_to_test
from dataset_converters.own_formats import FIRST_PIXEL, Found, FoundFace, read_source

DESCRIPTION = """\
Convert landmarks of your own to what MMPose trains on, with names, flip pairs and a config.

SOURCE is a folder, or a file, of one of these; photos lie anywhere below it:

  COCO keypoints   JSON, as CVAT, Label Studio, Roboflow and others export it
  LabelMe          a JSON a photo: points by label; several faces of a photo by group_id
  CVAT             "for images 1.1" XML: skeletons, or points
  .pts             NAME.pts beside its photo, as 300W
  CSV              photo, then x0, y0, x1, y1, ... or NAME_x, NAME_y, ...; split, subsets

Points that are not annotated (flag 0, a missing label, an empty cell) take no part.
"""
EPILOG = """\
Written: OUT/annotations/{train,test}.json, OUT/images (a link), OUT/metainfo.py (names and pairs)
and, unless it is there, OUT/config.py; then: python tools/train.py OUT/config.py
"""
PHOTO_SUFFIXES = ('.jpg', '.jpeg', '.jfif', '.png', '.bmp', '.webp', '.tif', '.tiff')
SIDES = dict(left='right', l='r', links='rechts', gauche='droite')
LOPSIDED = 0.4  # of the mean face's RMS size; drawn and real faces stay below 0.25
SELDOM = 0.1  # of the faces
STEPS = 800  # of training: three minutes on two cores; more for many photos, in config.py
BATCH = 8

CONFIG = """\
# {count} landmarks of one's own; see docs/adding_a_dataset.md.
_base_ = ['mhhn_mmpose::300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py']

data_root = '{{{{ fileDirname }}}}/'
data = dict(data_root=data_root, metainfo=dict(from_file=data_root + 'metainfo.py'))
model = dict(head=dict(out_channels={count}))
train_dataloader = dict(dataset=dict(ann_file='annotations/train.json', **data))
val_dataloader = dict(dataset=dict(ann_file='annotations/test.json', **data))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/test.json', normalizers=[{normalizer}])
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='full/{name}/NME'))
train_cfg = dict(max_epochs={epochs}, val_interval={interval})
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max={epochs})]
"""
METAINFO = """\
# Landmarks in the order of the annotations; `swap` takes this one's place in a mirrored photo.
dataset_info = dict(
    dataset_name={name!r},
    paper_info=dict(),
    keypoint_info={{
{keypoints}
    }},
    skeleton_info={{}},
    joint_weights=[1.0] * {count},
    sigmas=[0.025] * {count})
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', metavar='SOURCE', type=Path)
    parser.add_argument('out', metavar='OUT', type=Path, help='data root, such as data/mine')
    parser.add_argument('--landmarks', type=int, metavar='K', help='refuse faces of another number')
    parser.add_argument('--names', nargs='+', help="default: the source's, else 0, 1, 2, ...")
    parser.add_argument(
        '--flip-pairs', nargs='+', metavar='A:B', help='landmarks, by name or number, that change'
        ' places in a mirrored photo, or none; default: by names such as eye_left, eye_right',
    )  # fmt: skip
    parser.add_argument(
        '--normalizer', nargs=2, metavar=('A', 'B'), help='errors are divided by the distance of'
        " these two landmarks, such as the outer eye corners; default: by the landmarks' box",
    )  # fmt: skip
    parser.add_argument(
        '--first-pixel', type=float, help="the first pixel's centre in the source's coordinates;"
        f' default: {", ".join(f"{v:g} for {k}" for k, v in FIRST_PIXEL.items())}',
    )  # fmt: skip
    parser.add_argument(
        '--boxes', choices=('given', 'landmarks', 'detector'), default='given', help='frame a face'
        " by its box in the source, where it has one, by its landmarks, or as FaceAligner's"
        ' detector will',
    )  # fmt: skip
    parser.add_argument('--by-photo', action='store_true', help='split by photo, not by person')
    parser.add_argument('--skip-bad', action='store_true', help='leave faces with errors out')
    return parser.parse_args(argv)


def find_swaps(names: Sequence[str], pairs: Sequence[str] | None) -> list[int]:
    """Return of each landmark the one that takes its place in a mirrored photo.

    Raises:
        InputError: If the pairs make no sense, or there are none and names tell none.

    >>> find_swaps(['eye_left', 'eye_right', 'nose'], None)
    [1, 0, 2]
    """
    swaps = list(range(len(names)))
    if len(names) == 1 or pairs == ['none']:
        return swaps
    if pairs is None:
        mirrored = {**SIDES, **{right: left for left, right in SIDES.items()}}
        for index, name in enumerate(names):
            words = re.split(r'([^a-zA-Z]+)', name)
            other = ''.join(mirrored.get(word.lower(), word) for word in words)
            places = [k for k, known in enumerate(names) if known.lower() == other.lower()]
            swaps[index] = places[0] if places else index
        if swaps == list(range(len(names))):
            raise InputError(
                f'which landmarks change places in a mirrored photo? Say --flip-pairs'
                f' A:B C:D ...; the landmarks are {", ".join(names)}'
            )
        return swaps
    for pair in pairs:
        first, second = (find_landmark(part, names) for part in (pair.split(':') + [''])[:2])
        if first == second or (swaps[first], swaps[second]) != (first, second):
            raise InputError(f'--flip-pairs {pair}: a landmark is in one pair of two')
        swaps[first], swaps[second] = second, first
    return swaps


def find_landmark(text: str, names: Sequence[str]) -> int:
    """Return a landmark's index from its name or number.

    Raises:
        InputError: If there is none.
    """
    if text in names:
        return list(names).index(text)
    if text.isdigit() and int(text) < len(names):
        return int(text)
    raise InputError(f'no landmark {text!r}; there are {", ".join(names)}')


def lopsided(faces: Sequence[FoundFace], swaps: Sequence[int]) -> list[int]:
    """Return the landmarks that in the mean face are far from their mirrored pair's place."""
    shapes = []
    for face in faces:
        points = np.where(face.visible[:, None] > 0, face.points, np.nan)
        points = points - np.nanmean(points, axis=0)
        shapes.append(points / max(np.sqrt(np.nanmean(points**2)), 1e-9))
    known = ~np.isnan(shapes).all(axis=0).any(axis=1)
    known &= known[list(swaps)]
    if known.sum() < 3:
        return []
    mean = np.nanmean(np.array(shapes)[:, known], axis=0)
    places = np.flatnonzero(known)
    order = [int(np.flatnonzero(places == swaps[k])[0]) for k in places]
    here = (mean - mean.mean(axis=0)) @ (1, 1j)
    there = ((mean - mean.mean(axis=0)) * (-1, 1))[order] @ (1, 1j)
    turn = np.vdot(there, here)
    off = np.abs(here - there * turn / max(abs(turn), 1e-9))
    return places[off > LOPSIDED].tolist()


def annotated(faces: Sequence[FoundFace], count: int) -> list[int]:
    """Return in how many faces each landmark is annotated."""
    flags = [face.visible > 0 for face in faces if len(face.visible) == count]
    return np.sum([np.zeros(count, int), *flags], axis=0).tolist()


def photo_finder(root: Path) -> Callable[[FoundFace], str]:
    """Return a function from a face to its photo's path below ``root``, with ``/``."""
    photos = [p for p in sorted(root.rglob('*')) if p.suffix.lower() in PHOTO_SUFFIXES]
    by_name: dict[str, list[Path]] = {}
    for path in photos:
        for key in {path.name, path.stem}:
            by_name.setdefault(key, []).append(path)

    def find(face: FoundFace) -> str:
        name = face.photo.replace('\\', '/')
        last = PurePosixPath(name)
        found = by_name.get(last.name) or by_name.get(last.stem, [])
        for known in (root / name, face.file.parent / name):
            found = [path for path in found if path == known] or found
        found = [path for path in found if path.parent == face.file.parent] or found
        if len(found) != 1:
            several = ', '.join(str(path) for path in found[:3])
            reason = f'several photos of that name: {several}' if found else f'not below {root}'
            raise BadSampleError(face.where, f'photo {face.photo!r}: {reason}')
        return found[0].relative_to(root).as_posix()

    return find


def convert(args: argparse.Namespace) -> tuple[dict[Path, int], Problems]:
    """Write everything; return the number of faces per annotation file, and what was wrong.

    Raises:
        InputError: If the source or the arguments cannot be used.
    """
    found, problems = read_source(args.source, args.out), Problems()
    names = check_names(found, args)
    swaps = find_swaps(names, args.flip_pairs)
    between = [find_landmark(part, names) for part in args.normalizer or ()]
    if odd := lopsided([f for f in found.faces if len(f.points) == len(names)], swaps):
        pairs = [dict.fromkeys((names[k], names[swaps[k]])) for k in odd if k <= swaps[k]]
        listed = ', '.join(' and '.join(pair) for pair in pairs)
        problems.warnings.append(f'these do not mirror each other in the mean face: {listed}')
    for name, count in zip(names, annotated(found.faces, len(names)), strict=True):
        if count < SELDOM * len(found.faces):
            problems.warnings.append(f'landmark {name!r}: in {count} faces only; a label misspelt?')
    contents = build(found, names, args, problems)
    targets = {args.out / 'annotations' / f'{name}.json': c for name, c in contents.items()}
    written = write_splits(targets, problems, args.skip_bad, args.source)
    if written:
        link_images(photo_root(args.source), args.out / 'images', problems)
        write_settings(args.out, names, swaps, between, len(contents['train']['annotations']))
    return written, problems


def build(
    found: Found, names: Sequence[str], args: argparse.Namespace, problems: Problems
) -> dict[str, dict]:
    """Return the content of each annotation file.

    Raises:
        InputError: If the faces cannot be split, or no detector is there that was asked for.
    """
    first = FIRST_PIXEL[found.kind] if args.first_pixel is None else args.first_pixel
    root = photo_root(args.source)
    find = photo_finder(root)
    splits = split_faces(found.faces, args.by_photo)
    boxes = [face.box and np.add(face.box, (-first, -first, 0, 0)) for face in found.faces]
    if args.boxes == 'detector':
        boxes = detected(found.faces, root, find, first, load_detector(len(names)))

    def read(index: int) -> Face:
        face = found.faces[index]
        if len(face.points) != len(names):
            raise BadSampleError(face.where, f'{len(face.points)} points, {len(names)} expected')
        given = boxes[index] is not None and args.boxes != 'landmarks'
        framing = box_framing(boxes[index]) if given else {}
        extra = dict(subsets=list(face.subsets))
        points = face.points - first
        return Face(splits[index], find(face), points, face.where, face.visible, framing, extra)

    labels = {split: f'{args.out.name} {split}' for split in ('train', 'test')}
    contents = build_splits(range(len(splits)), read, root, labels, problems, 'faces')
    for content in contents.values():
        content['categories'][0]['keypoints'] = list(names)
    return contents


def detected(
    faces: Sequence[FoundFace], root: Path, find: Callable, first: float, detect: Callable
) -> list[list[float] | None]:
    """Return the detector's box of each face that has a photo."""
    photos: list[Path | None] = []
    for face in faces:
        try:
            photos.append(root / find(face))
        except BadSampleError:  # told when the face is read
            photos.append(None)
    points = [face.points[face.visible > 0] - first for face in faces]
    return detector_boxes(photos, points, detect)


def photo_root(source: Path) -> Path:
    """Return the folder that photos lie below."""
    return source if source.is_dir() else source.parent


def check_names(found: Found, args: argparse.Namespace) -> list[str]:
    """Return the landmarks' names.

    Raises:
        InputError: If there is no face, or names do not fit the number of landmarks.
    """
    if not found.faces:
        raise InputError(f'{args.source}: no face in it')
    count = args.landmarks or len(found.names or found.faces[0].points)
    names = args.names or found.names or [str(index) for index in range(count)]
    if len(names) != count or len(set(names)) != count:
        raise InputError(f'{count} landmarks, but {len(set(names))} names: {", ".join(names)}')
    return list(map(str, names))


def split_faces(faces: Sequence[FoundFace], by_photo: bool) -> list[str]:
    """Return each face's file, ``train`` or ``test``: as the source says, else a fifth for testing.

    Raises:
        InputError: If the faces cannot be split.
    """
    said = [face.split for face in faces]
    if {'train', 'test'} <= set(said) and all(said):
        return [str(split) for split in said]
    groups = [face.photo if by_photo else group_of(face.photo) for face in faces]
    tested = groups_to_test(groups, 0.2)
    return ['test' if group in tested else 'train' for group in groups]


def write_settings(
    out: Path, names: Sequence[str], swaps: Sequence[int], between: Sequence[int], faces: int
) -> None:
    """Write ``metainfo.py`` and, unless it is there, ``config.py``."""
    others = [names[other] if other != k else '' for k, other in enumerate(swaps)]
    keypoints = '\n'.join(
        f"        {k}: dict(name={name!r}, id={k}, color=[255, 0, 0], type='', swap={other!r}),"
        for k, (name, other) in enumerate(zip(names, others, strict=True))
    )
    count = len(names)
    text = METAINFO.format(name=out.resolve().name, keypoints=keypoints, count=count)
    write_bytes(out / 'metainfo.py', text.encode())
    if (out / 'config.py').exists():
        return
    name, normalizer = 'landmark_box', "'landmark_box'"
    if between:
        name, normalizer = 'inter_ocular', f"dict(name='inter_ocular', keypoint_indices={between})"
    epochs = max(10, round(STEPS * BATCH / faces / 10) * 10)
    text = CONFIG.format(
        count=count, name=name, normalizer=normalizer, epochs=epochs, interval=max(epochs // 5, 1)
    )
    write_bytes(out / 'config.py', text.encode())


def main(argv: Sequence[str] | None = None) -> int:
    """Convert and report; return the exit status."""
    args = parse_args(argv)
    written, problems = convert(args)
    status = report(written, problems, args.skip_bad)
    if written:
        print(f'next: python tools/train.py {shlex.quote(str(args.out / "config.py"))}')
    return status


if __name__ == '__main__':
    raise SystemExit(exit_on_input_error('own2coco', main))

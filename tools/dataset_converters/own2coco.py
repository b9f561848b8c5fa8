"""Convert landmarks of your own to what MMPose trains on, with names, flip pairs and a config.

SOURCE is a folder, or a file, of one of these; photos lie anywhere below it:

  COCO keypoints   JSON, as CVAT, Label Studio, Roboflow and others export it
  LabelMe          a JSON a photo: points by label; several faces of a photo by group_id
  CVAT             "for images 1.1" XML: skeletons, or points
  .pts             NAME.pts beside its photo, as 300W
  CSV              photo, then x0, y0, x1, y1, ... or NAME_x, NAME_y, ...; split, subsets

Points that are not annotated (flag 0, a missing label, an empty cell) take no part.

Written: OUT/annotations/{train,test}.json, OUT/images (a link), OUT/metainfo.py (names and pairs)
and, unless it is there, OUT/NAME.py, a config with the name of the folder OUT
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

import numpy as np

from mhhn_landmarks.detector import DETECTORS, build_detector
from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes
from mhhn_landmarks.sources import SUFFIXES

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.coco_json import AnnotatedFace, Content, Problems, box_framing, build_splits
from dataset_converters.conversion import convert, converter_parser, report
from dataset_converters.detector_boxes import detector_boxes
from dataset_converters.groups import group_of
from dataset_converters.own_formats import CVAT_COCO, FIRST_PIXEL, FoundFace, read_source
from dataset_converters.own_landmarks import (
    KNOWN,
    find_landmark,
    names_and_swaps,
    oddities,
    write_metainfo,
)

TEST_SHARE = 0.2  # of the faces
STEPS = 800  # of training: three minutes on two cores; more for many photos, in the config
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


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = converter_parser(str(__doc__))
    pixels = ', '.join(f'{value:g} for {kind}' for kind, value in FIRST_PIXEL.items())
    add = parser.add_argument
    add('--landmarks', type=int, metavar='K', help='refuse faces of another number')
    add('--names', nargs='+', help="default: the source's, else 0, 1, 2, ...")
    pairs = 'landmarks, by name or number, that change places in a mirrored photo, or none'
    pairs += '; default: by names such as eye_left, eye_right'
    add('--flip-pairs', nargs='+', metavar='A:B', help=pairs)
    known = 'names and pairs of a known set; default: 300w for 68 landmarks without names'
    add('--metainfo', choices=KNOWN, help=known)
    distance = 'errors are divided by the distance of these two landmarks, such as the outer eye'
    distance += " corners; default: by the landmarks' box"
    add('--normalizer', nargs=2, metavar=('A', 'B'), help=distance)
    first = f"the first pixel's centre in the source's coordinates; default: {pixels}"
    add('--first-pixel', type=float, help=first)
    boxes = 'frame a face by its box in the source, where it has one, by its landmarks, or as'
    boxes += " FaceAligner's detector will"
    add('--boxes', choices=('given', 'landmarks', 'detector'), default='given', help=boxes)
    add('--by-photo', action='store_true', help='split by photo, not by person')
    args = parser.parse_args(argv)
    if args.metainfo and (args.names or args.flip_pairs):
        parser.error('--metainfo says names and flip pairs itself')
    return args


def photo_finder(root: Path) -> Callable[[FoundFace], str]:
    """Return a function from a face to its photo's path below `root`, with `/`."""
    by_name: dict[str, list[Path]] = {}
    for path in sorted(root.rglob('*')):
        if path.suffix.lower() in SUFFIXES:
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
            raise InputError(f'{face.where}: photo {face.photo!r}: {reason}')
        return found[0].relative_to(root).as_posix()

    return find


def collector(args: argparse.Namespace) -> Callable[..., tuple[dict[str, Content], Path]]:
    """Read the source and return what `convert` is to call, which also writes the settings."""
    kind, names, found = read_source(args.source, args.out)
    if not found:
        raise InputError(f'{args.source}: no face in it')
    count = args.landmarks or len(names or found[0].landmarks)
    names, swaps, notes = names_and_swaps(names, count, args)
    between = [find_landmark(part, names) for part in args.normalizer or ()]
    first = FIRST_PIXEL[kind] if args.first_pixel is None else args.first_pixel
    if kind == CVAT_COCO and args.first_pixel is None:
        note = f'exported by CVAT, so {first:g} is taken off x and y; --first-pixel 0 keeps them'
        notes.append(f'{found[0].file}: {note}')
    root = args.source if args.source.is_dir() else args.source.parent
    find = photo_finder(root)
    splits = split_faces(found, args.by_photo)
    boxes = {
        index: np.add(face.box, (-first, -first, 0, 0))
        for index, face in enumerate(found)
        if face.box and args.boxes == 'given'
    }

    def read(index: int) -> AnnotatedFace:
        face = found[index]
        points, visible = face.landmarks[:, :2] - first, face.landmarks[:, 2].astype(int)
        if len(points) != len(names):
            raise InputError(f'{face.where}: {len(points)} points, {len(names)} expected')
        framing = box_framing(boxes[index]) if index in boxes else {}
        extra = dict(subsets=list(face.subsets))
        return AnnotatedFace(splits[index], find(face), points, face.where, visible, framing, extra)

    if args.boxes == 'detector':
        detect, faces = build_detector(DETECTORS[0], len(names)), {}
        for index, face in enumerate(found):
            if face.known.any():
                with suppress(InputError):  # told when the face is read once more
                    faces[index] = read(index)
        places = [(root / face.file_name, face.points[face.visible > 0]) for face in faces.values()]
        boxes = dict(zip(faces, detector_boxes(places, detect), strict=True))

    def collect(source: Path, out: Path, problems: Problems) -> tuple[dict[str, Content], Path]:
        problems.warnings += [*notes, *oddities(found, names, swaps)]
        about = {split: f'{out.name} {split}' for split in ('train', 'test')}
        contents = build_splits(range(len(splits)), read, root, about, problems, 'faces')
        for content in contents.values():
            content['categories'][0]['keypoints'] = names
        trained = len(contents['train']['annotations'])
        if trained and (args.skip_bad or not problems.errors):
            write_metainfo(out, names, swaps)
            write_config(out, len(names), between, trained, problems)
        return contents, root

    return collect


def split_faces(faces: Sequence[FoundFace], by_photo: bool) -> list[str]:
    """Return each face's file, `train` or `test`: as the source says, else a fifth for testing.

    Persons stay together, as far as names tell. Who is tested is chosen by a checksum.
    """
    known_splits = [face.split for face in faces]
    if {'train', 'test'} <= set(known_splits) and all(known_splits):
        return [str(split) for split in known_splits]
    groups = [face.photo if by_photo else group_of(face.photo) for face in faces]
    counts = Counter(groups)
    if len(counts) < 2:
        raise InputError(
            f'all {len(groups)} faces count as one person, {groups[0]!r}; split by photo'
            ' (--by-photo), or give more photos'
        )
    tested: set[str] = set()
    for group in sorted(counts, key=lambda name: (zlib.crc32(name.encode()), name))[:-1]:
        if sum(counts[name] for name in tested) < TEST_SHARE * len(groups):
            tested.add(group)
    return ['test' if group in tested else 'train' for group in groups]


def write_config(
    out: Path, count: int, between: Sequence[int], faces: int, problems: Problems
) -> None:
    """Write a config for that many landmarks and training faces; an older one is kept."""
    name, normalizer = 'landmark_box', "'landmark_box'"
    if between:
        name, normalizer = 'inter_ocular', f"dict(name='inter_ocular', keypoint_indices={between})"
    epochs = max(10, round(STEPS * BATCH / faces / 10) * 10)
    text = CONFIG.format(
        count=count, name=name, normalizer=normalizer, epochs=epochs, interval=max(epochs // 5, 1)
    )
    path = out / f'{folder_name(out)}.py'
    if not path.exists():
        write_bytes(path, text.encode())
    elif path.read_text() != text:
        note = 'is kept, and differs from a new one; remove it to have it written anew'
        problems.warnings.append(f'{path} {note}')


def folder_name(out: Path) -> str:
    """Return the config's name, which is also that of the run's folder in `work_dirs`."""
    return out.resolve().name.replace('.', '_')


def main(argv: Sequence[str] | None = None) -> int:
    """Convert and report; return the exit status."""
    args = parse_args(argv)
    written, problems = convert(collector(args), args.source, args.out, args.skip_bad)
    status = report(written, problems, args.skip_bad)
    if written:
        tool = os.path.relpath(Path(__file__).resolve().parents[1] / 'train.py')
        print('next:', shlex.join(['python', tool, f'{args.out / folder_name(args.out)}.py']))
    return status


if __name__ == '__main__':
    raise SystemExit(exit_on_input_error('own2coco', main))

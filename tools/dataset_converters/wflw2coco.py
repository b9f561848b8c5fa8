"""Convert the original WFLW archives to the annotation files MMPose reads.

Get the two archives (images, annotations) from
https://wywu.github.io/projects/LAB/WFLW.html ; they are free for research only, not for
commercial use. Unpack them side by side:

  SOURCE/WFLW_images/EVENT/NAME.jpg                             the photos, by event
  SOURCE/WFLW_annotations/list_98pt_rect_attr_train_test/
      list_98pt_rect_attr_train.txt       7500 faces            train
      list_98pt_rect_attr_test.txt        2500                  test

Each line of a list is a face, 207 fields between spaces: 98 landmarks x y, the box of a face
detector (x_min y_min x_max y_max), six attributes (0 or 1), the photo's name. Coordinates are
taken as they are, 0-based, as MMPose's own converter does. One of the two lists works too,
with a warning.

Written: OUT/annotations/face_landmarks_wflw_{train,test}.json; `subsets` of a face names
its attributes (pose, expression, illumination, makeup, occlusion, blur). Photos are not
copied: OUT/images becomes a link to SOURCE/WFLW_images, so MMPose's configs work with
data_root='OUT/'. Without the link, set data_prefix=dict(img='SOURCE/WFLW_images/').
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from mhhn_landmarks.errors import InputError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.coco_json import AnnotatedFace, Content, Problems, box_framing, build_splits
from dataset_converters.conversion import BOXES, convert, run_converter

NUM_POINTS = 98
NUM_NUMBERS = 2 * NUM_POINTS + 4
ATTRIBUTES = ('pose', 'expression', 'illumination', 'makeup', 'occlusion', 'blur')
NUM_FIELDS = NUM_NUMBERS + len(ATTRIBUTES) + 1
SPLITS = dict(train=7500, test=2500)  # official numbers of faces
PHOTOS = 'WFLW_images'
LISTS = 'WFLW_annotations/list_98pt_rect_attr_train_test'

Line = tuple[str, str, str]  # of a list: the split, where it stands, the text


def _collect(
    source: Path, out: Path, problems: Problems, boxes: str = 'landmarks'
) -> tuple[dict[str, Content], Path]:
    """Read every face under `source`; `boxes` is `'landmarks'` or `'detector'`."""
    names = {split: f'{LISTS}/list_98pt_rect_attr_{split}.txt' for split in SPLITS}
    photos, missing = source / PHOTOS, [n for n in names.values() if not (source / n).is_file()]
    if len(missing) == len(names):
        reason = f'neither {" nor ".join(missing)}; unpack WFLW_annotations and {PHOTOS} there'
        raise InputError(f'{source}: {reason}')
    if not photos.is_dir():
        raise InputError(f'{photos}: no such folder; unpack the photos of WFLW there')
    lines: list[Line] = []
    for split, name in names.items():
        if name in missing:
            problems.warnings.append(f'{source / name}: missing, so no file is written for it')
        else:
            lines += _lines(source / name, split, problems)
    about = {split: f'WFLW {split}, {NUM_POINTS} points, 0-based' for split in SPLITS}
    splits = build_splits(
        lines, lambda line: _face(*line, boxes), photos, about, problems, 'WFLW faces'
    )
    return {f'face_landmarks_wflw_{split}': content for split, content in splits.items()}, photos


convert_wflw = partial(convert, _collect)


def _lines(path: Path, split: str, problems: Problems) -> list[Line]:
    """Return a list's lines that are not empty; note if their number is not the official one."""
    # What is no UTF-8 becomes a replacement character, which is refused with its line.
    rows = path.read_text(encoding='utf-8-sig', errors='replace').split('\n')
    lines = [(split, f'{path}:{k}', row) for k, row in enumerate(rows, start=1) if row.strip()]
    problems.compare(path, len(lines), SPLITS[split])
    return lines


def _face(split: str, where: str, text: str, boxes: str) -> AnnotatedFace:
    """Read one line."""
    if '\ufffd' in text:
        raise InputError(f'{where}: the line is no UTF-8 text; unpack the list again')
    fields = text.split()
    if len(fields) != NUM_FIELDS:
        raise InputError(f'{where}: {len(fields)} fields, {NUM_FIELDS} expected')
    try:
        numbers = np.array(fields[:NUM_NUMBERS], float)
    except ValueError as error:
        raise InputError(f'{where}: {error}') from None
    points = numbers[: 2 * NUM_POINTS].reshape(NUM_POINTS, 2)
    x_min, y_min, x_max, y_max = numbers[2 * NUM_POINTS :].tolist()
    if not (x_max > x_min and y_max > y_min):  # used or not, a sign of a damaged line
        area = f'{x_min:g},{y_min:g} to {x_max:g},{y_max:g}'
        raise InputError(f'{where}: the box has no area: {area}')
    flags = dict(zip(ATTRIBUTES, fields[NUM_NUMBERS:-1], strict=True))
    for name, flag in flags.items():
        if flag not in ('0', '1'):
            raise InputError(f'{where}: attribute {name} must be 0 or 1, got {flag!r}')
    box = (x_min, y_min, x_max - x_min, y_max - y_min)
    framing = box_framing(box) if boxes == 'detector' else {}
    extra = dict(subsets=[name for name, flag in flags.items() if flag == '1'])
    return AnnotatedFace(split, fields[-1], points, where, framing=framing, extra=extra)


if __name__ == '__main__':
    sys.exit(run_converter(convert_wflw, str(__doc__), BOXES))

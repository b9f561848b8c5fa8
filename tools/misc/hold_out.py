"""Split a training annotation file by person, so that choices are not made on the test set.

Writes NAME_fit.json and NAME_dev.json beside NAME.json. Photos whose names differ only in a last
number (300W's `1051618982_1`, `1051618982_2`) show one person or one scene and stay together;
numbers that begin with 0 (LFPW's `image_0001`) tell no person, and each photo stands alone. A
group's part is chosen by a checksum of its name, the same on every machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mhhn_landmarks.annotations import read_annotation_file
from mhhn_landmarks.errors import exit_on_input_error
from mhhn_landmarks.fileio import write_json_files

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.groups import group_of, hold_out


def main() -> None:
    """Parse, split, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('ann_file', type=Path, help='annotations of the training set')
    parser.add_argument('--parts', type=int, default=6, help='hold out one part in so many')
    parser.add_argument('--by-photo', action='store_true', help='whatever the names tell')
    args = parser.parse_args()
    if args.parts < 2:
        parser.error(f'--parts must be 2 or more, got {args.parts}')
    content = read_annotation_file(args.ann_file)
    names = {image['id']: image['file_name'] for image in content['images']}
    groups = {n: name if args.by_photo else group_of(name) for n, name in names.items()}
    faces = content['annotations']
    held_out = hold_out([groups[face['image_id']] for face in faces], args.parts)
    written = {}
    for part, wanted in (('fit', False), ('dev', True)):
        chosen = [face for face, out in zip(faces, held_out, strict=True) if out == wanted]
        photos = {face['image_id'] for face in chosen}
        images = [image for image in content['images'] if image['id'] in photos]
        path = args.ann_file.with_name(f'{args.ann_file.stem}_{part}.json')
        written[path] = {**content, 'images': images, 'annotations': chosen}
        print(f'{path}: {len(chosen)} faces of {len({groups[n] for n in photos})} groups')
    write_json_files(written)


if __name__ == '__main__':
    raise SystemExit(exit_on_input_error('hold_out', main))

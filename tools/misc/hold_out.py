"""Split a training annotation file by person, so that choices are not made on the test set.

Writes NAME_fit.json and NAME_dev.json beside NAME.json. Photos whose names differ only in a last
number (300W's `1051618982_1`, `1051618982_2`) show one person or one scene and stay together; a
person's share is chosen by a checksum of the name, the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import re
import zlib
from pathlib import Path

from mhhn_landmarks.fileio import write_json_files


def is_held_out(file_name: str, parts: int) -> bool:
    """Return whether a photo belongs to the one part in `parts` that is held out."""
    person = re.sub(r'_\d+\.[^.]+$', '', file_name)
    return zlib.crc32(person.encode()) % parts == 0


def split(content: dict, parts: int) -> tuple[dict, dict]:
    """Split a COCO-style file's content into what is trained on and what is held out."""
    held_out = {i['id'] for i in content['images'] if is_held_out(i['file_name'], parts)}

    def select(wanted: bool) -> dict:
        images = [i for i in content['images'] if (i['id'] in held_out) == wanted]
        faces = [a for a in content['annotations'] if (a['image_id'] in held_out) == wanted]
        return {**content, 'images': images, 'annotations': faces}

    return select(False), select(True)


def main() -> None:
    """Parse, split, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('ann_file', type=Path, help='annotations of the training set')
    parser.add_argument('--parts', type=int, default=6, help='hold out one part in so many')
    args = parser.parse_args()
    if args.parts < 2:
        parser.error(f'--parts must be 2 or more, got {args.parts}')
    content = json.loads(args.ann_file.read_text(encoding='utf-8'))
    names = [
        args.ann_file.with_name(f'{args.ann_file.stem}_{part}.json') for part in ('fit', 'dev')
    ]
    written = dict(zip(names, split(content, args.parts), strict=True))
    write_json_files(written)
    for name, part in written.items():
        print(f'{name}: {len(part["annotations"])} faces')


if __name__ == '__main__':
    main()

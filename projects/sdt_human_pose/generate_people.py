"""Draw stick figures and annotate them as COCO does, to try body models without COCO's archives.

OUT gets COCO's own layout: annotations/person_keypoints_{train,val}2017.json and a folder of
pictures for each. Nothing is learned about people from these; they only let every command run.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 192, 256  # px
# A figure of height 1 that faces us, COCO's 17 points: x, y from its top left corner.
FIGURE = np.array(
    [(0.25, 0.10), (0.27, 0.08), (0.23, 0.08), (0.30, 0.09), (0.20, 0.09), (0.35, 0.22)]
    + [(0.15, 0.22), (0.40, 0.37), (0.10, 0.37), (0.42, 0.52), (0.08, 0.52), (0.31, 0.53)]
    + [(0.19, 0.53), (0.32, 0.74), (0.18, 0.74), (0.33, 0.96), (0.17, 0.96)]
)
# Pairs of points that a line joins, and how far, in figure heights, each point strays from FIGURE.
BONES = [(5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12)]
BONES += [(11, 13), (13, 15), (12, 14), (14, 16)]
STRAY = np.array([0.01] * 5 + [0.015] * 2 + [0.04] * 4 + [0.015] * 2 + [0.03] * 4)


def draw_person(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (HEIGHT, WIDTH, 3) uint8 and its landmarks (17, 2) in pixels."""
    coarse = rng.integers(60, 200, (9, 7, 3)).astype(np.uint8)
    picture = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    size = rng.uniform(0.6, 0.85) * HEIGHT  # of the figure, px
    corner = rng.uniform((4, 4), (WIDTH - 0.5 * size - 4, HEIGHT - size - 4))
    points = corner + size * (FIGURE + STRAY[:, None] * rng.normal(0, 1, FIGURE.shape).clip(-2, 2))
    points = points.clip(1, (WIDTH - 2, HEIGHT - 2))
    skin, shirt = rng.integers(0, 60, 3).tolist(), rng.integers(200, 255, 3).tolist()
    shift = 4  # cv2 draws in 1/16 px
    fixed = np.rint(points * 2**shift).astype(int)
    cv2.circle(picture, fixed[0].tolist(), int(0.07 * size * 2**shift), shirt, -1, 16, shift)
    for a, b in BONES:
        cv2.line(picture, fixed[a].tolist(), fixed[b].tolist(), shirt, 5, 16, shift)
    for index, point in enumerate(fixed.tolist()):
        # Darker on the figure's left, so that left and right can be told apart.
        color = skin if index % 2 else [value + 120 for value in skin]
        cv2.circle(picture, point, 3 * 2**shift, color, -1, 16, shift)
    noise = rng.normal(0, 6, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8), points


def write_set(out: Path, name: str, count: int, rng: np.random.Generator) -> None:
    """Write ``count`` pictures to ``out/name`` and their annotations beside it."""
    (out / name).mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number in range(1, count + 1):
        picture, points = draw_person(rng)
        file = f'{number:012d}.png'
        cv2.imwrite(str(out / name / file), picture)
        low, high = points.min(axis=0) - 8, points.max(axis=0) + 8
        low, high = low.clip(0), high.clip(max=(WIDTH - 1, HEIGHT - 1))
        box = [*low.tolist(), *(high - low).tolist()]
        images.append(dict(id=number, file_name=file, width=WIDTH, height=HEIGHT))
        annotations.append(
            dict(
                id=number,
                image_id=number,
                category_id=1,
                iscrowd=0,
                keypoints=np.column_stack([points, np.full(17, 2)]).ravel().tolist(),
                num_keypoints=17,
                bbox=box,
                area=0.5 * box[2] * box[3],  # COCO's is that of the outline
            )
        )
    person = dict(id=1, name='person', supercategory='person', keypoints=[], skeleton=[])
    content = dict(info={}, images=images, annotations=annotations, categories=[person])
    file = out / 'annotations' / f'person_keypoints_{name}.json'
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), encoding='utf-8')


def main() -> None:
    """Draw both sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', type=Path, help='folder to write, such as data/people')
    parser.add_argument('--train', type=int, default=480, help='figures to train on')
    parser.add_argument('--val', type=int, default=96, help='figures to test on')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    if min(args.train, args.val) < 1 or args.seed < 0:
        parser.error('--train and --val are 1 or more, --seed 0 or more')
    rng = np.random.default_rng(args.seed)
    try:
        write_set(args.out, 'train2017', args.train, rng)
        write_set(args.out, 'val2017', args.val, rng)
    except OSError as error:
        raise SystemExit(f'generate_people: {error}') from error
    print(f'{args.out}: {args.train} figures to train on, {args.val} to test on')


if __name__ == '__main__':
    main()

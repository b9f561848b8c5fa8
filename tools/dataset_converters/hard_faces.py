"""Write harder versions of a converted test set: occluded, rotated and poor faces.

    python tools/dataset_converters/hard_faces.py \
        data/300w/annotations/face_landmarks_300w_valid.json data/300w/images data/300w_hard

writes OUT/images/KIND/ID.png, a photo a face, and OUT/annotations/NAME_KIND.json. The same seed and
faces give the same photos. To score one kind, set the test dataset's `data_root`, `ann_file` and
the metric's `ann_file`.

Points are (x, y) in photo pixels, 0-based; a box is (x, y, width, height) in pixels.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mhhn_landmarks.annotations import read_annotation_file
from mhhn_landmarks.arguments import new_parser
from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes, write_json_files
from mhhn_landmarks.photos import read_bgr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.coco_json import landmark_framing

COVERED = (1 / 5, 1 / 3)  # of the face's area, under objects
ANGLE = (30.0, 60.0)  # degrees, to either side
FACE_SIDE = (32.0, 48.0)  # px, the longer side of a poor face's box
BLUR = (0.5, 1.0)  # px, standard deviation
BRIGHTNESS = (0.35, 0.6)  # of the photo's
JPEG_QUALITY = 20
BISECTIONS = 16  # an object's size is then exact to 1/65536 of the face's

Version = tuple[np.ndarray, np.ndarray]


def occlude(
    image: np.ndarray, points: np.ndarray, box: Sequence[float], rng: np.random.Generator
) -> Version:
    """Cover a fifth to a third of the face with one to three objects.

    The face is the convex hull of the landmarks that are not NaN; with fewer than three, the box.
    Like the other two this takes a photo, BGR (H, W, 3) uint8, landmarks (K, 2), the face's box and
    a random generator, and returns the new photo and landmarks.
    """
    known = points[np.isfinite(points).all(axis=1)]
    if len(known) < 3 or np.linalg.matrix_rank(known - known[0]) < 2:
        x, y, w, h = box
        known = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
    face = _filled(cv2.convexHull(known.astype(np.float32))[:, 0], image.shape[:2])
    if not face.any():
        raise InputError(f'the face at {box[0]:g},{box[1]:g} is outside its photo')
    covered, result = np.zeros_like(face), image.copy()
    count = int(rng.integers(1, 4))
    goals = np.cumsum(rng.dirichlet(np.full(count, 4.0))) * rng.uniform(*COVERED)
    rows, columns = np.nonzero(face)
    for goal in goals:
        pick = int(rng.integers(len(rows)))
        center = np.array([columns[pick], rows[pick]], float)
        outline = _outline(rng) * max(box[2:])
        low, high = 0.0, 2.0
        for _ in range(BISECTIONS):
            size = (low + high) / 2
            mask = covered | _filled(center + size * outline, face.shape)
            low, high = (low, size) if mask[face].mean() > goal else (size, high)
        new = _filled(center + high * outline, face.shape)
        result[new] = _texture(rng, face.shape)[new]
        covered |= new
    return result, points.copy()


def rotate(
    image: np.ndarray, points: np.ndarray, box: Sequence[float], rng: np.random.Generator
) -> Version:
    """Turn the photo by 30 to 60 degrees to either side about the face's centre.

    The new photo is as large as the turned one; its corners mirror what lies inside.
    """
    angle = float(rng.choice([-1, 1]) * rng.uniform(*ANGLE))
    center = (box[0] + box[2] / 2, box[1] + box[3] / 2)
    turn = cv2.getRotationMatrix2D(center, angle, 1.0)
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]])
    turned = corners @ turn[:, :2].T + turn[:, 2]
    low = np.floor(turned.min(axis=0))
    size = (np.ceil(turned.max(axis=0)) - low + 1).astype(int).tolist()
    turn[:, 2] -= low
    mirror = cv2.BORDER_REFLECT_101
    result = cv2.warpAffine(image, turn, size, flags=cv2.INTER_LINEAR, borderMode=mirror)
    return result, points @ turn[:, :2].T + turn[:, 2]


def spoil(
    image: np.ndarray, points: np.ndarray, box: Sequence[float], rng: np.random.Generator
) -> Version:
    """Shrink the photo until its face has 32 to 48 px, then dim, blur and compress it."""
    factor = min(1.0, rng.uniform(*FACE_SIDE) / max(box[2:]))
    height, width = image.shape[:2]
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), rng.uniform(*BLUR)) * rng.uniform(*BRIGHTNESS)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode('.jpg', np.rint(small).astype(np.uint8), quality)
    factors = np.array(size) / (width, height)
    return cv2.imdecode(data, cv2.IMREAD_COLOR), (points + 0.5) * factors - 0.5


KINDS: dict[str, Callable[..., Version]] = dict(occluded=occlude, rotated=rotate, poor=spoil)


def _filled(polygon: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the pixels (H, W) inside a polygon (N, 2), bool."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 1)
    return mask > 0


def _outline(rng: np.random.Generator) -> np.ndarray:
    """Return the outline (N, 2) of a board or a blob of about size 1, turned at random."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones(48)
    if rng.random() < 0.5:  # a board
        radius = 1 / np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles)))
    else:
        for waves in (2, 3, 5):
            radius += rng.uniform(0, 0.15) * np.cos(waves * angles + rng.uniform(0, 2 * np.pi))
    turn = rng.uniform(0, np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = radius * np.cos(angles), radius * np.sin(angles) * rng.uniform(0.4, 1.0)
    return np.column_stack([x * cos - y * sin, x * sin + y * cos])


def _texture(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a picture (H, W, 3) uint8: soft blotches of a few colours, with grain."""
    knots = rng.uniform(0, 255, (*rng.integers(2, 7, 2), 3))
    smooth = cv2.resize(knots.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, rng.uniform(0, 12), (*shape, 1))
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def harden(annotation: dict, image: np.ndarray, kind: str, seed: int) -> tuple[np.ndarray, dict]:
    """Return a harder photo of one face of a converted set, and the annotation that goes with it.

    `occluded` says which landmarks lie under an object; a rotated face's box is the landmarks', by
    the converters' rule. What is random depends on seed, kind and id only.
    """
    values = np.array(annotation['keypoints'], float).reshape(-1, 3)
    visible = values[:, 2] > 0
    if not visible.any():
        raise InputError(f'annotation {annotation["id"]}: no visible landmark; leave it out')
    points = np.where(visible[:, None], values[:, :2], np.nan)
    rng = np.random.default_rng([seed, list(KINDS).index(kind), annotation['id']])
    result, moved = KINDS[kind](image, points, annotation['bbox'], rng)
    values[visible, :2] = moved[visible]
    height, width = result.shape[:2]
    changed: dict = {}
    if kind == 'occluded':
        columns, rows = np.rint(np.nan_to_num(points)).astype(int).T
        rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
        hidden = visible & (result != image).any(axis=2)[rows, columns]
        before = np.array(annotation.get('occluded', 0)) > 0
        changed['occluded'] = (before | hidden).astype(int).tolist()
    elif kind == 'rotated':
        changed = landmark_framing(moved[visible], width, height)
    else:
        factor = width / image.shape[1]
        left, top, width, height = annotation['bbox']
        changed = {key: annotation.get(key, 0) * factor for key in ('scale', 'box_size')}
        changed['center'] = _shrunk(annotation.get('center', ()), factor)
        changed['bbox'] = [*_shrunk((left, top), factor), width * factor, height * factor]
        changed['area'] = width * height * factor**2
    changed = {key: value for key, value in changed.items() if key in {*annotation, 'occluded'}}
    return result, {**annotation, **changed, 'keypoints': values.ravel().tolist()}


def _shrunk(place: Sequence[float], factor: float) -> list[float]:
    """Return where a place in photo pixels is in the smaller photo."""
    return [(value + 0.5) * factor - 0.5 for value in place]


def main(argv: Sequence[str] | None = None) -> None:
    """Read a set, write each kind's photos and annotation file, say what was written."""
    parser = new_parser(__doc__)
    parser.add_argument('ann_file', type=Path, help='annotations of a converted test set')
    parser.add_argument('photos', type=Path, help="the folder that the photos' names begin in")
    parser.add_argument('out', type=Path, help='data root to write, such as data/300w_hard')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    content = read_annotation_file(args.ann_file)
    names = {image['id']: image['file_name'] for image in content['images']}
    written = {}
    for kind in KINDS:
        images, annotations = [], []
        for face in tqdm(content['annotations'], kind, disable=None):
            photo = read_bgr(args.photos / names[face['image_id']])
            picture, hard = harden(face, photo, kind, args.seed)
            name = f'{kind}/{face["id"]:06d}.png'
            data = cv2.imencode('.png', picture)[1].tobytes()
            write_bytes(args.out / 'images' / name, data)
            height, width = picture.shape[:2]
            size = dict(width=width, height=height, crc32=zlib.crc32(data))
            images.append(dict(id=face['id'], file_name=name, **size))
            annotations.append(hard | dict(image_id=face['id']))
        target = args.out / 'annotations' / f'{args.ann_file.stem}_{kind}.json'
        written[target] = {**content, 'images': images, 'annotations': annotations}
    write_json_files(written)
    print(*written, sep='\n')


if __name__ == '__main__':
    raise SystemExit(exit_on_input_error('hard_faces', main))

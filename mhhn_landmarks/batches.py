"""The steps of `mhhn-landmarks`: from pictures to places of faces, to landmarks, to drawings."""

from __future__ import annotations

import importlib
from argparse import Namespace
from collections.abc import Iterable, Iterator

import numpy as np

from .aligner import Aligner, Face
from .boxes import UserBoxes, squares
from .drawing import draw_landmarks
from .sources import Picture
from .tracking import follow

Located = tuple[Picture, np.ndarray, np.ndarray]  # with squares (N, 5 or 6) and their numbers (N,)


def locate(
    pictures: Iterable[Picture],
    args: Namespace,
    aligner: Aligner,
    user_boxes: UserBoxes | None,
    is_video: bool,
) -> Iterator[Located]:
    """Yield pictures with the squares (N, 5 or 6) of their faces and these faces' numbers (N,).

    >>> picture = Picture('a.jpg', np.zeros((48, 64, 3), np.uint8))
    >>> user_boxes = UserBoxes('10,20,30,20')
    >>> (_, squares, numbers), = locate([picture], Namespace(), Aligner(), user_boxes, False)
    >>> squares
    array([[10., 15., 40., 45.,  1.]])
    """

    def places(picture: Picture) -> np.ndarray:
        if user_boxes:
            height, width = picture.pixels.shape[:2]
            return squares(user_boxes(picture.name, (height, width)))
        return aligner.detect(picture.pixels)

    found = ((picture, places(picture)) for picture in pictures)
    if is_video and not (user_boxes or args.no_tracking):
        return follow(found)
    return ((picture, boxes, np.arange(len(boxes))) for picture, boxes in found)


def in_batches(located: Iterator[Located], batch_size: int) -> Iterator[list[Located]]:
    """Yield pictures whose faces fill a batch, together; at most `batch_size` pictures.

    What was collected before an error is yielded before it is raised.

    >>> picture = Picture('a.jpg', np.zeros((48, 64, 3), np.uint8))
    >>> located = [(picture, np.zeros((faces, 5)), np.arange(faces)) for faces in (1, 1, 2, 1)]
    >>> [len(group) for group in in_batches(iter(located), 2)]
    [2, 1, 1]
    """
    group: list[Located] = []
    failure: BaseException | None = None
    while True:
        try:
            group.append(next(located))
        except StopIteration:
            break
        except (Exception, KeyboardInterrupt) as error:
            failure = error
            break
        if max(sum(len(boxes) for _, boxes, _ in group), len(group)) >= batch_size:
            yield group
            group = []
    if group:
        yield group
    if failure:
        raise failure


def align(
    aligner: Aligner, group: list[Located], args: Namespace
) -> Iterator[tuple[Picture, list[Face], list[int]]]:
    """Run the model on the faces of several pictures; yield each with its faces and numbers.

    >>> from mhhn_landmarks.aligner import OnnxAligner
    >>> picture = Picture('a.jpg', np.zeros((48, 64, 3), np.uint8))
    >>> group = [(picture, np.array([[8, 8, 40, 40, 1.0]]), np.array([0]))]
    >>> args = Namespace(batch=32, boxes='8,8,32,32')
    >>> [faces[0].points.shape for _, faces, _ in align(OnnxAligner('tiny'), group, args)]
    [(68, 2)]
    """
    found = iter(
        aligner.align([(p.pixels, box) for p, boxes, _ in group for box in boxes], args.batch)
    )
    for picture, boxes, names in group:
        faces, numbers = [next(found) for _ in boxes], [int(name) for name in names]
        if not args.boxes:
            kept = {id(face) for face in aligner.keep(faces)}
            pairs = zip(faces, numbers, strict=True)
            numbers = [number for face, number in pairs if id(face) in kept]
            faces = as_it_is = [face for face in faces if id(face) in kept]
            if picture.seconds is None:
                faces = aligner.upright(picture.pixels, as_it_is)
            if faces is not as_it_is:
                numbers = list(range(len(faces)))
        yield picture, faces, numbers


def draw(
    picture: Picture, faces: list[Face], names: list[int], aligner: Aligner, heatmaps: bool
) -> np.ndarray:
    """Return the picture with its landmarks, and its heatmaps at the right if asked for.

    >>> picture = Picture('a.jpg', np.zeros((48, 64, 3), np.uint8))
    >>> draw(picture, [], [], Aligner(), heatmaps=False).shape
    (48, 64, 3)
    """
    drawn = draw_landmarks(picture.pixels, faces, names)
    if not heatmaps:
        return drawn
    drawing = importlib.import_module('mhhn_mmpose.apis.heatmap_drawing')
    heat = drawing.draw_heatmaps(picture.pixels, faces, getattr(aligner, 'activation', None))
    return np.concatenate((drawn, heat), axis=1)

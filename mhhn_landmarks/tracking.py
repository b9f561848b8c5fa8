"""Steady boxes and identities of the faces in a video.

N faces; boxes are squares (left, top, right, bottom, score) in photo pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from .boxes import centers_and_sides, from_centers, overlaps

MATCH = 0.3  # least overlap of a face with itself one frame later
STILL = 0.1  # movements below this fraction of a box's side are smoothed
LEAST = 0.1  # smoothing factor of a box that hardly moves
PATIENCE = 5  # frames for which a face that is not found keeps its box

Item = TypeVar('Item')


def follow(
    frames: Iterable[tuple[Item, np.ndarray]],
) -> Iterator[tuple[Item, np.ndarray, np.ndarray]]:
    """Follow the faces of a video; yield each frame when the next one is known.

    A face counts, from its first frame on, if the next frame has it too: a single false detection
    is none. In a video of one frame every detection counts.

    Args:
        frames: Of each anything, and its detected squares (M, 5).

    Yields:
        tuple: The same thing, squares (N, 5), and the numbers (N,) of their faces, from 0.

    >>> face, nothing = np.array([[0, 0, 9, 9, 1.0]]), np.zeros((0, 5))
    >>> [len(boxes) for _, boxes, _ in follow(enumerate([face, nothing, face, face]))]
    [0, 0, 1, 1]
    """
    track = FaceTracker()
    numbers: dict[int, int] = {}
    held, count = None, 0
    for item, detections in frames:
        boxes, names = track(detections)
        if held:
            yield _confirmed(*held, track.seen_twice, numbers)
        held, count = (item, boxes, names), count + 1
    if held:
        yield _confirmed(*held, track.seen_twice if count > 1 else set(held[2].tolist()), numbers)


def _confirmed(
    item: Item, boxes: np.ndarray, names: np.ndarray, good: set[int], numbers: dict[int, int]
) -> tuple[Item, np.ndarray, np.ndarray]:
    """Keep the faces that were seen twice, numbered in the order of appearance."""
    kept = [index for index, name in enumerate(names.tolist()) if name in good]
    found = [numbers.setdefault(int(names[index]), len(numbers)) for index in kept]
    return item, boxes[kept], np.array(found, dtype=int)


class FaceTracker:
    """Tracks faces by the overlap of their boxes, and smooths small movements of a box.

    Exponential smoothing: the factor grows from `LEAST` for a box that hardly moves to 1 for one
    that moves by `STILL` of its side. A still face has a still box, and a moving one is not late.

    >>> track = FaceTracker()
    >>> _ = track(np.array([[0, 0, 90, 90, 1.0]]))
    >>> boxes, numbers = track(np.array([[9, 0, 99, 90, 1.0], [200, 0, 290, 90, 1.0]]))
    >>> boxes[:, 0].tolist(), numbers.tolist()
    ([9.0, 200.0], [0, 1])
    """

    def __init__(self) -> None:
        self._boxes: np.ndarray | None = None
        self._names = np.zeros(0, dtype=int)
        self._missed = np.zeros(0, dtype=int)
        self._next = 0
        self.seen_twice: set[int] = set()

    def __call__(self, detections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take the next frame's squares (M, 5).

        Returns:
            tuple: Squares (N, 5), and the numbers (N,) by which their faces are known, from 0.
        """
        if self._boxes is None:
            self._boxes = detections[:0]
        pairs = _match(self._boxes, detections)
        self._missed += 1
        for old, new in pairs:
            self._boxes[old] = _smooth_box(self._boxes[old : old + 1], detections[new : new + 1])[0]
            self._missed[old] = 0
            self.seen_twice.add(int(self._names[old]))
        fresh = np.setdiff1d(np.arange(len(detections)), [new for _, new in pairs])
        names = np.arange(self._next, self._next + len(fresh))
        self._next += len(fresh)
        seen_twice = np.isin(self._names, list(self.seen_twice))
        kept = self._missed <= np.where(seen_twice, PATIENCE, 0)
        self._boxes = np.concatenate((self._boxes[kept], detections[fresh]))
        self._names = np.concatenate((self._names[kept], names))
        self._missed = np.concatenate((self._missed[kept], np.zeros(len(fresh), dtype=int)))
        return self._boxes.copy(), self._names.copy()


def _match(old: np.ndarray, new: np.ndarray) -> list[tuple[int, int]]:
    """Pair boxes, those that overlap most first."""
    ious = overlaps(old, new)
    pairs = []
    while ious.size and ious.max() >= MATCH:
        pair = np.unravel_index(ious.argmax(), ious.shape)
        pairs.append((int(pair[0]), int(pair[1])))
        ious[pair[0]] = ious[:, pair[1]] = -1
    return pairs


def _smooth_box(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the box (1, 5), or (1, 6) with its angle, on the way from one to the other."""
    (center, side), (goal, goal_side) = centers_and_sides(old), centers_and_sides(new)
    moved = max(np.abs(goal - center).max(), abs(goal_side - side).max()) / goal_side[0]
    turn = (new[:, 5:] - old[:, 5:] + 180) % 360 - 180
    factor = np.clip(max([moved, *np.radians(np.abs(turn[0]))]) / STILL, LEAST, 1)
    rest = np.column_stack((new[:, 4], old[:, 5:] + factor * turn))
    return from_centers(center + factor * (goal - center), side + factor * (goal_side - side), rest)

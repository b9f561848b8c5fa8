"""Steady boxes and identities of the faces in a video.

N faces; boxes are squares (left, top, right, bottom, score) in photo pixels.
"""

from __future__ import annotations

import numpy as np

from .boxes import centers_and_sides, from_centers, overlaps

MATCH = 0.3  # least overlap of a face with itself one frame later
STILL = 0.1  # share of its side by which a box may move and still be thought to shake
LEAST = 0.1  # share of the way that a shaking box goes
PATIENCE = 5  # frames for which a face that is not found keeps its box


class FaceTracker:
    """Follows faces by the overlap of their boxes, and calms boxes that shake in place.

    A box goes a share of the way to its detection: `LEAST` of it where it hardly moves, all of it
    from `STILL` of its side on. So a still face has a still box and a moving one is not late.
    """

    def __init__(self) -> None:
        self._boxes = np.zeros((0, 5))
        self._names = np.zeros(0, dtype=int)
        self._missed = np.zeros(0, dtype=int)
        self._next = 0

    def __call__(self, detections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take the next frame's squares (M, 5).

        Returns:
            tuple: Squares (N, 5), and the numbers (N,) by which their faces are known, from 0.
        """
        pairs = _match(self._boxes, detections)
        self._missed += 1
        for old, new in pairs:
            self._boxes[old] = _calm(self._boxes[old : old + 1], detections[new : new + 1])[0]
            self._missed[old] = 0
        fresh = np.setdiff1d(np.arange(len(detections)), [new for _, new in pairs])
        names = np.arange(self._next, self._next + len(fresh))
        self._next += len(fresh)
        kept = self._missed <= PATIENCE
        self._boxes = np.concatenate((self._boxes[kept], detections[fresh]))
        self._names = np.concatenate((self._names[kept], names))
        self._missed = np.concatenate((self._missed[kept], np.zeros(len(fresh), dtype=int)))
        return self._boxes.copy(), self._names.copy()


def _match(old: np.ndarray, new: np.ndarray) -> list[tuple[int, int]]:
    """Pair boxes, those that overlap most first."""
    shares = overlaps(old, new)
    pairs = []
    while shares.size and shares.max() >= MATCH:
        pair = np.unravel_index(shares.argmax(), shares.shape)
        pairs.append((int(pair[0]), int(pair[1])))
        shares[pair[0]] = shares[:, pair[1]] = -1
    return pairs


def _calm(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the box (1, 5) on the way from one to the other."""
    (center, side), (goal, goal_side) = centers_and_sides(old), centers_and_sides(new)
    moved = max(np.abs(goal - center).max(), abs(goal_side - side).max()) / goal_side[0]
    share = np.clip(moved / STILL, LEAST, 1)
    return from_centers(
        center + share * (goal - center), side + share * (goal_side - side), new[:, 4]
    )

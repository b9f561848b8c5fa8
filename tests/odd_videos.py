"""Videos as phones, browsers and broken recordings leave them, made of plain ones."""

import struct
from pathlib import Path

import cv2
import numpy as np

PARENTS = b'moov', b'trak', b'mdia', b'minf', b'stbl'


def write_video(path: Path, frames: list[np.ndarray], fps: float = 12.5, code: str = 'mp4v'):
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), fps, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def gray(level: int) -> np.ndarray:
    return np.full((48, 64, 3), level, np.uint8)


def turn(path: Path, degrees: int) -> None:
    """Write a display matrix of that many degrees clockwise into an MP4."""
    cos, sin = [round(f(np.radians(degrees))) * 65536 for f in (np.cos, np.sin)]
    content = bytearray(path.read_bytes())
    start = content.index(b'tkhd') + 44
    content[start : start + 36] = struct.pack('>9i', cos, sin, 0, -sin, cos, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def set_steps(path: Path, steps: list[float]) -> None:
    """Let an MP4's frames last so many seconds each."""
    content = bytearray(path.read_bytes().replace(b'edts', b'free'))  # it ends at the old length
    scale = struct.unpack_from('>I', content, content.index(b'mdhd') + 16)[0]
    start = content.index(b'stts') - 4
    size = struct.unpack_from('>I', content, start)[0]
    entries = b''.join(struct.pack('>2I', 1, round(step * scale)) for step in steps)
    box = struct.pack('>I4sII', 16 + len(entries), b'stts', 0, len(steps)) + entries
    content[start : start + size] = box
    for name in PARENTS:
        place = content.index(name) - 4
        old = struct.unpack_from('>I', content, place)[0]
        struct.pack_into('>I', content, place, old + len(box) - size)
    path.write_bytes(content)

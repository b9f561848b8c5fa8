"""Folders of generated faces that are whole or absent, and know which set they hold."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAMP = 'generated.json'
VERSION = 1  # of the drawing: raise it when the same seed gives other pictures


@contextmanager
def archive_folder(
    out_dir: str | Path, layout: str, counts: dict[str, int], seed: int
) -> Iterator[Path | None]:
    """Gives a temporary folder beside ``out_dir`` that takes its place when all went well.

    Args:
        out_dir: Folder to make; its parents are made too.
        layout: Whose archives these imitate.
        counts: Numbers of faces by their argument's name, at least 1 each.
        seed: Of the set, at least 0.

    Yields:
        The temporary folder, or None where ``out_dir`` holds this very set already.

    Raises:
        ValueError: A count or the seed is out of range, or ``out_dir`` holds something else.
    """
    _check(counts, seed)
    out, stamp = Path(out_dir), dict(layout=layout, version=VERSION, seed=seed, **counts)
    if _is_complete(out, stamp):
        yield None
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f'.{out.name}.', dir=out.parent))
    try:
        yield partial
        (partial / STAMP).write_text(json.dumps(stamp, indent=2) + '\n')
        partial.chmod(0o755)  # mkdtemp's folder is its owner's alone
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check(counts: dict[str, int], seed: int) -> None:
    for name, count in counts.items():
        if not isinstance(count, int) or count < 1:
            raise ValueError(f'{name} must be a whole number of at least 1, got {count!r}')
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f'seed must be a whole number of at least 0, got {seed!r}')


def _is_complete(out: Path, stamp: dict[str, int | str]) -> bool:
    """Whether ``out`` already holds this set; refuses to touch a folder that holds another."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    marker = out / STAMP
    found = json.loads(marker.read_text()) if marker.is_file() else None
    if found != stamp:
        content = 'something else' if found is None else f'a set made with {found}'
        raise ValueError(
            f'{out} holds {content}, not {stamp}; remove it or choose another output folder'
        )
    return True

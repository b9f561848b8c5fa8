"""Writing JSON so that a reader never meets half a file."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json_files(contents: Mapping[str | Path, Any]) -> None:
    """Write several JSON files, all of them or none.

    Each is written in full to a temporary file beside its target; only when every one of them is
    on the disk are they renamed into place. Folders are made as needed.

    Args:
        contents: What to write, keyed by the file's path. NaN and infinity are refused, because
            they are not JSON.

    Raises:
        ValueError: If a value is NaN or infinite.
    """
    staged: list[tuple[str, Path]] = []
    try:
        for path, content in contents.items():
            path = Path(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            staged.append((_stage(path, content), path))
        for temporary, path in staged:
            os.replace(temporary, path)
    finally:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)


def _stage(path: Path, content: Any) -> str:
    """Write ``content`` to a new temporary file beside ``path`` and return its name."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            # ASCII with escapes: xtcocotools reads in the locale's encoding.
            json.dump(content, file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it 0600
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return temporary


def _umask() -> int:
    """Return the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

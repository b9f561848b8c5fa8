"""Writing files so that a reader never meets half of one, and keeping libraries quiet."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

STDERR = 2
_RANDOM_CHARACTERS = 8  # that tempfile.mkstemp puts at the end of a name


def write_json_files(contents: Mapping[str | Path, Any]) -> None:
    """Write several JSON files, all of them or none.

    Each is written in full to a temporary file beside its target; only when every one of them is
    on the disk are they renamed into place. Folders are made as needed.

    Args:
        contents: What to write, keyed by the file's path. NaN and infinity are refused, because
            they are not JSON.

    Raises:
        ValueError: If a value is NaN or infinite.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json_files({f'{folder}/a.json': [1, 2], f'{folder}/b.json': {}})
    ...     sorted(os.listdir(folder))
    ['a.json', 'b.json']
    """
    staged: list[tuple[str, Path]] = []
    try:
        for path, content in contents.items():
            path = Path(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            # ASCII with escapes: xtcocotools reads in the locale's encoding.
            encoded = json.dumps(content, allow_nan=False).encode('ascii')
            staged.append((_stage(path, encoded), path))
        for temporary, path in staged:
            os.replace(temporary, path)
    finally:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file that is there in full or, after a kill or on a full disk, as it was before.

    The folder is made as needed. A kill can leave the temporary file, see `stale_files`.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(f'{folder}/new/a.txt', b'words')
    ...     Path(folder, 'new', 'a.txt').read_bytes()
    b'words'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _stage(path, content)
    try:
        os.replace(temporary, path)
    except OSError:  # such as a folder of that name
        Path(temporary).unlink()
        raise
    _sync_folder(path.parent)


def stale_files(folder: str | Path, suffix: str) -> list[Path]:
    """Temporary files that killed writers of files with this suffix left in a folder.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, '.a.pth.k3x_9abc').touch()
    ...     [file.name for file in stale_files(folder, '.pth')]
    ['.a.pth.k3x_9abc']
    """
    return sorted(Path(folder).glob(f'.*{suffix}.{"?" * _RANDOM_CHARACTERS}'))


@contextmanager
def stderr_to_a_file() -> Iterator[IO[bytes]]:
    """Let what C libraries write to the process's stderr go to a temporary file, which is given.

    It concerns all threads.

    >>> with stderr_to_a_file() as messages:
    ...     _ = os.write(STDERR, b'a warning')
    ...     messages.seek(0), messages.read()
    (0, b'a warning')
    """
    kept = os.dup(STDERR)
    try:
        with tempfile.TemporaryFile() as messages:
            os.dup2(messages.fileno(), STDERR)
            try:
                yield messages
            finally:
                os.dup2(kept, STDERR)
    finally:
        os.close(kept)


def _stage(path: Path, content: bytes) -> str:
    """Write `content` to a new temporary file beside `path` and return its name."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # as on memory sticks, which know no modes
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it 0600
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    """Put a rename on the disk, where the system can (POSIX)."""
    if os.name != 'posix':
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # as on some network drives; the file is in its place
            os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    """Return the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

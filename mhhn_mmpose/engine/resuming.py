"""Which checkpoint to go on from."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from mmengine.logging import print_log


def find_last_checkpoint(work_dir: str | Path) -> Path | None:
    """The newest checkpoint of a run that can be read in full, None if there is none.

    First the one that `last_checkpoint` names, looked for by its name in `work_dir`, which may have
    been moved, and else at its path; then the others, newest first. Those that cannot be read are
    named in the log. Files saved by torch hold a checksum for each tensor, which is compared.

    Args:
        work_dir: The folder of the run; best_*.pth, without an optimiser, do not count.
    """
    for file in _candidates(Path(work_dir)):
        problem = _problem(file)
        if problem is None:
            return file
        print_log(f'{file} cannot be resumed from: {problem}')
    return None


def _candidates(work_dir: Path) -> Iterator[Path]:
    named = []
    record = work_dir / 'last_checkpoint'
    if record.is_file() and (text := record.read_text().strip()):
        here = work_dir / Path(text).name
        named = [here if here.exists() or not Path(text).exists() else Path(text)]
    saved = [*work_dir.glob('epoch_*.pth'), *work_dir.glob('iter_*.pth')]
    by_age = sorted(saved, key=lambda file: file.stat().st_mtime_ns, reverse=True)
    yield from dict.fromkeys([*named, *by_age])


def _problem(file: Path) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        return str(error)
    return damaged and f'{damaged} in it is damaged'

"""Training and testing the rows of a table one after another, each once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quickstart_parts.steps import StepError, Steps, command_environment

from .conditions import ERRORS
from .jobs import LOADERS, Job, TableError, annotations
from .runs import METRICS


def check(jobs: Sequence[Job]) -> None:
    """Refuse what would fail late or mix two trainings, before anything is started.

    Raises:
        TableError: If data are missing, or a folder belongs to a training with other options.
    """
    for job in _with_trained(jobs):
        needed = LOADERS if job.trains is None else LOADERS[2:]
        if missing := [p for p in annotations(job.config, needed) if not p.is_file()]:
            raise TableError(
                f'{job.title}: no {missing[0]}; convert the archive with'
                ' tools/dataset_converters, or say --data-root DATASET=FOLDER'
            )
        if job.file.is_file() and job.file.read_text(encoding='utf-8') != job.text:
            raise TableError(
                f'{job.title}: {job.folder} was made with other options, code or annotations;'
                f' choose another --work-dir, or remove it and {job.file}'
            )
        if job.folder.exists() and not job.file.is_file():
            raise TableError(f'{job.title}: {job.folder} is not from here; choose --work-dir')


def execute(jobs: Sequence[Job], work_dir: Path) -> list[str]:
    """Train and test; what an earlier call finished is left out.

    Returns:
        A message per row that failed; the others are complete.
    """
    failures, failed = [], set()
    trainings = [j for j in _with_trained(jobs) if j.trains is None]
    steps = Steps(work_dir / 'logs', len(trainings) + len(jobs), command_environment())
    for job in trainings:
        _write(job)
        inputs, epochs = [job.file], job.config.train_cfg.max_epochs
        try:
            title = f'train {job.title}'
            steps.run(title, job.train_command, inputs, [job.checkpoint], epochs=epochs)
        except StepError as error:
            failures.append(_one_line(error))
            failed.add(job.folder)
            continue
        for tested in jobs:
            if (tested.trains or tested).folder == job.folder:
                failures += _test(steps, tested)
    return failures


def _test(steps: Steps, job: Job) -> list[str]:
    """Test a row; return what failed."""
    _write(job)
    outputs = [job.folder / METRICS, job.folder / ERRORS]
    try:
        title = f'test {job.title}'
        steps.run(title, job.test_command, [job.file, job.checkpoint], outputs)
    except StepError as error:
        return [_one_line(error)]
    return []


def _one_line(error: StepError) -> str:
    """Return a failure with the last line of its log instead of the last thirty."""
    *log, message = str(error).splitlines()
    return f'{message} ({log[-1].strip()})' if log else message


def _with_trained(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs, each after the one whose checkpoint it takes."""
    every = [j for job in jobs for j in (job.trains, job) if j is not None]
    return list({job.folder: job for job in every}.values())


def _write(job: Job) -> None:
    """Write the config's file, if it is not there; `check` has seen that it would be the same."""
    if not job.file.is_file():
        job.file.parent.mkdir(parents=True, exist_ok=True)
        partial = job.file.with_suffix('.partial')
        partial.write_text(job.text, encoding='utf-8')
        partial.replace(job.file)

"""The error for user input that cannot be used, and how commands end with it."""

import gc
from collections.abc import Callable


class InputError(ValueError):
    """A photo or an annotation cannot be used; the message says which file, and why.

    When a `DataLoader`'s worker raises it, torch raises another one whose message is the worker's
    traceback; this class takes the original message out of it.

    >>> raise InputError('a.jpg: the file is truncated; copy it again')
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: a.jpg: the file is truncated; copy it again
    """

    def __init__(self, message: str):
        if 'Original Traceback' in message:
            message = message.rpartition(f'{type(self).__name__}: ')[2].strip()
        super().__init__(message)


def exit_on_input_error(program: str, main: Callable[[], int | None]) -> int | None:
    """Run a program; on an `InputError` print its message and exit with status 1.

    Args:
        program: Its name.
        main: The program.

    Returns:
        What `main` returns, for an exit status.

    >>> exit_on_input_error('program', lambda: 0)
    0
    """
    try:
        return main()
    except InputError as error:
        message = f'{program}: {error}'
    gc.collect()  # ends the DataLoaders' workers, which may still be about to warn of something
    raise SystemExit(message)

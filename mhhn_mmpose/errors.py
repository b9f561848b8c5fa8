"""What a user's data can have wrong, as an error that every command ends with in plain words."""

from collections.abc import Iterator
from contextlib import contextmanager


class BadDataError(ValueError):
    """A photo or an annotation cannot be used; the message says which file, and why.

    Of a `DataLoader`'s worker torch raises the error anew, with the worker's traceback for a
    message; what was said is taken out of it.
    """

    def __init__(self, message: str):
        if 'Original Traceback' in message:
            message = message.rpartition(f'{type(self).__name__}: ')[2].strip()
        super().__init__(message)


@contextmanager
def ending_on_bad_data(program: str) -> Iterator[None]:
    """End the program with status 1 and the message alone where data are bad."""
    try:
        yield
    except BadDataError as error:
        raise SystemExit(f'{program}: {error}') from error

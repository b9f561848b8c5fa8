"""What a user's data can have wrong, as an error that every command ends with in plain words."""

import gc
from collections.abc import Callable


class InputError(ValueError):
    """A photo or an annotation cannot be used; the message says which file, and why.

    Of a `DataLoader`'s worker torch raises the error anew, with the worker's traceback for a
    message; what was said is taken out of it.
    """

    def __init__(self, message: str):
        if 'Original Traceback' in message:
            message = message.rpartition(f'{type(self).__name__}: ')[2].strip()
        super().__init__(message)


def exit_on_input_error(program: str, main: Callable[[], int | None]) -> int | None:
    """Run a program; where data are bad it ends with status 1 and the message for its last words.

    Args:
        program: Its name.
        main: The program.

    Returns:
        What ``main`` returns, for an exit status.
    """
    try:
        return main()
    except InputError as error:
        message = f'{program}: {error}'
    gc.collect()  # ends the DataLoaders' workers, which may still be about to warn of something
    raise SystemExit(message)

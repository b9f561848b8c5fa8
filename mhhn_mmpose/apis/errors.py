"""What a user can mend."""


class DemoError(ValueError):
    """Nothing can be done with what the user gave; the message is one line and says what to do."""

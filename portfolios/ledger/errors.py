"""The one error of the pure core."""


class BadInput(ValueError):
    """Say that data from outside the core cannot be used; the message is a sentence that names what and where."""

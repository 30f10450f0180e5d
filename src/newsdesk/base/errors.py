"""The error class for mistakes that a user can correct."""


class NewsdeskError(Exception):
    """An error that a user can correct; the command line prints its message and exits with 2."""

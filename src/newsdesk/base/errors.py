"""The error class for mistakes that a user can correct."""

from typing import ClassVar


class NewsdeskError(Exception):
    """An error that a user can correct; the command line prints its message and exits with its code."""

    exit_code: ClassVar[int] = 2

"""The one error class for what a user can mend: the CLI prints its message in one line and exits 2."""


class NewsdeskError(Exception):
    """Something the user can mend; the message names the thing, what was found and what to do."""

"""An API key that requests have to bring, from a file or an environment variable."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from pathlib import Path

from newsdesk.base.errors import NewsdeskError

VARIABLE = "NEWSDESK_API_KEY"
# With `Basic` a browser asks for the key, as the password, before it shows the page. Each is a header of its
# own, because Chromium reads the first challenge of a header alone.
CHALLENGES = ('Bearer realm="newsdesk"', 'Basic realm="newsdesk"')


def read_api_key(file: Path | None) -> str | None:
    """Return the key of a file, or else of the environment variable `NEWSDESK_API_KEY`; None is no key.

    Raises
    ------
    NewsdeskError
        If the file cannot be read, both are given, or the key is empty or has other than visible ASCII
        characters.
    """
    if file and VARIABLE in os.environ:
        raise NewsdeskError(f"--api-key-file and the variable {VARIABLE} exclude each other")
    if file:
        try:
            source, key = str(file), file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
            raise NewsdeskError(f"API key file {file}: {reason}") from None
    elif VARIABLE in os.environ:
        source, key = VARIABLE, os.environ[VARIABLE].strip()
    else:
        return None
    if not key or not all("!" <= character <= "~" for character in key):
        raise NewsdeskError(f"{source}: expected an API key of visible ASCII characters without spaces")
    return key


def brings_key(authorization: str, key: str) -> bool:
    """Whether a header `Authorization` has the key, as `Bearer KEY` or as the password of `Basic`.

    Examples
    --------
    >>> brings_key("Bearer s3cret", "s3cret"), brings_key("Bearer guess", "s3cret")
    (True, False)
    """
    scheme, _, credentials = authorization.strip().partition(" ")
    given = credentials.strip().encode("latin-1", "replace")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given, key.encode())

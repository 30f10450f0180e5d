"""The hash of what JSON holds, whatever the order of its keys and the layout of its file."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def sha256_of_json(content: Any) -> str:
    """Hash content as JSON in UTF-8 with sorted keys and no spaces, as 64 hex digits.

    Raises
    ------
    ValueError
        If it holds a number that JSON has not: NaN or an infinity.
    """
    form = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(form.encode()).hexdigest()

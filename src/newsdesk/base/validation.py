"""Describe the first validation error of a document in one line."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

EXPECTED = {
    "missing": "a value",
    "extra_forbidden": "no such key",
    "string_type": "text (quote a code of digits)",
    "string_pattern_mismatch": "text matching {pattern}",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "too_short": "an entry or more",
}
MAX_SHOWN = 60


def describe_error(error: ValidationError, document: object) -> str:
    """Return where the first error is, what was expected there and what was found."""
    first = error.errors(include_url=False)[0]
    context = first.get("ctx", {})
    if first["type"] == "value_error":
        expected = str(context["error"])  # the message of a validator of ours
    else:
        wanted = EXPECTED.get(first["type"], first["msg"].removeprefix("Input should be "))
        expected = f"expected {wanted.format_map(context)}"
    found = "nothing" if first["type"] == "missing" else shorten(first["input"])
    return f"{_path(first['loc'], document) or 'the file'}: {expected}, found {found}"


def shorten(value: object) -> str:
    """Return the representation of a value in one line of at most `MAX_SHOWN` characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def _path(location: Iterable[int | str], document: object) -> str:
    """Return the path of an entry, with the ids on the way: `regions[2] (asia).countries[0]`."""
    path, node = "", document
    for step in location:
        try:
            node = node[step]  # type: ignore[index]  # untyped YAML; a missing key ends the walk
        except (KeyError, IndexError, TypeError):
            node = None
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
        if isinstance(node, dict) and isinstance(node.get("id"), str):
            path += f" ({node['id']})"
    return path.removeprefix(".")

"""The base of checked models, and their first validation error in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from newsdesk.base.errors import NewsdeskError

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


class FrozenModel(BaseModel):
    """A model that forbids unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@contextmanager
def checking(document: object, path: Path) -> Iterator[None]:
    """Turn the validation error of a document into an error that names the file and the entry."""
    try:
        yield
    except ValidationError as error:
        raise NewsdeskError(f"{path}: {_describe(error, document)}") from None


def _describe(error: ValidationError, document: object) -> str:
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

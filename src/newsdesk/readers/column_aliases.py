"""Find the columns that hold each field of an article, by a table of names or by the user's choice.

The names are in `column_aliases.tsv`. A column is compared without letter case, invisible marks, signs and
variants of Arabic spelling, so `Full Text`, `fullText` and `full_text` are one name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from newsdesk.base.columns import Columns
from newsdesk.base.normalization import normalize
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.refusals import RefusalError

OPTIONS = {
    "text": "text_column",
    "title": "title_column",
    "article_id": "id_column",
    "source": "source_column",
    "published": "date_column",
    "home": "home_column",
}
_ARTICLE = re.compile(r"\bال(?=\w\w)")
_MAX_NAMES, _MAX_CHARS = 200, 10_000  # of the names of a record that are remembered
_SHOWN_NAMES = 20


@dataclass(frozen=True, slots=True)
class FoundColumns:
    """The columns of a table or record, as written, by the field that they hold."""

    names: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]  # several columns of a field are an error if their values differ
    carried: Mapping[str, tuple[str, ...]]
    chosen: Mapping[str, str]  # by field


def _read_aliases() -> dict[str, tuple[str, ...]]:
    aliases: dict[str, tuple[str, ...]] = {}
    content = files("newsdesk.readers").joinpath("column_aliases.tsv").read_text("utf-8")
    for row in content.splitlines()[1:]:
        field, name = row.split("\t")
        aliases[field] = (*aliases.get(field, ()), name)
    return aliases


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """Return a name as it is compared; a leading underscore marks a name that means no field.

    Examples
    --------
    >>> plain_name(' "Full-Text" '), plain_name("العُنوان"), plain_name("_id")
    ('fulltext', 'عنوان', '_id')
    """
    if name.startswith("_"):
        return name
    words = _ARTICLE.sub("", normalize(name))
    return "".join(char for char in words if char.isalnum())


ALIASES = _read_aliases()
_FIELDS = {plain_name(name): field for field, names in ALIASES.items() for name in names}


_last: tuple[tuple[str, ...], ReadOptions | None, FoundColumns] = ((), None, FoundColumns((), {}, {}, {}))


def find_columns(names: Iterable[str], options: ReadOptions) -> FoundColumns:
    """Find the columns of a record or table by their names."""
    global _last
    names = tuple(names)
    last_names, last_options, found = _last
    if names == last_names and options is last_options:  # as in each row of a table
        return found
    found = _look_up(names, options)
    _last = names, options, found
    return found


def _look_up(names: tuple[str, ...], options: ReadOptions) -> FoundColumns:
    if len(names) > _MAX_NAMES or sum(map(len, names)) > _MAX_CHARS:
        return _find_columns.__wrapped__(names, options.columns, options.carry)
    return _find_columns(names, options.columns, options.carry)


@lru_cache(maxsize=1024)
def _find_columns(names: tuple[str, ...], columns: Columns, carry: tuple[str, ...]) -> FoundColumns:
    options = columns.chosen
    chosen = {field: options[option] for field, option in OPTIONS.items() if option in options}
    fields = {field: _matching(name, names) for field, name in chosen.items()}
    taken = {name for found in fields.values() for name in found}
    for name in names:
        field = _FIELDS.get(plain_name(name))
        if field and field not in chosen and not (name in taken and field in OPTIONS):
            fields[field] = (*fields.get(field, ()), name)
    found = {field: held_by for field, held_by in fields.items() if held_by}
    carried = {name: held_by for name in carry if (held_by := _matching(name, names))}
    return FoundColumns(names, found, carried, chosen)


def _matching(wanted: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names equal to the wanted one as written, else without case, else as compared."""
    for form in (str, _trimmed, plain_name):
        if found := tuple(name for name in names if form(name) == form(wanted)):
            return found
    return ()


def _trimmed(name: str) -> str:
    return name.strip().lower()


def map_header(names: Sequence[str], options: ReadOptions) -> FoundColumns:
    """Find the columns of a table by its header.

    Raises
    ------
    RefusalError
        If no column holds the text, a column that the user chose is missing, or two columns mean the same.
    """
    found = find_columns(names, options)
    for field, name in found.chosen.items():
        if field not in found.fields:
            raise missing_column(name, OPTIONS[field], names)
    for what, columns in (*found.fields.items(), *found.carried.items()):
        if len(columns) > 1:
            raise same_meaning(what, columns)
    check_text_column(found)
    return found


def has_text_column(names: Iterable[str]) -> bool:
    """Return whether one of the columns can hold the text."""
    return any(_FIELDS.get(plain_name(name)) == "text" for name in names)


def count_known(names: Iterable[str]) -> int:
    """Return the number of columns that can hold a field of an article."""
    return sum(plain_name(name) in _FIELDS for name in names)


def check_text_column(found: FoundColumns) -> None:
    """Refuse a record or table in which no column holds the text."""
    if "text" in found.fields:
        return
    if name := found.chosen.get("text"):
        raise missing_column(name, OPTIONS["text"], found.names)
    expected = ", ".join(ALIASES["text"][:4])
    raise RefusalError(
        "missing_column",
        f"no text column ({expected}, …) among: {_join(found.names)}; name it with --text-column",
    )


def missing_column(name: str, option: str, names: Sequence[str]) -> RefusalError:
    """Return the error for a column that the user chose and the table lacks."""
    flag = option.replace("_", "-")
    return RefusalError("missing_column", f"no column {printable(name)} (--{flag}) among: {_join(names)}")


def same_meaning(what: str, columns: Sequence[str]) -> RefusalError:
    """Return the error for several columns that hold the same field."""
    option = OPTIONS.get(what)
    if option and len(set(columns)) > 1:
        way_out = f"name one with --{option.replace('_', '-')}"
    else:
        way_out = "rename or remove one"
    return RefusalError("bad_record", f"several columns mean the {what}: {_join(columns)}; {way_out}")


def _join(names: Sequence[str]) -> str:
    shown = [printable(name) for name in names[:_SHOWN_NAMES]]
    return ", ".join([*shown, "…"] if len(names) > _SHOWN_NAMES else shown) or "none"


def printable(name: str) -> str:
    r"""Return a name with its invisible characters escaped, as `title\u200f`."""
    return "".join(_escape(char) if unicodedata.category(char)[0] == "C" else char for char in name)


def _escape(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode() if ord(char) > 127 else f"\\x{ord(char):02x}"

"""Print which columns hold the fields of an article, once for each mapping."""

from __future__ import annotations

import textwrap
from pathlib import PurePath

from newsdesk.base.console import note
from newsdesk.readers.column_aliases import OPTIONS, FoundColumns, printable

WIDTH = 80
MAX_NOTES = 5
MAX_UNUSED = 5
_MAX_REMEMBERED = 1000


class ColumnNotes:
    """Print each mapping of columns once on standard error; for the `on_columns` of readers.

    A mapping is printed if a column is not named as its field, or if there is no title among other columns.
    """

    def __init__(self) -> None:
        self._names: set[tuple[str, ...]] = set()
        self._printed: set[str] = set()

    def __call__(self, found: FoundColumns, file: str) -> None:
        """Print the mapping of a record or table of a file."""
        if found.names in self._names or len(self._names) == _MAX_REMEMBERED:
            return
        self._names.add(found.names)
        text = describe_columns(found)
        if text is None or text in self._printed or len(self._printed) == MAX_NOTES:
            return
        self._printed.add(text)
        message = f"columns: {text} ({PurePath(file).name})"
        note(textwrap.fill(message, WIDTH, subsequent_indent="  ", break_on_hyphens=False))


def describe_columns(found: FoundColumns) -> str | None:
    """Describe a mapping as `text=body, title=headline`; None if the columns are named as the fields."""
    fields = {field: found.fields[field] for field in OPTIONS if field in found.fields}
    shown = [
        f"{OPTIONS[field].removesuffix('_column')}={' or '.join(map(printable, columns))}"
        for field, columns in fields.items()
    ]
    used = {name for columns in found.fields.values() for name in columns}
    unused = [printable(name) for name in found.names if name not in used]
    is_plain = all(
        columns in ((field,), (OPTIONS[field].removesuffix("_column"),)) for field, columns in fields.items()
    )
    has_title = "title" in found.fields or not unused
    if is_plain and has_title:
        return None
    if not has_title:
        more = ", …" if len(unused) > MAX_UNUSED else ""
        shown.append(f"no title, not used: {', '.join(unused[:MAX_UNUSED])}{more}")
    return ", ".join(shown)

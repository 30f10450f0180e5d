"""The columns of the user's choice: the same five names as options, settings and arguments."""

from __future__ import annotations

from pydantic import Field

from newsdesk.base.validation import FrozenModel


class Columns(FrozenModel):
    """Columns of a table, or keys of JSON records, that hold a field; None where the names decide."""

    text_column: str | None = Field(None, min_length=1, description="Column of the text")
    title_column: str | None = Field(None, min_length=1, description="Column of the title")
    id_column: str | None = Field(None, min_length=1, description="Column of the identifier")
    source_column: str | None = Field(None, min_length=1, description="Column of the source")
    date_column: str | None = Field(None, min_length=1, description="Column of the time of publication")

    @property
    def chosen(self) -> dict[str, str]:
        """The names that were given, by option, such as `text_column`."""
        return {option: name for option, name in self if name is not None}

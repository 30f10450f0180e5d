"""How corpora are read: the columns of the user's choice, and the layout of a corpus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, field_validator

from newsdesk.base.validation import FrozenModel

Layout = Literal["text", "title_line", "headline", "python_lists"]
ArticleField = Literal[
    "source", "key", "title", "text", "url", "published", "section", "kind", "topic", "home"
]


class Columns(FrozenModel):
    """Columns of a table, or keys of JSON records, that hold a field; None where the names decide."""

    text_column: str | None = Field(None, min_length=1, description="Column of the text")
    title_column: str | None = Field(None, min_length=1, description="Column of the title")
    id_column: str | None = Field(None, min_length=1, description="Column of the identifier")
    source_column: str | None = Field(None, min_length=1, description="Column of the source")
    date_column: str | None = Field(None, min_length=1, description="Column of the time of publication")
    home_column: str | None = Field(None, min_length=1, description="Column of the home country")

    @property
    def chosen(self) -> dict[str, str]:
        """The names that were given, by option, such as `text_column`."""
        names = {option: getattr(self, option) for option in Columns.model_fields}
        return {option: name for option, name in names.items() if name is not None}


class Corpus(Columns):
    """How a corpus is read, where its format and the names of its columns do not show it."""

    fields: dict[ArticleField, str] = Field(
        {},
        description="Value of a field, such as `key: 'news:{id}'`: names in braces are columns of the "
        "record, or `path`, `folder` and `stem` of its file, or `index`, its number from 0; an empty value "
        "is no value",
    )
    layout: Layout | None = Field(
        None,
        description="Files of text: `text` alone, below a `title_line`, below a first line that may be a "
        "`headline`; or lines of `python_lists`",
    )
    opening: str | None = Field(
        None, min_length=1, description="Regular expression of what texts begin with, which is left out"
    )
    needs_opening: bool = Field(False, description="Leave out articles without the opening")

    @field_validator("opening")
    @classmethod
    def _check_opening(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"expected a regular expression ({error})") from None
        return value


def find_corpus(corpora: Mapping[str, Corpus], root: str, file: str) -> Corpus | None:
    """Find how a file of an input is read: `root` is the input's name, `file` the path within its folder.

    An entry is named as its input, or by a pattern of files in it, such as `feeds/sport-*.xml`. If an input
    has entries for patterns alone, files that match none are left out (None).
    """
    patterns = [name for name in corpora if name.startswith(f"{root}/")]
    for pattern in patterns:
        if fnmatchcase(f"{root}/{file}", pattern):
            return corpora[pattern]
    return corpora.get(root, None if patterns else Corpus())

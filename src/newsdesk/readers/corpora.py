"""Fields of articles as the settings of their corpus compose them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from newsdesk.base.columns import Corpus
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.refusals import RefusalError

Fields = Mapping[str, tuple[str, Any]]  # the column and the value of each field

_NAME = re.compile(r"\{([^{}]+)\}")


def compose(values: Fields, record: Mapping[str, Any], position: int, options: ReadOptions) -> Fields:
    """Return the fields of a record with those that its corpus composes, the text without its opening."""
    corpus = options.corpus
    file = PurePath(options.path)
    names = {"path": options.path, "folder": file.parent.name, "stem": file.stem, "index": position - 1}
    composed: dict[str, tuple[str, Any]] = {
        field: (field, _fill(template, {**names, **record})) for field, template in corpus.fields.items()
    }
    if "key" in composed:
        composed["article_id"] = composed["key"]
    values = {**values, **composed}
    if "text" in values:
        values["text"] = (values["text"][0], _drop_opening(values["text"][1], corpus))
    return values


def _fill(template: str, values: Mapping[str, Any]) -> str | None:
    """Return a template with its names replaced; None if nothing is left."""
    for name in _NAME.findall(template):
        if name not in values:
            detail = f"no column {name}, of which `corpora` composes a field, among: {', '.join(values)}"
            raise RefusalError("missing_column", detail)
    filled = _NAME.sub(lambda name: _as_text(values[name[1]]), template)
    return filled.strip() or None


def _as_text(value: Any) -> str:
    """Return the value of a column as text: a list of texts as its lines."""
    is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return "" if value is None else "\n".join(value) if is_list else str(value)


def _drop_opening(text: Any, corpus: Corpus) -> Any:
    if not isinstance(text, str) or corpus.opening is None:
        return text
    text = text.lstrip()
    if found := re.match(corpus.opening, text):
        return text[found.end() :].lstrip()
    if corpus.needs_opening:
        raise RefusalError("not_selected", "the text does not begin as those of the corpus do")
    return text

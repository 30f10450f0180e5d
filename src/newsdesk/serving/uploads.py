"""Read an uploaded file of text with the readers of `newsdesk predict`."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

from pydantic import ValidationError

from newsdesk.base.schema import Refusal
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.inference.home import HomeCountries
from newsdesk.inference.scorer import Scorer
from newsdesk.readers import Limits
from newsdesk.readers.dispatch import read_file
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.refusals import Provenance, refuse_on_error
from newsdesk.serving.schemas import MAX_ARTICLES, MAX_CHARACTERS, ArticleIn

# With these limits a hostile file takes seconds; without them some took two minutes. No archive is opened,
# because a small one can hold more than memory does.
LIMITS = Limits(max_field_chars=MAX_CHARACTERS, max_line_bytes=1 << 20, max_nesting=0)
MAX_ROWS = 10 * MAX_ARTICLES  # with those that are left out


def read_upload(
    content: bytes, *, name: str, sections: Sequence[str], countries: HomeCountries
) -> dict[str, Any]:
    """Return the content of an `ArticlesOut` for a file of any text format.

    The suffix of the name decides where the content is ambiguous, as for a file of `newsdesk predict`.
    """
    articles: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    details: dict[str, str] = {}
    file = Provenance("upload", name or "-")
    options = ReadOptions(tuple(sections), LIMITS)
    rows = refuse_on_error(file, read_file(io.BytesIO(content), file, options))
    answer = {"articles": articles, "left_out": left_out, "details": details}
    for row in islice(rows, MAX_ROWS):
        if isinstance(row, Refusal):
            left_out[row.reason] += 1
            details.setdefault(row.reason, row.detail)
        elif row.kind == "teaser":
            left_out["teaser"] += 1
        elif len(articles) == MAX_ARTICLES:
            return answer | {"complete": False}
        else:
            try:
                [home] = countries.known([row.home])
                article = ArticleIn(article_id=row.article_id, title=row.title, text=row.text, home=home)
            except ValidationError:
                left_out["bad_record"] += 1
            else:
                articles.append(article.model_dump())
    return answer | {"complete": next(rows, None) is None}


def sections_of(scorer: Scorer) -> tuple[str, ...]:
    """Return the section labels that a model's taxonomy knows, by which teasers of a page are found."""
    taxonomy = scorer.info.get("taxonomy")
    return Taxonomy.model_validate(taxonomy).sections if taxonomy else ()

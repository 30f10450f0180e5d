"""Requests and responses as pydantic models; their names and fields are the public OpenAPI schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from newsdesk.serving.limits import MAX_ARTICLES, MAX_CHARACTERS, check_text

Text = Annotated[str, Field(max_length=MAX_CHARACTERS), AfterValidator(check_text)]


class ArticleIn(BaseModel):
    """An article as plain text."""

    model_config = ConfigDict(extra="forbid")

    article_id: Annotated[Text, Field(max_length=1000)] | None = Field(
        None, description="Returned unchanged."
    )
    title: Text | None = None
    text: Text | None = Field(description="For null or empty text the response gives a reason.")


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    profile: Literal["balanced", "high_precision", "high_recall"] = Field(
        "balanced", description="Set of thresholds; not every model has all."
    )
    explain: bool = Field(False, description="Return the contributions to each label's score.")
    top: int = Field(20, ge=1, le=1000, description="Number of contributions for each label.")


class Batch(_Options):
    """A list of articles."""

    articles: list[ArticleIn] = Field(max_length=MAX_ARTICLES)


class Single(_Options, ArticleIn):
    """One article."""


def _tag(body: Any) -> str:
    is_batch = "articles" in body if isinstance(body, Mapping) else isinstance(body, Batch)
    return "batch" if is_batch else "single"


Body = Annotated[
    Annotated[Batch, Tag("batch")] | Annotated[Single, Tag("single")], Discriminator(_tag)
]  # fmt: skip


class ContributionOut(BaseModel):
    """One term's share of a score; `start` and `end` count code points, not UTF-16 units."""

    part: Literal["title", "text"] | None
    start: int | None
    end: int | None
    surface: str
    kind: Literal["word", "chars", "place", "remainder"]
    term: str
    value: float


class EvidenceOut(BaseModel):
    """`score` is the log-odds of `probability`, and the sum of `intercept` and all contributions."""

    task: str
    label: str
    score: float
    intercept: float
    probability: float
    threshold: float
    contributions: list[ContributionOut]


class Row(BaseModel):
    """The prediction for one article; labels by descending probability."""

    article_id: str | None
    regions: list[str]
    topics: list[str]
    region_scores: dict[str, float]
    topic_scores: dict[str, float]
    reason: Literal["too_short", "not_arabic", "no_evidence", "ambiguous"] | None = Field(
        description="Why there is no label; null if there is one."
    )
    title: str | None = Field(None, description="The title as scored, with `explain`; offsets refer to it.")
    text: str | None = Field(None, description="The text as scored, with `explain`; offsets refer to it.")
    evidence: list[EvidenceOut] | None = Field(None, description="Evidence for each label, with `explain`.")


class ModelOut(BaseModel):
    """The model that made the predictions."""

    name: str
    version: str
    sha256: str
    loaded: str


class Answer(BaseModel):
    """One row for each article, in order, all by one model."""

    model: ModelOut
    profile: str
    thresholds: dict[str, dict[str, float]]
    predictions: list[Row]


class ErrorOut(BaseModel):
    """An error; `details` lists the fields at fault."""

    error: str
    message: str
    details: list[dict[str, str]] = []


TITLE = "شرطة باريس توقف مشتبهاً به في هجوم محطة القطارات"
TEXT = "أعلنت الشرطة الفرنسية أنها أوقفت رجلاً يشتبه في أنه ساعد منفذ الهجوم الإرهابي على محطة في باريس."
EXAMPLES = {
    "single": {"summary": "One article", "value": {"title": TITLE, "text": TEXT}},
    "batch": {
        "summary": "Several, with evidence",
        "value": {
            "articles": [{"article_id": "a1", "title": TITLE, "text": TEXT}],
            "explain": True,
            "top": 5,
        },
    },
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Answer},
    **{status: {"model": ErrorOut} for status in (400, 408, 413, 415, 422, 503)},
}

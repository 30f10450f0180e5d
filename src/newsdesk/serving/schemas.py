"""Requests and responses; the names and fields of the models are the public OpenAPI schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError
from starlette.responses import Response

MAX_ARTICLES = 1000
MAX_EXPLAINED = 50  # articles of a request with `explain`
MAX_CHARACTERS = 100_000
STATUS_CODES = {
    400: "bad_request", 401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 408: "too_slow",
    413: "too_large", 415: "not_json", 422: "not_understood", 500: "internal", 503: "not_ready",
}  # fmt: skip
# After 413 the rest of the body is read and dropped: most clients see no response before they have sent it.
_HEADERS = {408: {"connection": "close"}, 503: {"retry-after": "2"}}
NOT_READY = "the model is not ready yet; try again in a moment"
MAX_ERRORS = 10
MAX_ERROR_CHARS = 200


def check_text(text: str) -> str:
    """Return the text; refuse NUL characters."""
    if "\0" in text:
        raise PydanticCustomError("nul", "holds a NUL character")
    return text


Text = Annotated[
    str,
    Field(max_length=MAX_CHARACTERS, json_schema_extra={"pattern": r"^[^\u0000]*$"}),
    AfterValidator(check_text),
]


def as_whole(value: Any) -> Any:
    """Return 5 for 5.0, which JSON does not tell apart, and other values unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[int, BeforeValidator(as_whole)]


class ArticleIn(BaseModel):
    """An article as plain text."""

    model_config = ConfigDict(extra="forbid")

    article_id: Annotated[Text, Field(max_length=1000)] | None = Field(
        None, description="Returned unchanged."
    )
    title: Text | None = None
    text: Text | None = Field(description="For null or empty text the response gives a reason.")
    home: Annotated[Text, Field(json_schema_extra={"pattern": "^[A-Za-z]{2}$"})] | None = Field(
        None, description="ISO 3166-1 code of the country that the source writes from, such as DZ."
    )


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    profile: Literal["balanced", "high_precision", "high_recall"] = Field(
        "balanced", description="Set of thresholds; not every model has all."
    )
    explain: bool = Field(False, strict=True, description="Return the contributions to each label's score.")
    top: WholeNumber = Field(
        20, ge=1, le=1000, strict=True, description="Number of contributions for each label."
    )


class Batch(_Options):
    """A list of articles; fewer of them with `explain`."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"explain": {"const": True}}, "required": ["explain"]},
            "then": {"properties": {"articles": {"maxItems": MAX_EXPLAINED}}},
        }
    )

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
    kind: Literal["word", "chars", "place", "home", "remainder"]
    term: str
    value: float
    in_lead: bool


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
    """The prediction for one article; the main label comes first."""

    article_id: str | None
    regions: list[str]
    topics: list[str]
    region_scores: dict[str, float]
    topic_scores: dict[str, float]
    reason: Literal["stub", "too_short", "not_arabic", "no_evidence", "ambiguous"] | None = Field(
        description="Why there is no label; null if there is one."
    )
    main_region: str | None = Field(description="The first of `regions`.")
    main_topic: str | None = Field(description="The first of `topics`.")
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


class ArticlesOut(BaseModel):
    """The articles of a file, as `/predict` takes them."""

    articles: list[ArticleIn] = Field(max_length=MAX_ARTICLES)
    left_out: dict[str, int] = Field(description="Number of other rows by reason.")
    details: dict[str, str] = Field(description="What is wrong with the first refused row, by reason.")
    complete: bool = Field(description="Whether the file was read to its end.")


class HealthOut(BaseModel):
    """The state of the process."""

    status: Literal["loading", "ready", "degraded", "stopping"]
    trouble: str | None = Field(description="Why the model could not be updated.")
    model: ModelOut


class ReadyOut(BaseModel):
    """The model is loaded and warm, and the server is not stopping."""

    status: Literal["ready"]


class LabelOut(BaseModel):
    """A label, with its names."""

    id: str
    english: str
    arabic: str


class VersionOut(BaseModel):
    """Versions of newsdesk and of the model, with its labels by task."""

    newsdesk: str
    model: ModelOut
    profiles: list[str]
    labels: dict[str, list[LabelOut]]


class ErrorOut(BaseModel):
    """An error; `details` lists the fields at fault, each with `at`, `type` and `message`."""

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


def responses_of(answer: type[BaseModel] | None, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a path for the OpenAPI document: its answer, and errors."""
    answered: dict[int | str, dict[str, Any]] = {200: {"model": answer}} if answer else {}
    return answered | {status: {"model": ErrorOut} for status in (*statuses, 401)}


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response; lone surrogates, which UTF-8 cannot encode, become question marks."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(body, status, headers, media_type="application/json")


def error_response(status: int, message: str, details: Sequence[Mapping[str, str]] = ()) -> Response:
    """Return an error in the form of `ErrorOut`."""
    content = {"error": STATUS_CODES.get(status, "refused"), "message": message, "details": list(details)}
    return json_response(content, status, _HEADERS.get(status, {}))


def describe_errors(errors: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, str]]]:
    """Return the first validation error as a sentence, and the first ten as details, without the input."""
    details = []
    for error in errors[:MAX_ERRORS]:
        location = error["loc"][2:] if error["loc"][1:2] in (("single",), ("batch",)) else error["loc"][1:]
        cause = f": {error['ctx']['error']}" if error["type"] == "json_invalid" else ""
        at, message = ".".join(map(str, location)), f"{error['msg']}{cause}"
        shown = {"at": at[:MAX_ERROR_CHARS], "message": message[:MAX_ERROR_CHARS]}
        details.append(shown | {"type": error["type"]})
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{details[0]['at'] or 'body'}: {details[0]['message']}{more}", details

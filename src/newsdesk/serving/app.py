"""The model over HTTP: JSON in and out, limits at the door, and a page to try it with."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsdesk import __version__
from newsdesk.inference.decision import PROFILES
from newsdesk.inference.explain import explain
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.text import repair_text
from newsdesk.serving.model_watcher import Live, Loaded, Log

PAGE = Path(__file__).with_name("static")
MAX_BYTES = 8 << 20
MAX_ARTICLES = 1000
MAX_EXPLAINED = 50  # articles of a request that asks for evidence
MAX_CHARACTERS = 100_000
MAX_MARKS = 31  # on one letter; Unicode's Stream-Safe Text Format allows 30
MAX_ERRORS = 10
BODY_SECONDS = 30.0
SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
STATUS_CODES = {
    400: "bad_request", 404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large",
    415: "not_json", 422: "not_understood", 500: "internal", 503: "not_ready",
}  # fmt: skip
BROKEN = {"json_invalid", "string_unicode", "nul"}  # what is no text at all is 400, not 422


@cache
def _marks(*, exact: bool) -> re.Pattern[str]:
    """More marks on a letter than any spelling has: composing them takes time that grows as their square.

    Unless `exact`, all characters of the higher planes count as marks: so it is looked for 20 times as fast.
    """
    marks, between = [] if exact else ["\U00010000-\U0010ffff"], ["\u0640"]
    for code in range(sys.maxunicode + 1 if exact else 0x10000):
        if unicodedata.combining(chr(code)):
            marks.append(re.escape(chr(code)))
        elif unicodedata.category(chr(code)) in ("Cf", "Mn", "Me"):
            between.append(re.escape(chr(code)))
    mark, others = f"[{''.join(marks)}]", f"[{''.join(between)}]*+"
    return re.compile(f"{mark}(?:{others}{mark}){{{MAX_MARKS}}}")


def _check_text(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "holds a NUL character")
    if _marks(exact=False).search(text) and _marks(exact=True).search(text):
        raise PydanticCustomError("marks", "holds a letter with more than {most} marks", {"most": MAX_MARKS})
    return text


Text = Annotated[str, Field(max_length=MAX_CHARACTERS), AfterValidator(_check_text)]
TITLE = "شرطة باريس توقف مشتبهاً به في هجوم محطة القطارات"
TEXT = "أعلنت الشرطة الفرنسية أنها أوقفت رجلاً يشتبه في أنه ساعد منفذ الهجوم الإرهابي على محطة في باريس."


class ArticleIn(BaseModel):
    """An article: plain text, as a person reads it."""

    model_config = ConfigDict(extra="forbid")

    article_id: Annotated[Text, Field(max_length=1000)] | None = Field(
        None, description="Answered as it came."
    )
    title: Text | None = None
    text: Text | None = Field(description="Null or empty text is answered with a reason.")


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    profile: Literal["balanced", "high_precision", "high_recall"] = Field(
        "balanced", description="Which of the model's thresholds decide; not every model has all."
    )
    explain: bool = Field(False, description="Tell what speaks for and against each label.")
    top: int = Field(20, ge=1, le=1000, description="How many contributions of each label to tell.")


class Batch(_Options):
    """Articles, answered in their order."""

    articles: list[ArticleIn] = Field(max_length=MAX_ARTICLES)


class Single(_Options, ArticleIn):
    """One article by itself."""


def _kind(body: Any) -> str:
    batch = "articles" in body if isinstance(body, Mapping) else isinstance(body, Batch)
    return "batch" if batch else "single"


Body = Annotated[
    Annotated[Batch, Tag("batch")] | Annotated[Single, Tag("single")], Discriminator(_kind)
]  # fmt: skip


class ContributionOut(BaseModel):
    """See `newsdesk.explain.Contribution`; `start` and `end` count code points, not UTF-16 units."""

    part: Literal["title", "text"] | None
    start: int | None
    end: int | None
    surface: str
    kind: Literal["word", "chars", "place", "remainder"]
    term: str
    value: float


class EvidenceOut(BaseModel):
    """`intercept` and all contributions add up to `score`, the log-odds of `probability`."""

    task: str
    label: str
    score: float
    intercept: float
    probability: float
    threshold: float
    contributions: list[ContributionOut]


class Row(BaseModel):
    """What is said of one article; labels by falling probability."""

    article_id: str | None
    regions: list[str]
    topics: list[str]
    region_scores: dict[str, float]
    topic_scores: dict[str, float]
    reason: Literal["too_short", "not_arabic", "no_evidence", "ambiguous"] | None = Field(
        description="Why no label is given; null where one is."
    )
    title: str | None = Field(None, description="As scored, if evidence is asked for, which counts in it.")
    text: str | None = Field(None, description="Without HTML entities, control characters and outer space.")
    evidence: list[EvidenceOut] | None = Field(None, description="Of each label, if asked for.")


class ModelOut(BaseModel):
    """Which model answered."""

    name: str
    version: str
    sha256: str
    loaded: str


class Answer(BaseModel):
    """One row an article, all of them by the same model."""

    model: ModelOut
    profile: str
    thresholds: dict[str, dict[str, float]]
    predictions: list[Row]


class ErrorOut(BaseModel):
    """What was wrong with a request; `details` where more can be told."""

    error: str
    message: str
    details: list[dict[str, str]] = []


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


# pure: a request to an answer


def thresholds_of(scorer: Scorer, profile: str) -> dict[str, dict[str, float]]:
    """Each label's threshold in a profile, by task."""
    return {head.task: dict(zip(head.labels, head.profiles[profile], strict=True)) for head in scorer.heads}


def answer(loaded: Loaded, body: Batch | Single) -> dict[str, Any]:
    """Everything that is said of a request's articles, of the shape of `Answer`."""
    articles = [_repaired(article) for article in (body.articles if isinstance(body, Batch) else [body])]
    thresholds = thresholds_of(loaded.scorer, body.profile)
    limits = {task: list(own.values()) for task, own in thresholds.items()}
    rows = []
    predicted = loaded.scorer.predict([a.title for a in articles], [a.text for a in articles], body.profile)
    for article, said in zip(articles, predicted, strict=True):
        row: dict[str, Any] = {
            "article_id": article.article_id,
            "regions": said.labels["region"],
            "topics": said.labels["topic"],
            "region_scores": said.scores["region"],
            "topic_scores": said.scores["topic"],
            "reason": said.reason,
        }
        if body.explain:
            told = explain(loaded.scorer, article.title, article.text, top=body.top, thresholds=limits)
            row |= {"title": article.title, "text": article.text, "evidence": told}
        rows.append(row)
    return {
        "model": loaded.told(), "profile": body.profile, "thresholds": thresholds, "predictions": rows,
    }  # fmt: skip


def _repaired(article: ArticleIn) -> ArticleIn:
    """As `clean` and `predict` do: what is served is what was trained on."""
    title, text = (repair_text(part or "") for part in (article.title, article.text))
    return ArticleIn.model_construct(article_id=article.article_id, title=title, text=text)


def labels_of(scorer: Scorer) -> dict[str, list[dict[str, str]]]:
    """Every label by task, with its names where the model's taxonomy has them."""
    taxonomy = scorer.info.get("taxonomy", {})
    names = {entry["id"]: entry for kind in ("regions", "topics") for entry in taxonomy.get(kind, [])}
    return {
        head.task: [
            {"id": own} | {tongue: names.get(own, {}).get(tongue, own) for tongue in ("english", "arabic")}
            for own in head.labels
        ]
        for head in scorer.heads
    }


# HTTP


def respond(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON; half characters, which a client's own key may hold, can't be sent and become question marks."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(body, status, headers, media_type="application/json")


def refuse(status: int, message: str, details: Sequence[Mapping[str, str]] = ()) -> Response:
    """An error, of the shape of `ErrorOut`."""
    content = {"error": STATUS_CODES.get(status, "refused"), "message": message, "details": list(details)}
    # after one of these what is left of the body would be read as the next request
    headers = (
        {"connection": "close"} if status in (408, 413) else {"retry-after": "2"} if status == 503 else {}
    )
    return respond(content, status, headers)


def build_app(live: Live, *, threads: int, seconds: float, log: Log) -> FastAPI:
    """The application.

    Parameters
    ----------
    live : Live
        Its model is warmed up when the application starts, and renewed while it runs.
    threads : int
        How many requests are scored at a time.
    seconds : float
        Between two looks at where the alias stands.
    log : callable
        Takes a record of each request.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="score")
    counts: Counter[str] = Counter()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _marks(exact=False), _marks(exact=True)  # made before they are needed
        stop = threading.Event()
        watch = threading.Thread(target=live.watch, args=(stop,), kwargs={"seconds": seconds}, daemon=True)
        watch.start()
        yield
        stop.set()
        pool.shutdown()
        log({"event": "stopped", **counts})

    # the documentation pages that FastAPI makes load their scripts from elsewhere
    app = FastAPI(
        title="newsdesk",
        version=__version__,
        description=__doc__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    responses: dict[int | str, dict[str, Any]] = {200: {"model": Answer}}
    responses |= {status: {"model": ErrorOut} for status in (400, 408, 413, 415, 422, 503)}

    @app.post(
        "/predict",
        responses=responses,
        openapi_extra={"requestBody": {"content": {"application/json": {"examples": EXAMPLES}}}},
    )
    async def predict(request: Request, body: Body) -> Response:
        """Label one article or several; one row each, in order."""
        n_articles = len(body.articles) if isinstance(body, Batch) else 1
        request.state.n_articles = n_articles
        if not live.ready:
            return refuse(503, "the model is being made ready; try again in a moment")
        if body.explain and n_articles > MAX_EXPLAINED:
            return refuse(
                422, f"evidence is told of up to {MAX_EXPLAINED} articles a request, not of {n_articles}"
            )
        loaded = live.current  # one model for all of a request, whatever takes over meanwhile
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: respond(answer(loaded, body)))

    @app.get("/health", responses={503: {"description": "not ready yet"}})
    async def health() -> Response:
        """`ready`, `loading`, or `degraded` where it answers by a model that could not be renewed."""
        status = "loading" if not live.ready else "degraded" if live.trouble else "ready"
        told = {"status": status, "trouble": live.trouble, "model": live.current.told(), **counts}
        return respond(told, 200 if live.ready else 503)

    @app.get("/version")
    async def version() -> Response:
        """Of newsdesk and of the model, with its labels and profiles."""
        loaded = live.current
        labels = labels_of(loaded.scorer)
        return respond(
            {"newsdesk": __version__, "model": loaded.told(), "profiles": PROFILES, "labels": labels}
        )

    for path, name, kind in (
        ("/", "index.html", "text/html"), ("/page.js", "page.js", "text/javascript"),
        ("/page.css", "page.css", "text/css"),
    ):  # fmt: skip
        content = Response((PAGE / name).read_bytes(), media_type=kind)
        app.add_api_route(path, _always(content), include_in_schema=False)

    @app.exception_handler(HTTPException)
    async def told(request: Request, error: HTTPException) -> Response:
        return refuse(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        missing = any(e["type"] == "missing" and tuple(e["loc"]) == ("body",) for e in found)
        status = 400 if missing or any(e["type"] in BROKEN for e in found) else 422
        return refuse(status, *_described(found))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return refuse(500, "a defect of the server, which its log tells of")

    app.add_middleware(Door, counts=counts, log=log)
    return app


def _always(response: Response) -> Any:
    async def send() -> Response:
        return response

    return send


def _described(errors: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, str]]]:
    """The first error as a sentence, and the first few as they are; never what the client sent."""
    details = []
    for error in errors[:MAX_ERRORS]:
        inside = error["loc"][2:] if error["loc"][1:2] in (("single",), ("batch",)) else error["loc"][1:]
        place = ".".join(map(str, inside))
        why = f": {error['ctx']['error']}" if error["type"] == "json_invalid" else ""
        details.append({"at": place[:200], "message": f"{error['msg']}{why}"[:200]})
    first = details[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{first['at'] or 'body'}: {first['message']}{more}", details


class Door:
    """Takes a request's body within its limits, adds the headers that keep a browser safe, and logs.

    The log holds counts and times and no word of an article.
    """

    def __init__(self, app: ASGIApp, *, counts: Counter[str], log: Log) -> None:
        self.app = app
        self.counts = counts
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500
        scope.setdefault("state", {})
        self.counts["in_flight"] += 1

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(k.encode(), v.encode()) for k, v in SECURITY.items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        body = b""
        try:
            if scope["method"] == "POST":
                body, refused = await _read(scope, receive)
                if refused:
                    await refused(scope, receive, sending)
                    return
                receive = _replay(body, receive)
            await self.app(scope, receive, sending)
        finally:
            n_articles = scope["state"].get("n_articles", 0)
            self.counts.update(
                {
                    "in_flight": -1,
                    "requests": 1,
                    "articles": n_articles if status == 200 else 0,
                    f"status_{status}": 1,
                }
            )
            self.log(
                {
                    "event": "request", "method": scope["method"], "path": scope["path"][:200],
                    "status": status, "bytes": len(body), "articles": n_articles,
                    "ms": round(1000 * (time.perf_counter() - began), 1),
                }
            )  # fmt: skip


async def _read(scope: Scope, receive: Receive) -> tuple[bytes, Response | None]:
    """The body, or why it is not taken."""
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    kind, *parameters = headers.get("content-type", "").lower().replace(" ", "").split(";")
    if kind != "application/json" or any(p not in ("charset=utf-8", "") for p in parameters):
        return b"", refuse(415, "send JSON in UTF-8, with the header Content-Type: application/json")
    too_large = refuse(413, f"the body is larger than {MAX_BYTES:,} bytes; send fewer articles at a time")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        return b"", too_large
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return b"", refuse(400, "the connection ended before the body did")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAX_BYTES:
                    return b"", too_large
                if not message.get("more_body"):
                    return b"".join(chunks), None
    except TimeoutError:
        return b"", refuse(408, f"the body did not come within {BODY_SECONDS:.0f} seconds")


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read, then what comes after it."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed

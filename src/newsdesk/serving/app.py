"""The HTTP application: label articles, and report health and version."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from newsdesk import __version__
from newsdesk.inference.decision import PROFILES
from newsdesk.inference.explain import explain
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.text import repair_text
from newsdesk.readers.sniffing import WITH_TEXT, sniff_container
from newsdesk.serving import schemas
from newsdesk.serving.limits import RequestMiddleware
from newsdesk.serving.model_watcher import Log, ModelWatcher, ServedModel
from newsdesk.serving.schemas import ArticleIn, Batch, Single, error_response, json_response
from newsdesk.serving.uploads import read_upload, sections_of

STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
DESCRIPTION = "Label Arabic news articles by region and topic."
# Errors of a body that is not JSON text: 400 instead of 422.
SYNTAX_ERRORS = {"json_invalid", "string_unicode", "nul"}
FileName = Annotated[str, Query(max_length=1000, description="The file's name; its suffix helps, as `.csv`.")]


def build_app(watcher: ModelWatcher, *, threads: int, interval: float, log: Log) -> FastAPI:
    """Build the HTTP application.

    Parameters
    ----------
    watcher : ModelWatcher
        Holds the model; the application starts and stops it.
    threads : int
        Number of requests that are scored at a time.
    interval : float
        Seconds between two checks of the model's alias.
    log : callable
        Called with a mapping for each request, without text of articles.

    Returns
    -------
    FastAPI
        Paths `/predict`, `/read`, `/health`, `/version`, `/openapi.json` and a page at `/`.

    Examples
    --------
    >>> from fastapi.testclient import TestClient
    >>> from newsdesk.serving.model_watcher import open_model
    >>> watcher = ModelWatcher(open_model(None), model=None, log=print)
    >>> app = build_app(watcher, threads=1, interval=15.0, log=lambda record: None)
    >>> TestClient(app).get("/health").json()["status"]
    'loading'
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="score")
    counts: Counter[str] = Counter()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        threading.Thread(target=watcher.run, args=(stop,), kwargs={"interval": interval}, daemon=True).start()
        yield
        stop.set()
        pool.shutdown()
        log({"event": "stopped", **counts})

    app = FastAPI(
        title="newsdesk", version=__version__, description=DESCRIPTION, lifespan=lifespan,
        docs_url=None, redoc_url=None,  # these pages load their scripts from another host
    )  # fmt: skip
    _add_predict(app, watcher, pool)
    _add_read(app, watcher, pool)
    _add_status(app, watcher, counts)
    _add_error_handlers(app)
    for path in STATIC.iterdir():
        file = Response(path.read_bytes(), media_type=MEDIA_TYPES[path.suffix])
        route = "" if path.name == "index.html" else path.name
        app.add_api_route(f"/{route}", partial(_static_file, file), include_in_schema=False)
    app.add_middleware(RequestMiddleware, counts=counts, log=log)
    return app


def _add_predict(app: FastAPI, watcher: ModelWatcher, pool: ThreadPoolExecutor) -> None:
    @app.post(
        "/predict",
        responses=schemas.RESPONSES,
        openapi_extra={"requestBody": {"content": {"application/json": {"examples": schemas.EXAMPLES}}}},
    )
    async def predict(request: Request, body: schemas.Body) -> Response:
        """Label one article or several, and return one row for each, in order."""
        n_articles = len(body.articles) if isinstance(body, Batch) else 1
        request.state.n_articles = n_articles
        if not watcher.ready:
            return error_response(503, "the model is not ready yet; try again in a moment")
        if body.explain and n_articles > schemas.MAX_EXPLAINED:
            expected = f"at most {schemas.MAX_EXPLAINED} articles a request are explained"
            return error_response(422, f"explain: {expected}, found {n_articles}")
        model = watcher.current  # the same model for the whole request
        if details := find_unknown_homes(model.scorer, body):
            return error_response(422, f"{details[0]['at']}: {details[0]['message']}", details)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: json_response(answer(model, body)))


def _add_read(app: FastAPI, watcher: ModelWatcher, pool: ThreadPoolExecutor) -> None:
    file_of_bytes = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

    @app.post(
        "/read",
        responses=schemas.READ_RESPONSES,
        openapi_extra={"requestBody": {"required": True, "content": file_of_bytes}},
    )
    async def read(request: Request, name: FileName = "") -> Response:
        """Return the articles of a file of text: a page, HTML, JSON, CSV, a feed, a message or others."""
        content = await request.body()
        container = sniff_container(content)
        if container and container not in WITH_TEXT:
            message = f"body: a {container} file; send text, or use `newsdesk predict FILE` in a terminal"
            return error_response(422, message, [{"at": "", "type": "container", "message": message}])
        scorer = watcher.current.scorer
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            pool,
            lambda: json_response(
                read_upload(content, name=name, sections=sections_of(scorer), countries=scorer.countries)
            ),
        )


def _add_status(app: FastAPI, watcher: ModelWatcher, counts: Counter[str]) -> None:
    @app.get("/health", responses={503: {"description": "not ready yet"}})
    async def health() -> Response:
        """Return `ready`, `loading`, or `degraded` if the model could not be updated."""
        status = "loading" if not watcher.ready else "degraded" if watcher.trouble else "ready"
        content = {"status": status, "trouble": watcher.trouble, "model": watcher.current.identity, **counts}
        return json_response(content, 200 if watcher.ready else 503)

    @app.get("/version")
    async def version() -> Response:
        """Return the versions of newsdesk and of the model, with its labels and profiles."""
        model = watcher.current
        content = {"newsdesk": __version__, "model": model.identity, "profiles": PROFILES}
        return json_response({**content, "labels": labels_by_task(model.scorer)})


async def _static_file(file: Response) -> Response:
    return file


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return error_response(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        has_no_body = any(e["type"] == "missing" and tuple(e["loc"]) == ("body",) for e in errors)
        is_syntax = has_no_body or any(e["type"] in SYNTAX_ERRORS for e in errors)
        return error_response(400 if is_syntax else 422, *schemas.describe_errors(errors))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return error_response(500, "internal error; see the log of the server")


def answer(model: ServedModel, body: Batch | Single) -> dict[str, Any]:
    """Predict the articles of a request; return the content of an `Answer`."""
    articles = articles_of(body)
    titles = [repair_text(article.title or "") for article in articles]  # as `clean` and `predict` do
    texts = [repair_text(article.text or "") for article in articles]
    heads, profile = model.scorer.heads, body.profile
    thresholds = {head.task: dict(zip(head.labels, head.profiles[profile], strict=True)) for head in heads}
    values = {task: list(by_label.values()) for task, by_label in thresholds.items()}
    homes = [article.home for article in articles]
    predictions = model.scorer.predict(titles, texts, profile, homes)
    rows = []
    for article, title, text, prediction in zip(articles, titles, texts, predictions, strict=True):
        row: dict[str, Any] = {
            "article_id": article.article_id,
            "regions": prediction.labels["region"],
            "topics": prediction.labels["topic"],
            "region_scores": prediction.scores["region"],
            "topic_scores": prediction.scores["topic"],
            "reason": prediction.reason,
        }
        if body.explain:
            evidence = explain(model.scorer, title, text, top=body.top, thresholds=values, home=article.home)
            row |= {"title": title, "text": text, "evidence": evidence}
        rows.append(row)
    return {"model": model.identity, "profile": profile, "thresholds": thresholds, "predictions": rows}


def find_unknown_homes(scorer: Scorer, body: Batch | Single) -> list[dict[str, str]]:
    """Return the details of an error for each home that is no country of the model's taxonomy."""
    is_batch = isinstance(body, Batch)
    message = "expected the ISO 3166-1 code of a country, such as DZ"
    return [
        {"at": f"articles.{i}.home" if is_batch else "home", "message": message, "type": "country"}
        for i, article in enumerate(articles_of(body))
        if article.home is not None and not scorer.countries.is_known(article.home)
    ][: schemas.MAX_ERRORS]


def articles_of(body: Batch | Single) -> Sequence[ArticleIn]:
    """Return the articles of a request."""
    return body.articles if isinstance(body, Batch) else [body]


def labels_by_task(scorer: Scorer) -> dict[str, list[dict[str, str]]]:
    """Return the id and the names of each label, by task; a label without a name has its id."""
    taxonomy = scorer.info.get("taxonomy", {})
    names = {entry["id"]: entry for kind in ("regions", "topics") for entry in taxonomy.get(kind, [])}
    return {
        head.task: [
            {"id": label} | {key: names.get(label, {}).get(key, label) for key in ("english", "arabic")}
            for label in head.labels
        ]
        for head in scorer.heads
    }

"""The HTTP application: label articles, and report health and version."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException

from newsdesk import __version__
from newsdesk.inference.decision import PROFILES
from newsdesk.inference.explain import explain
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.text import repair_text
from newsdesk.readers.sniffing import WITH_TEXT, sniff_container
from newsdesk.serving import schemas
from newsdesk.serving.metrics import Metrics
from newsdesk.serving.middleware import RequestMiddleware
from newsdesk.serving.model_watcher import Log, ModelWatcher, ServedModel
from newsdesk.serving.schemas import ArticleIn, Batch, Single, error_response, json_response
from newsdesk.serving.uploads import read_upload, sections_of

STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
DESCRIPTION = "Label Arabic news articles by region and topic."
# Errors of a body that is not JSON text: 400 instead of 422.
SYNTAX_ERRORS = {"json_invalid", "string_unicode", "nul"}
FileName = Annotated[str, Query(max_length=1000, description="The file's name; its suffix helps, as `.csv`.")]


def build_app(
    watcher: ModelWatcher, *, threads: int, interval: float, log: Log, api_key: str | None = None
) -> FastAPI:
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
    api_key : str, optional
        The key that all requests but those of `/health` and `/ready` have to bring.

    Returns
    -------
    FastAPI
        Paths `/predict`, `/read`, `/health`, `/ready`, `/metrics`, `/version`, `/openapi.json` and a page at
        `/`. `state.metrics` has its metrics, and a server that stops sets `state.stopping`.

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
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        threading.Thread(target=watcher.run, args=(stop,), kwargs={"interval": interval}, daemon=True).start()
        yield
        stop.set()
        pool.shutdown()
        log({"event": "stopped", **metrics.totals()})

    app = FastAPI(
        title="newsdesk", version=__version__, description=DESCRIPTION, lifespan=lifespan,
        docs_url=None, redoc_url=None,  # these pages load their scripts from another host
    )  # fmt: skip
    app.state.metrics, app.state.stopping = metrics, False
    _add_predict(app, watcher, pool)
    _add_read(app, watcher, pool)
    _add_status(app, watcher)
    _add_metrics(app, watcher)
    _add_error_handlers(app)
    _add_static_files(app)
    paths = {getattr(route, "path", "") for route in app.routes}
    app.add_middleware(RequestMiddleware, metrics=metrics, log=log, paths=paths, api_key=api_key)
    return app


def _add_static_files(app: FastAPI) -> None:
    for path in STATIC.iterdir():
        file = Response(path.read_bytes(), media_type=MEDIA_TYPES[path.suffix])
        route = "" if path.name == "index.html" else path.name
        app.add_api_route(f"/{route}", partial(_static_file, file), include_in_schema=False)


def _add_predict(app: FastAPI, watcher: ModelWatcher, pool: ThreadPoolExecutor) -> None:
    @app.post(
        "/predict",
        responses=schemas.responses_of(schemas.Answer, 400, 408, 413, 415, 422, 503),
        openapi_extra={"requestBody": {"content": {"application/json": {"examples": schemas.EXAMPLES}}}},
    )
    async def predict(request: Request, body: schemas.Body) -> Response:
        """Label one article or several, and return one row for each, in order."""
        n_articles = len(body.articles) if isinstance(body, Batch) else 1
        request.state.n_articles = n_articles
        if not watcher.ready:
            return error_response(503, schemas.NOT_READY)
        if body.explain and n_articles > schemas.MAX_EXPLAINED:
            expected = f"at most {schemas.MAX_EXPLAINED} articles a request are explained"
            return error_response(422, f"explain: {expected}, found {n_articles}")
        model = watcher.current  # the same model for the whole request
        if details := find_unknown_homes(model.scorer, body):
            return error_response(422, f"{details[0]['at']}: {details[0]['message']}", details)
        request.state.model_version = model.identity["version"]
        metrics: Metrics = request.app.state.metrics

        def label() -> Response:
            content = answer(model, body)
            metrics.count_articles(row["reason"] for row in content["predictions"])
            return json_response(content)

        return await asyncio.get_running_loop().run_in_executor(pool, label)


def _add_read(app: FastAPI, watcher: ModelWatcher, pool: ThreadPoolExecutor) -> None:
    file_of_bytes = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

    @app.post(
        "/read",
        responses=schemas.responses_of(schemas.ArticlesOut, 400, 408, 413, 415, 422, 503),
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


def _add_status(app: FastAPI, watcher: ModelWatcher) -> None:
    @app.get("/health", responses={200: {"model": schemas.HealthOut}})
    async def health() -> Response:
        """Return `ready`, `loading`, `stopping`, or `degraded` if the model could not be updated."""
        status = "degraded" if watcher.trouble else "ready"
        if not watcher.ready:
            status = "loading"
        if app.state.stopping:
            status = "stopping"
        return json_response(
            {"status": status, "trouble": watcher.trouble, "model": watcher.current.identity}
        )

    @app.get("/ready", responses={200: {"model": schemas.ReadyOut}, 503: {"model": schemas.ErrorOut}})
    async def ready() -> Response:
        """Return 200 if the model is loaded and warm and the server is not stopping."""
        if app.state.stopping:
            return error_response(503, "the server is stopping")
        if not watcher.ready:
            return error_response(503, schemas.NOT_READY)
        return json_response({"status": "ready"})

    @app.get("/version", responses=schemas.responses_of(schemas.VersionOut))
    async def version() -> Response:
        """Return the versions of newsdesk and of the model, with its labels and profiles."""
        model = watcher.current
        content = {"newsdesk": __version__, "model": model.identity, "profiles": PROFILES}
        return json_response({**content, "labels": labels_by_task(model.scorer)})


def _add_metrics(app: FastAPI, watcher: ModelWatcher) -> None:
    @app.get("/metrics", responses=schemas.responses_of(None), response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        """Return the metrics of the server for Prometheus."""
        content, content_type = app.state.metrics.render(watcher, request.headers.get("accept", ""))
        return Response(content, media_type=content_type)


async def _static_file(file: Response) -> Response:
    return file


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        response = error_response(error.status_code, str(error.detail))
        allowed = (error.headers or {}).get("Allow", "")
        if allowed:
            response.headers["allow"] = allowed.replace("GET", "GET, HEAD")
        return response

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        has_no_body = any(e["type"] == "missing" and tuple(e["loc"]) == ("body",) for e in errors)
        is_syntax = has_no_body or any(e["type"] in SYNTAX_ERRORS for e in errors)
        return error_response(400 if is_syntax else 422, *schemas.describe_errors(errors))


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
            "main_region": next(iter(prediction.regions), None),
            "main_topic": next(iter(prediction.topics), None),
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

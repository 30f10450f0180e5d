"""ASGI middleware: the key and the body of a request, headers of the response, metrics and log."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsdesk.serving.api_key import CHALLENGES, brings_key
from newsdesk.serving.limits import BODY_TYPES, BUSY, MAX_OPEN, BodyReader
from newsdesk.serving.metrics import Metrics
from newsdesk.serving.model_watcher import Log
from newsdesk.serving.schemas import error_response

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
WITHOUT_KEY = {"/health", "/ready"}  # for probes
FAILED = "internal error; see the log of the server"
STOPPED = "the server stopped before it had an answer"
REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)


class RequestMiddleware:
    """Wraps an application; the log holds counts and times and no text of an article.

    `paths` are the paths that have metrics of their own; a client could invent any number of others.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, log: Log, paths: Collection[str], api_key: str | None
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log
        self._paths = paths
        self._api_key = api_key
        self._bodies = BodyReader()
        self._n_open = 0  # requests with a body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = {**SECURITY_HEADERS, "x-request-id": request_id}
                if scope["app"].state.stopping:
                    added["connection"] = "close"
                raw = [(name.encode(), value.encode()) for name, value in added.items()]
                message = {**message, "headers": [*message["headers"], *raw]}
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._respond(scope, receive, send_with_headers)
        except (Exception, asyncio.CancelledError) as error:
            if not status:
                is_stopped = isinstance(error, asyncio.CancelledError)
                code, message = (503, STOPPED) if is_stopped else (500, FAILED)
                await error_response(code, message)(scope, receive, send_with_headers)
            raise  # to the log of the server
        finally:
            self._metrics.in_flight.dec()
            self._record(scope, request_id, status, time.perf_counter() - start)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        key, path = self._api_key, scope["path"]
        if key and path not in WITHOUT_KEY:
            authorization = Headers(scope=scope).get("authorization", "")
            if not brings_key(authorization, key):
                response = error_response(401, "the header Authorization lacks the API key of this server")
                for challenge in CHALLENGES:
                    response.headers.append("www-authenticate", challenge)
                await response(scope, receive, send)
                return
        if scope["method"] == "HEAD":  # the server leaves out the body
            scope = {**scope, "method": "GET"}
        if scope["method"] == "POST" and path in BODY_TYPES:
            await self._respond_to_body(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _respond_to_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._n_open >= MAX_OPEN:
            await error_response(503, BUSY)(scope, receive, send)
            return
        self._n_open += 1
        try:
            body = await self._bodies.read(scope, receive)
            if isinstance(body, Response):
                await body(scope, receive, send)
            else:
                scope["state"]["n_bytes"] = len(body)
                await self._app(scope, _replay(body, receive), send)
        finally:
            self._n_open -= 1

    def _record(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        path, state = scope["path"], scope["state"]
        known = path if path in self._paths else "other"
        self._metrics.requests.labels(known, status).inc()
        self._metrics.seconds.labels(known).observe(seconds)
        client = scope.get("client")
        self._log(
            {
                "event": "request", "request_id": request_id, "client": client[0] if client else "",
                "method": scope["method"], "path": path[:200], "status": status,
                "bytes": state.get("n_bytes", 0), "articles": state.get("n_articles", 0),
                "model": state.get("model_version", ""), "ms": round(1000 * seconds, 1),
            }
        )  # fmt: skip


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns a body that was already read."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again

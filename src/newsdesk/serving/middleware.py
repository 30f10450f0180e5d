"""ASGI middleware: limit the body, add security headers, count and log requests."""

from __future__ import annotations

import time
from collections import Counter

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsdesk.serving.limits import read_body, replay
from newsdesk.serving.model_watcher import Log

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class RequestMiddleware:
    """Wraps an application; the log holds counts and times and no text of an article."""

    def __init__(self, app: ASGIApp, *, counts: Counter[str], log: Log) -> None:
        self._app = app
        self._counts = counts
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status, n_bytes = 500, 0
        scope.setdefault("state", {})
        self._counts["in_flight"] += 1

        async def send_secured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        try:
            app = self._app
            if scope["method"] == "POST":
                body = await read_body(scope, receive)
                if isinstance(body, Response):
                    app = body
                else:
                    n_bytes, receive = len(body), replay(body, receive)
            await app(scope, receive, send_secured)
        finally:
            self._record(scope, status, n_bytes, time.perf_counter() - start)

    def _record(self, scope: Scope, status: int, n_bytes: int, seconds: float) -> None:
        n_articles = scope["state"].get("n_articles", 0)
        served = n_articles if status == 200 else 0
        self._counts.update({"in_flight": -1, "requests": 1, "articles": served, f"status_{status}": 1})
        self._log(
            {
                "event": "request", "method": scope["method"], "path": scope["path"][:200],
                "status": status, "bytes": n_bytes, "articles": n_articles, "ms": round(1000 * seconds, 1),
            }
        )  # fmt: skip

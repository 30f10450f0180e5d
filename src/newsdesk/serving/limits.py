"""ASGI middleware: limit the body, add security headers, count and log requests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsdesk.serving.model_watcher import Log
from newsdesk.serving.schemas import error_response

MAX_BYTES = 8 << 20
BODY_SECONDS = 30.0
# A form of another site can send neither, so it cannot use the server through a visitor's browser.
JSON, BYTES = "application/json", "application/octet-stream"
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


async def read_body(scope: Scope, receive: Receive) -> bytes | Response:
    """Return the body of a request, or the error response if it exceeds a limit."""
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    kind, *parameters = headers.get("content-type", "").lower().replace(" ", "").split(";")
    expected = BYTES if scope["path"] == "/read" else JSON
    if kind != expected or any(p not in ("charset=utf-8", "") for p in parameters):
        what = "JSON in UTF-8" if expected == JSON else "the bytes of a file"
        return error_response(415, f"send {what}, with the header Content-Type: {expected}")
    found = f"the body is larger than {MAX_BYTES:,} bytes; send fewer articles at a time"
    too_large = error_response(413, found)
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        return too_large
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return error_response(400, "the connection ended before the body did")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAX_BYTES:
                    return too_large
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError:
        return error_response(408, f"the body did not arrive within {BODY_SECONDS:.0f} seconds")


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns a body that was already read."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again

"""Limits of connections and requests, and the reading of a body within them."""

from __future__ import annotations

import asyncio
import codecs
from email.message import Message

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope

from newsdesk.serving.schemas import error_response

HEADER_SECONDS = 10.0  # from the connection, or the first byte of a request, to the end of its header
IDLE_SECONDS = 30  # between two requests of a connection
BODY_SECONDS = 30.0
SEND_SECONDS = 60.0  # a client takes the response

# Below the 1,024 files that a process may usually have open, with those that are being accepted.
MAX_CONNECTIONS = 512
BACKLOG = 256
MAX_ARRIVING = 128  # bodies
PATIENCE_SECONDS = 5.0  # then a body that is still arriving gives way to others, if there are too many
MAX_OPEN = 256  # requests with a body, until they are answered

MAX_BYTES = 8 << 20
# A form of another site can send neither, so it cannot use the server through a visitor's browser.
JSON, BYTES = "application/json", "application/octet-stream"
BODY_TYPES = {"/predict": JSON, "/read": BYTES}
BUSY = "the server is busy; try again in a moment"


class BodyReader:
    """Reads the bodies of requests; if too many are arriving, the oldest gives way."""

    def __init__(self) -> None:
        self._arriving: dict[asyncio.Timeout, float] = {}  # and when it began, oldest first

    async def read(self, scope: Scope, receive: Receive) -> bytes | Response:
        """Return the body of a request, or the error response if it exceeds a limit."""
        headers, expected = Headers(scope=scope), BODY_TYPES[scope["path"]]
        if refusal := _check_headers(headers, expected):
            return refusal
        if not self._has_room():
            return error_response(503, BUSY)
        timeout = asyncio.timeout(BODY_SECONDS)
        try:
            async with timeout:
                self._arriving[timeout] = asyncio.get_running_loop().time()
                body = await _receive_all(receive)
        except TimeoutError:
            return error_response(408, f"the body did not arrive in time, at most {BODY_SECONDS:.0f} seconds")
        finally:
            self._arriving.pop(timeout, None)
        if isinstance(body, bytes) and expected == JSON:
            return _check_utf8(body) or body
        return body

    def _has_room(self) -> bool:
        if len(self._arriving) < MAX_ARRIVING:
            return True
        now = asyncio.get_running_loop().time()
        oldest, since = next(iter(self._arriving.items()))
        if now - since < PATIENCE_SECONDS:
            return False
        del self._arriving[oldest]
        if not oldest.expired():
            oldest.reschedule(now)
        return True


def _check_headers(headers: Headers, expected: str) -> Response | None:
    what = "JSON in UTF-8" if expected == JSON else "the bytes of a file"
    content_type = Message()
    content_type["content-type"] = headers.get("content-type", "")
    charset = content_type.get_content_charset("utf-8")
    if content_type.get_content_type() != expected or not _is_utf8(charset):
        return error_response(415, f"send {what}, with the header Content-Type: {expected}")
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() not in ("", "identity"):
        return error_response(415, f"send {what} without Content-Encoding: {encoding[:40]}")
    length = headers.get("content-length", "")
    return _too_large() if length.isdecimal() and int(length) > MAX_BYTES else None


def _is_utf8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False


def _too_large() -> Response:
    return error_response(413, f"the body is larger than {MAX_BYTES:,} bytes; send fewer articles at a time")


async def _receive_all(receive: Receive) -> bytes | Response:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return error_response(400, "the connection ended before the body did")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BYTES:
            return _too_large()
        if not message.get("more_body"):
            return b"".join(chunks)


def _check_utf8(body: bytes) -> Response | None:
    # `json.loads` would read UTF-16 and UTF-32 too, where the first characters have bytes that are NUL.
    if b"\0" in body[:4] or body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return error_response(400, "the body is in UTF-16 or UTF-32; send JSON in UTF-8")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error_response(400, f"the body is not UTF-8 at byte {error.start:,}; send JSON in UTF-8")
    return None

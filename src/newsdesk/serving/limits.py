"""Limits on a request: the size and the time of its body, and the characters of its texts."""

from __future__ import annotations

import asyncio
import re
import sys
import unicodedata
from functools import cache

from pydantic_core import PydanticCustomError
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from newsdesk.serving.responses import error_response

MAX_BYTES = 8 << 20
MAX_ARTICLES = 1000
MAX_EXPLAINED = 50  # articles of a request with `explain`
MAX_CHARACTERS = 100_000
MAX_MARKS = 31  # on one letter; Unicode's Stream-Safe Text Format allows 30
BODY_SECONDS = 30.0


@cache
def marks_pattern(*, exact: bool) -> re.Pattern[str]:
    """Compile a pattern of more marks on a letter than any spelling has.

    Composing marks takes time that grows with the square of their number. Without `exact` all characters
    above U+FFFF count as marks, which makes the search 20 times as fast.
    """
    marks, between = [] if exact else ["\U00010000-\U0010ffff"], ["\u0640"]
    for code in range(sys.maxunicode + 1 if exact else 0x10000):
        if unicodedata.combining(chr(code)):
            marks.append(re.escape(chr(code)))
        elif unicodedata.category(chr(code)) in ("Cf", "Mn", "Me"):
            between.append(re.escape(chr(code)))
    mark, others = f"[{''.join(marks)}]", f"[{''.join(between)}]*+"
    return re.compile(f"{mark}(?:{others}{mark}){{{MAX_MARKS}}}")


def check_text(text: str) -> str:
    """Return the text; refuse NUL characters and letters with too many marks."""
    if "\0" in text:
        raise PydanticCustomError("nul", "holds a NUL character")
    if marks_pattern(exact=False).search(text) and marks_pattern(exact=True).search(text):
        raise PydanticCustomError("marks", "holds a letter with more than {most} marks", {"most": MAX_MARKS})
    return text


async def read_body(scope: Scope, receive: Receive) -> bytes | Response:
    """Return the JSON body of a request, or the error response if it exceeds a limit."""
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    kind, *parameters = headers.get("content-type", "").lower().replace(" ", "").split(";")
    if kind != "application/json" or any(p not in ("charset=utf-8", "") for p in parameters):
        return error_response(415, "send JSON in UTF-8, with the header Content-Type: application/json")
    too_large = error_response(
        413, f"the body is larger than {MAX_BYTES:,} bytes; send fewer articles at a time"
    )
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

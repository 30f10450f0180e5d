"""JSON responses and error responses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

STATUS_CODES = {
    400: "bad_request", 404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large",
    415: "not_json", 422: "not_understood", 500: "internal", 503: "not_ready",
}  # fmt: skip
# After 408 and 413 the rest of the body would be read as the next request.
_HEADERS = {408: {"connection": "close"}, 413: {"connection": "close"}, 503: {"retry-after": "2"}}
MAX_ERRORS = 10
MAX_ERROR_CHARS = 200


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
        details.append(
            {
                "at": ".".join(map(str, location))[:MAX_ERROR_CHARS],
                "message": f"{error['msg']}{cause}"[:MAX_ERROR_CHARS],
            }
        )
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{details[0]['at'] or 'body'}: {details[0]['message']}{more}", details

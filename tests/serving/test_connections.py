"""A server process and clients that are silent, slow or not HTTP: the others are answered all the same."""

from __future__ import annotations

import http.client
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from newsdesk.serving import connections
from newsdesk.serving.limits import MAX_ARRIVING, MAX_BYTES, MAX_CONNECTIONS
from newsdesk.serving.model_watcher import ModelWatcher, ServedModel
from newsdesk.serving.schemas import ErrorOut

from .conftest import DEADLINE, JSON, TEXT, starter, wait
from .processes import ServerProcess, serve

pytestmark = pytest.mark.integration
HALF_A_HEADER = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Ty"
HALF_A_BODY = b'POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"te'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serve(tmp_path_factory.mktemp("server")) as started:
        yield started


def connect(server: ServerProcess, sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)
    client.sendall(sent)
    return client


def receive_all(client: socket.socket) -> bytes:
    chunks = iter(lambda: client.recv(1 << 16), b"")
    return b"".join(chunks)


def parse(response: bytes) -> tuple[int, ErrorOut]:
    """Return the status and the error of a response."""
    header, _, body = response.partition(b"\r\n\r\n")
    assert b"connection: close" in header.lower()
    assert b"content-type: application/json" in header.lower()
    return int(header.split()[1]), ErrorOut.model_validate_json(body)


def predict(server: ServerProcess) -> httpx.Response:
    return httpx.post(f"{server.address}/predict", json={"text": TEXT}, timeout=DEADLINE)


@pytest.mark.parametrize(("n_clients", "sent"), [(520, b""), (600, HALF_A_HEADER)])
def test_clients_without_a_request_give_way_to_others(
    server: ServerProcess, n_clients: int, sent: bytes
) -> None:
    assert n_clients > MAX_CONNECTIONS
    with ExitStack() as stack:
        for _ in range(n_clients):
            stack.enter_context(connect(server, sent))
        for path in ("health", "ready", "version"):
            assert httpx.get(f"{server.address}/{path}", timeout=DEADLINE).status_code == 200
        assert predict(server).status_code == 200


def test_bodies_that_do_not_arrive_give_way_to_others(server: ServerProcess) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_ARRIVING):
            stack.enter_context(connect(server, HALF_A_BODY))
        refused = wait(lambda: (r := predict(server)).status_code == 503 and r)
        assert ErrorOut.model_validate(refused.json()).message.startswith("the server is busy")
        assert int(refused.headers["retry-after"]) > 0
        assert httpx.get(f"{server.address}/health", timeout=DEADLINE).status_code == 200
        wait(lambda: predict(server).status_code == 200)


def test_half_a_request_is_answered_and_a_silent_client_closed(server: ServerProcess) -> None:
    with (
        connect(server, HALF_A_HEADER) as half,
        connect(server, HALF_A_BODY) as body,
        connect(server) as silent,
    ):
        status, error = parse(receive_all(half))
        assert (status, error.error) == (408, "too_slow")
        assert receive_all(silent) == b""
        status, error = parse(receive_all(body))
        assert (status, error.error) == (408, "too_slow")


def test_a_kept_connection_has_limits_of_its_own(server: ServerProcess) -> None:
    with connect(server, b"GET /health HTTP/1.1\r\nHost: here\r\n\r\nGET /hea") as client:
        client.sendall(b"lth HTTP/1.1\r\nX: ")
        answer = receive_all(client)
    assert answer.startswith(b"HTTP/1.1 200")
    assert parse(answer[answer.index(b"HTTP/1.1 408") :])[0] == 408


@pytest.mark.parametrize(
    "sent", [b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"]
)
def test_what_is_no_http_is_refused_as_json(server: ServerProcess, sent: bytes) -> None:
    with connect(server) as client:
        client.sendall(sent)
        status, error = parse(receive_all(client))
    assert (status, error.error) == (400, "bad_request")
    assert any(r["event"] == "refused" and r["status"] == 400 for r in server.records())


def test_head_is_get_without_a_body(server: ServerProcess) -> None:
    with connect(server, b"HEAD /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n") as client:
        header, _, body = receive_all(client).partition(b"\r\n\r\n")
    assert header.startswith(b"HTTP/1.1 200")
    assert body == b""
    length = httpx.get(f"{server.address}/health").headers["content-length"]
    assert f"content-length: {length}".encode() in header


def test_too_large_a_body_is_refused_where_the_client_sees_it(server: ServerProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
    for body in (b" " * (2 * MAX_BYTES), (b" " * (1 << 20) for _ in range(20)), b"{}"):
        connection.request("POST", "/predict", body, JSON)
        response = connection.getresponse()
        error = ErrorOut.model_validate_json(response.read())
        assert (response.status, error.error) == (
            (422, "not_understood") if body == b"{}" else (413, "too_large")
        )


def test_a_client_that_takes_no_response_is_given_up(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SEND_SECONDS", 0.5)  # in the server of this process
    body = json.dumps({"articles": starter(50), "explain": True, "top": 1000}).encode()
    header = f"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", urlsplit(address).port or 0), timeout=DEADLINE) as client:
        client.sendall(f"{header}\r\n\r\n".encode() + body)
        closed = 'newsdesk_connections_closed_total{reason="response"} 1.0'
        wait(lambda: closed in httpx.get(f"{address}/metrics").text)


def test_a_failure_is_logged_without_its_message(
    address: str, watcher: ModelWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[dict[str, Any]] = []
    monkeypatch.setattr(logging.getLogger("uvicorn.error").handlers[0], "_log", records.append)
    monkeypatch.setattr(watcher, "current", ServedModel(watcher.current.scorer, {}))
    assert httpx.post(f"{address}/predict", json={"text": TEXT}).status_code == 500
    wait(lambda: records)
    assert (records[0]["error"], "'version'" in str(records)) == ("KeyError", False)
    assert "serving/app.py" in records[0]["traceback"]


def test_log_is_json_with_the_id_of_the_request(server: ServerProcess) -> None:
    given = httpx.get(f"{server.address}/health", headers={"x-request-id": "trace-1"})
    assert given.headers["x-request-id"] == "trace-1"
    made = httpx.get(f"{server.address}/nothing", headers={"x-request-id": "a b"}).headers["x-request-id"]
    assert made not in ("", "a b")

    def logged() -> dict[str, dict[str, Any]]:
        return {r["request_id"]: r for r in server.records() if r["event"] == "request"}

    wait(lambda: {"trace-1", made} <= set(logged()))
    assert (logged()["trace-1"]["path"], logged()[made]["status"]) == ("/health", 404)
    text = Path(server.log).read_text(encoding="utf-8")
    assert "Traceback" not in text
    assert TEXT[:20] not in text
    assert json.dumps(TEXT)[1:20] not in text

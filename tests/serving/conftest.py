"""The server in this process: an HTTP client without sockets, and an address for the browser."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from newsdesk.serving.app import build_app
from newsdesk.serving.model_watcher import ModelWatcher, ServedModel, open_model
from tests import ROOT

JSON = {"content-type": "application/json"}
TITLE, TEXT = (
    "غارة أميركية",
    ("أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."),
)
DEADLINE = 120.0


def wait(condition: Any) -> Any:
    """Return the result of `condition` once it is true."""
    until = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < until, "the condition did not become true in time"
        time.sleep(0.02)
    return found


def starter(n: int) -> list[dict[str, str]]:
    """Return the first articles of the starter corpus as a request has them."""
    lines = (ROOT / "data/starter/st2.jsonl").read_text(encoding="utf-8").splitlines()[:n]
    return [{"article_id": r["id"], "title": r["title"], "text": r["text"]} for r in map(json.loads, lines)]


@pytest.fixture(scope="session")
def model() -> ServedModel:
    """The model of the package."""
    return open_model(None)


@pytest.fixture(scope="session")
def records() -> list[dict[str, Any]]:
    """What the application of `client` logs."""
    return []


def make_app(model: ServedModel, records: list[dict[str, Any]]) -> FastAPI:
    def log(record: Any) -> None:
        records.append(dict(record))

    return build_app(ModelWatcher(model, model=None, log=log), threads=2, interval=1.0, log=log)


@pytest.fixture(scope="session")
def client(model: ServedModel, records: list[dict[str, Any]]) -> Iterator[TestClient]:
    with TestClient(make_app(model, records), raise_server_exceptions=False) as made:
        assert made.get("/version").status_code == 200  # also before the model is ready
        wait(lambda: made.get("/health").status_code == 200)
        yield made


@pytest.fixture(scope="session")
def address(model: ServedModel) -> Iterator[str]:
    """The URL of the application on a socket, for a browser."""
    server = uvicorn.Server(uvicorn.Config(make_app(model, []), port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait(lambda: server.started)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    wait(lambda: httpx.get(f"{url}/health").status_code == 200)
    yield url
    server.should_exit = True
    thread.join()

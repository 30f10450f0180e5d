"""The server in this process: an HTTP client without sockets, and the page in a browser."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from newsdesk.serving.app import build_app
from newsdesk.serving.connections import Server
from newsdesk.serving.model_watcher import ModelWatcher, ServedModel, open_model
from tests import ROOT

from .page_actions import wait_until_idle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

JSON = {"content-type": "application/json"}
TITLE, TEXT = (
    "غارة أميركية",
    ("أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."),
)
DEADLINE = 120.0
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


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


@pytest.fixture(scope="session")
def watcher(model: ServedModel) -> ModelWatcher:
    """The watcher of the application at `address`."""
    return ModelWatcher(model, model=None, log=lambda record: None)


def make_app(watcher: ModelWatcher, records: list[dict[str, Any]]) -> FastAPI:
    return build_app(watcher, threads=2, interval=1.0, log=lambda record: records.append(dict(record)))


@pytest.fixture(scope="session")
def client(model: ServedModel, records: list[dict[str, Any]]) -> Iterator[TestClient]:
    watcher = ModelWatcher(model, model=None, log=lambda record: None)
    with TestClient(make_app(watcher, records), raise_server_exceptions=False) as made:
        assert made.get("/version").status_code == 200  # also before the model is ready
        wait(lambda: made.get("/ready").status_code == 200)
        yield made


@pytest.fixture(scope="session")
def address(watcher: ModelWatcher) -> Iterator[str]:
    """The URL of the application on a socket, for a browser."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(make_app(watcher, []), drain=0.0, log=lambda record: None)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    wait(lambda: httpx.get(f"{url}/ready").status_code == 200)
    yield url
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The open page; a script error, a warning or a request to another host fails the test."""
    problems: list[str] = []
    opened = browser.new_page(viewport={"width": 1000, "height": 800})
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    opened.on("request", lambda r: r.url.startswith((address, "data:")) or problems.append(r.url))
    opened.goto(address)
    wait_until_idle(opened)
    yield opened
    opened.close()
    assert problems == []


@pytest.fixture
def failing_page(browser: Browser, address: str) -> Iterator[Page]:
    """The open page, where Chromium may write failed requests to the console."""
    opened = browser.new_page()
    opened.goto(address)
    yield opened
    opened.close()

"""The API key: where it is read, which requests have to bring it, and that it is never shown."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi.testclient import TestClient

from newsdesk.base.errors import NewsdeskError
from newsdesk.serving.api_key import VARIABLE, read_api_key
from newsdesk.serving.app import build_app
from newsdesk.serving.model_watcher import ModelWatcher, ServedModel
from newsdesk.serving.schemas import ErrorOut
from tests.commands import invoke

from .conftest import TEXT
from .page_actions import held, submit, wait_until_idle
from .processes import serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KEY = "s3cret-~!"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {KEY}", 200),
        (f"bearer  {KEY} ", 200),
        (basic(KEY), 200),
        (None, 401),
        ("", 401),
        (KEY, 401),
        ("Bearer", 401),
        (f"Bearer {KEY[:-1]}", 401),
        (f"Bearer {KEY} {KEY}", 401),
        ("Bearer ключ".encode(), 401),
        (f"Digest {KEY}", 401),
        (basic(KEY + "x"), 401),
        ("Basic !", 401),
        ("Basic " + base64.b64encode(KEY.encode()).decode(), 401),
    ],
)
def test_requests_bring_the_key(model: ServedModel, authorization: Any, status: int) -> None:
    records: list[Any] = []
    watcher = ModelWatcher(model, model=None, log=records.append)
    client = TestClient(build_app(watcher, threads=1, interval=1.0, log=records.append, api_key=KEY))
    headers = {} if authorization is None else {"authorization": authorization}
    for path in ("/version", "/metrics", "/openapi.json", "/", "/page.js"):
        response = client.get(path, headers=headers)
        assert response.status_code == status
        if status == 401:
            assert ErrorOut.model_validate(response.json()).error == "unauthorized"
            assert response.headers["www-authenticate"].startswith("Bearer ")
    assert client.post("/read", headers=headers).status_code == (415 if status == 200 else 401)
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 503  # the model is not warm
    assert KEY not in str(records)


def test_key_of_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    assert read_api_key(None) is None
    assert read_api_key(file) == KEY
    monkeypatch.setenv(VARIABLE, f"{KEY}2")
    assert read_api_key(None) == f"{KEY}2"
    with pytest.raises(NewsdeskError, match="exclude each other"):
        read_api_key(file)


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", "مفتاح".encode(), b"\xff"])
def test_what_is_no_key_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    done = invoke("serve", "--api-key-file", str(file), cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert str(file) in done.stderr
    if content != b"\xff":
        done = invoke("serve", cwd=tmp_path, NEWSDESK_API_KEY=content.decode())
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert VARIABLE in done.stderr


def test_missing_file_of_the_key_is_named(tmp_path: Path) -> None:
    done = invoke("serve", "--api-key-file", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nowhere" in done.stderr


@pytest.mark.integration
def test_server_process_with_a_key(tmp_path: Path, browser: Browser) -> None:
    with serve(tmp_path, "--drain", "0", NEWSDESK_API_KEY=KEY) as server:
        assert httpx.get(f"{server.address}/version").status_code == 401
        headers = {"authorization": f"Bearer {KEY}"}
        assert httpx.get(f"{server.address}/version", headers=headers).status_code == 200
        assert httpx.get(f"{server.address}/ready").status_code == 200
        page = browser.new_context(http_credentials={"username": "", "password": KEY}).new_page()
        page.goto(server.address)
        wait_until_idle(page)
        submit(page, "", TEXT)
        assert held(page, "region") == ["us"]
    assert KEY not in server.log.read_text(encoding="utf-8")

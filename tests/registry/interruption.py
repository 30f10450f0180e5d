"""Interrupt a command after its n-th write: by an exception in this process, or by killing its process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from mlflow import MlflowClient

from tests.commands import Command, Done

# calls of the client that write, by their requests to a server
WRITES = {
    "PUT card.md": "log_text",
    "POST registered-models/create": "create_registered_model",
    "POST model-versions/create": "create_model_version",
    "POST registered-models/alias": "set_registered_model_alias",
    "POST model-versions/set-tag": "set_model_version_tag",
}
HOP_BY_HOP = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding"}


class InterruptedError(BaseException):
    """Stands for a kill; commands don't catch it."""


def interrupt_in_process(n: int, newsdesk: Command, arguments: tuple[str, ...]) -> list[str]:
    """Run a command until its n-th write is done, and return its writes."""
    written: list[str] = []

    def interrupting(name: str) -> Any:
        call = getattr(MlflowClient, name)

        def write(*values: Any, **named: Any) -> Any:
            result = call(*values, **named)
            written.append(name)
            if len(written) == n:
                raise InterruptedError
            return result

        return write

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES.values():
            patch.setattr(MlflowClient, name, interrupting(name))
        with pytest.raises(InterruptedError):
            newsdesk(*arguments)
    return written


class Proxy(ThreadingHTTPServer):
    """Forwards requests to a server; after the n-th write it kills a process, or stops responding.

    The server has completed the write then, and the process has no response.
    """

    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.server, self.n_left, self.stopped = server, -1, False
        self.process: Any = None
        self.written: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def run(self, n: int, folder: Path, arguments: tuple[str, ...], *, kill: bool) -> Done:
        """Run a command through the proxy until its n-th write is done."""
        self.n_left, self.stopped, self.process, self.written = n, False, None, []
        newsdesk = Command(folder, self.address)
        started = newsdesk.start(*arguments)
        if kill:
            self.process = started[0]
        return newsdesk.wait(started)


class Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        if self.server.stopped:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
        request = Request(
            self.server.server + self.path, data=body or None, headers=headers, method=self.command
        )
        try:
            with urlopen(request, timeout=30) as answer:
                status, found, content = answer.status, answer.headers, answer.read()
        except HTTPError as error:
            status, found, content = error.code, error.headers, error.read()
        if self.command != "GET" and not self.path.endswith("/search"):
            tail = self.path.rsplit("/", 1 if self.command == "PUT" else 2)[1:]
            self.server.written.append(WRITES[f"{self.command} {'/'.join(tail)}"])
            self.server.n_left -= 1
            if self.server.n_left == 0:
                self.server.stopped = True
                if self.server.process:
                    self.server.process.kill()
                self.close_connection = True
                return
        self.send_response(status)
        for key, value in found.items():
            if key.lower() not in HOP_BY_HOP:
                self.send_header(key, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running_proxy(server: str) -> Iterator[Proxy]:
    """Yield a proxy before a server, stopped at the end."""
    proxy = Proxy(server)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield proxy
    proxy.shutdown()
    proxy.server_close()

"""`newsdesk serve`: serve a model over HTTP, with a page to try it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import Stopped, note
from newsdesk.base.errors import NewsdeskError
from newsdesk.cli.inputs import model_option


@click.command("serve")
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 is any free port."
)
@click.option(
    "--threads", default=lambda: os.cpu_count() or 1, show_default="the number of processors",
    type=click.IntRange(1, 256), help="Number of requests that are scored at a time.",
)  # fmt: skip
@click.option(
    "--interval", default=15.0, show_default=True, type=click.FloatRange(0.1),
    help="Seconds between two checks of the alias.",
)  # fmt: skip
@click.option(
    "--drain", default=1.0, show_default=True, type=click.FloatRange(0, 600),
    help="Seconds after SIGTERM in which connections are still accepted.",
)  # fmt: skip
@click.option(
    "--api-key-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="File of the API key that requests must bring; or set NEWSDESK_API_KEY.",
)  # fmt: skip
def main(
    model: str | None,
    host: str,
    port: int,
    threads: int,
    interval: float,
    drain: float,
    api_key_file: Path | None,
) -> None:
    """Serve a model over HTTP and on a page in the browser.

    A model given as models:/NAME@ALIAS is updated when the alias moves.

    There are limits on connections and requests. Without an API key anyone who can reach the address can use
    it. The log on standard error has a line of JSON for each request, without text of articles. On SIGTERM
    the server tells its clients to close, answers all requests that it has read, and exits.

    \b
    Examples:
      newsdesk serve
      newsdesk serve --model models:/newsdesk@champion --port 8080
      curl -H 'Content-Type: application/json' -d '{"text": "…"}' \\
        http://127.0.0.1:8000/predict
    """
    from newsdesk.serving.api_key import read_api_key
    from newsdesk.serving.app import build_app
    from newsdesk.serving.connections import Server
    from newsdesk.serving.model_watcher import ModelWatcher, open_model

    api_key = read_api_key(api_key_file)
    loaded = open_model(model)
    listening = _listen(host, port)
    address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/"
    name = f"{loaded.identity['name']} {loaded.identity['version']}"

    def announce(record: Mapping[str, Any]) -> None:
        _log(record)
        if record["event"] == "ready":
            note(f"serve: {name} at {address}")

    watcher = ModelWatcher(loaded, model=model, log=announce)
    app = build_app(watcher, threads=threads, interval=interval, log=_log, api_key=api_key)
    note(f"serve: {address} will answer when {name} is ready")
    note("serve: a first start compiles, which can take a minute")
    # uvicorn raises the signal again after the shutdown
    with contextlib.suppress(Stopped, KeyboardInterrupt):
        Server(app, drain=drain, log=_log).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise NewsdeskError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    # Connections inherit the option. asyncio would not set it on these sockets, and the body of a response
    # would wait 40 ms for the acknowledgement of its headers.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _log(record: Mapping[str, Any]) -> None:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    note(json.dumps({"time": time, **record}, ensure_ascii=False))

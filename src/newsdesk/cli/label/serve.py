"""`newsdesk serve`: the model over HTTP, with a page to try it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from newsdesk.base.console import Stopped, note
from newsdesk.base.errors import NewsdeskError

MAX_CONNECTIONS = 512


@click.command("serve")
@click.option(
    "--model",
    show_default="the model that newsdesk comes with",
    help="Model folder, models:/… or runs:/… URI; models:/NAME@ALIAS is renewed when the alias moves.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--threads",
    default=lambda: os.cpu_count() or 1,
    show_default="the number of processors",
    type=click.IntRange(1, 256),
    help="How many requests are scored at a time.",
)
@click.option(
    "--interval",
    default=15.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Seconds between two looks at where the alias stands.",
)
def main(model: str | None, host: str, port: int, threads: int, interval: float) -> None:
    """Label articles over HTTP, and in a browser.

    Whoever reaches the address may ask: there are limits on what is asked, and no accounts. A line of JSON a
    request goes to standard error, and no word of an article. SIGTERM lets it finish what it is answering.

    \b
    Examples:
      newsdesk serve
      newsdesk serve --model models:/newsdesk@champion --port 8080
      curl -H 'Content-Type: application/json' -d '{"text": "…"}' http://127.0.0.1:8000/predict
    """
    import uvicorn

    from newsdesk.serving import model_watcher
    from newsdesk.serving.app import build_app

    loaded = model_watcher.open_model(None if model == "shipped" else model)
    try:
        listening = socket.create_server((host, port), family=_family(host), backlog=2048)
    except OSError as error:
        raise NewsdeskError(f"can't listen at {host}:{port}: {error.strerror or error}") from None
    # connections inherit it; asyncio sets it only on sockets that name their protocol, which these do not,
    # and an answer's body would wait 40 ms for the receipt of its headers
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app = build_app(
        model_watcher.Live(loaded, model=model, log=_log), threads=threads, seconds=interval, log=_log
    )
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="on",
        limit_concurrency=MAX_CONNECTIONS, timeout_graceful_shutdown=60, timeout_keep_alive=30,
    )  # fmt: skip
    address = f"[{host}]" if ":" in host else host
    note(f"serve: {loaded.name} {loaded.version} at http://{address}:{listening.getsockname()[1]}/")
    # uvicorn raises the signal again when all is answered; it was asked to stop, and did
    with contextlib.suppress(Stopped, KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _log(record: Mapping[str, Any]) -> None:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    note(json.dumps({"time": time, **record}, ensure_ascii=False))

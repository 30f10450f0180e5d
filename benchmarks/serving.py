"""`newsdesk serve` beside `mlflow models serve` on the same model: requests a second, latency, memory.

All on this machine, the clients too: they take their part of the processors from the server.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import ROOT, Row, build_parser, check, note, write_results

SECONDS_TO_START = 120.0
CLIENTS = (1, 8, 32)
MAX_GROWTH = 1.05  # of memory, from the first tenth of the requests to the last


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask, how, and whose memory to read."""

    name: str
    port: int
    path: str
    body: Callable[[Sequence[Row]], bytes]
    pid: int


def starter() -> list[Row]:
    """The embedded corpus: titles and texts."""
    files = sorted((ROOT / "data/starter").glob("*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [{"title": row["title"], "text": row["text"]} for row in rows]


def ours(articles: Sequence[Row]) -> bytes:
    """A request of `newsdesk serve`."""
    return json.dumps({"articles": list(articles)}).encode()


def mlflows(articles: Sequence[Row]) -> bytes:
    """A request of MLflow's scoring server."""
    return json.dumps({"dataframe_records": list(articles)}).encode()


@contextlib.contextmanager
def running(name: str, model: str | None) -> Iterator[Server]:
    """Start a server on a free port and end it.

    Raises
    ------
    RuntimeError
        If it does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    if name == "newsdesk":
        entry = "from newsdesk.cli.main import main; main()"
        command = [sys.executable, "-c", entry, "serve", "--port", str(port)]
        command += ["--model", model] if model else []
        path, alive, body = "/predict", "/ready", ours
    else:
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model)]
        command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
        path, alive, body = "/invocations", "/ping", mlflows
    env = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
        try:
            _wait(process, port, alive)
            yield Server(name, port, path, body, process.pid)
        except RuntimeError as error:
            log.seek(0)
            last = (log.read().strip().splitlines() or [""])[-1]
            raise RuntimeError(f"{error}: {last}") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)  # MLflow's server has processes of its own
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"ended with exit code {process.returncode}")
        try:
            if _get(port, path) == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.2)
    raise RuntimeError(f"not ready after {SECONDS_TO_START:.0f} s")


def _get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def memory(pid: int) -> int:
    """Bytes that a process and all below it hold."""
    total, left = 0, [pid]
    while left:
        own = left.pop()
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{own}/status").read_text(encoding="ascii")
            found = re.search(r"VmRSS:\s+(\d+)", status)
            total += 1024 * int(found[1]) if found else 0
            for children in Path(f"/proc/{own}/task").glob("*/children"):
                left += map(int, children.read_text(encoding="ascii").split())
    return total


def ask(
    server: Server, bodies: Sequence[bytes], *, clients: int, n_requests: int
) -> tuple[float, list[float]]:
    """Send so many requests from so many clients; returns seconds in all, and milliseconds of each."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for i in range(n_requests):
        waiting.put(bodies[i % len(bodies)])
    took: list[float] = []
    failed: list[str] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        with contextlib.suppress(queue.Empty):
            while not failed:
                body = waiting.get_nowait()
                started = time.perf_counter()
                connection.request("POST", server.path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                said = response.read()
                took.append(1000 * (time.perf_counter() - started))
                if response.status != 200:
                    failed.append(f"status {response.status}: {said[:200]!r}")
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if failed or len(took) != n_requests:
        raise RuntimeError(f"{server.name}: {(failed or ['a connection broke'])[0]}")
    return seconds, took


def measure(server: Server, articles: Sequence[Row], *, n_requests: int) -> Iterator[Row]:
    """One row a size of request and number of clients."""
    for size, n in ((1, n_requests), (100, max(32, n_requests // 20))):
        bodies = [server.body(articles[i : i + size]) for i in range(0, len(articles) - size + 1, size)]
        ask(server, bodies, clients=1, n_requests=min(20, n))
        for clients in CLIENTS:
            seconds, took = ask(server, bodies, clients=clients, n_requests=n)
            p50, p99 = np.percentile(took, [50, 99])
            row = {
                "server": server.name, "articles": size, "clients": clients, "requests": n,
                "requests_per_second": n / seconds, "p50_ms": p50, "p99_ms": p99,
            }  # fmt: skip
            note(
                f"  {server.name}, {size} articles, {clients} clients: {n / seconds:,.1f} requests/s, "
                f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
            )
            yield row


def soak(server: Server, articles: Sequence[Row], *, n_requests: int) -> list[int]:
    """Memory before, and after each tenth of so many requests of one article."""
    bodies = [server.body([article]) for article in articles]
    held = [memory(server.pid)]
    for _ in range(10):
        ask(server, bodies, clients=8, n_requests=max(1, n_requests // 10))
        held.append(memory(server.pid))
    note(f"  {server.name}: {held[1] / 2**20:.0f} to {held[-1] / 2**20:.0f} MiB over {n_requests:,} requests")
    return held


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/serving.py --model models:/newsdesk@champion")
    parser.add_argument(
        "--model", help="models:/… or runs:/… URI; without one, the shipped model and no peer"
    )
    parser.add_argument("--requests", type=int, default=2000, help="of one article each (%(default)s)")
    parser.add_argument(
        "--soak", type=int, default=10_000, help="requests while memory is read (%(default)s)"
    )
    options = parser.parse_args()
    articles, rows, held = starter(), [], {}
    for name in ("newsdesk", "mlflow"):
        if name == "mlflow" and not options.model:
            note("mlflow: skipped: give --model a URI")
            continue
        try:
            with running(name, options.model) as server:
                rows += measure(server, articles, n_requests=options.requests)
                held[name] = soak(server, articles, n_requests=options.soak)
        except RuntimeError as error:
            if name == "newsdesk":
                raise
            note(f"mlflow: skipped: {error}")
    growth = held["newsdesk"][-1] / held["newsdesk"][1]
    checks = [check(f"memory over {options.soak:,} requests", growth, most=MAX_GROWTH)]
    content = {"model": options.model or "shipped", "rows": rows, "memory_bytes": held, "checks": checks}
    write_results(options.results / "serving.json", content)


if __name__ == "__main__":
    main()

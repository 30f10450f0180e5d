"""The HTTP server: connections that keep to limits of time and number, and a stop that loses no request.

uvicorn has a time limit for idle connections alone, and its `limit_concurrency` refuses everybody once enough
clients are silent. On SIGTERM it closes idle connections at once, at times with a request on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import logging
import socket
import traceback
from collections.abc import Iterator

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from newsdesk.serving.limits import BACKLOG, HEADER_SECONDS, IDLE_SECONDS, MAX_CONNECTIONS, SEND_SECONDS
from newsdesk.serving.metrics import Metrics
from newsdesk.serving.model_watcher import Log
from newsdesk.serving.schemas import error_response

STOP_SECONDS = 60  # for the requests that are open
LAST_REQUEST_SECONDS = 1.0  # for a request that is on its way when the server stops
INVALID = "not an HTTP/1.1 request, or a header larger than 16 KiB"


class Connections(ServerState):
    """The connections of a server; `waiting` has those without a request, the longest first."""

    def __init__(self, metrics: Metrics, log: Log) -> None:
        super().__init__()
        self.waiting: dict[Connection, None] = {}
        self.metrics = metrics
        self.log = log


class Connection(H11Protocol):
    """An HTTP/1.1 connection.

    A request's header and the sending of a response have time limits. Of too many connections, the one that
    has been without a request for longest is closed.
    """

    server_state: Connections
    _header_limit: asyncio.TimerHandle | None = None
    _send_limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.server_state.metrics.connections.inc()
        self._update(has_begun=True)
        if len(self.connections) > MAX_CONNECTIONS and self.server_state.waiting:
            oldest = next(iter(self.server_state.waiting))
            oldest.abort("connections")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.server_state.metrics.connections.dec()
        self.server_state.waiting.pop(self, None)
        for limit in (self._header_limit, self._send_limit):
            if limit:
                limit.cancel()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._update(has_begun=True)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._update(has_begun=bool(self.conn.trailing_data[0]))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._send_limit = self.loop.call_later(SEND_SECONDS, self.abort, "response")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._send_limit:
            self._send_limit.cancel()

    def shutdown(self) -> None:
        """Close the connection after its request, or after a moment in which one may arrive."""
        if self._is_waiting():
            self.loop.call_later(LAST_REQUEST_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, INVALID, "invalid")

    def abort(self, reason: str) -> None:
        """Close the connection at once, even if the client does not take what was sent."""
        self.server_state.waiting.pop(self, None)
        self.server_state.metrics.closed.labels(reason).inc()
        self.transport.abort()

    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _update(self, *, has_begun: bool) -> None:
        """Limit the time of the next header if it has begun, until it has arrived."""
        waiting = self.server_state.waiting
        if not self._is_waiting():
            waiting.pop(self, None)
            if self._header_limit:
                self._header_limit.cancel()
                self._header_limit = None
        elif not self.transport.is_closing():
            waiting.setdefault(self)
            if has_begun and not self._header_limit:
                self._header_limit = self.loop.call_later(HEADER_SECONDS, self._end_header)

    def _end_header(self) -> None:
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            message = f"the header did not arrive within {HEADER_SECONDS:.0f} seconds"
            self._refuse(408, message, "header")
        else:
            self.server_state.metrics.closed.labels("header").inc()
            self.transport.close()

    def _refuse(self, status: int, message: str, reason: str) -> None:
        self.server_state.metrics.closed.labels(reason).inc()
        client = self.client[0] if self.client else ""
        self.server_state.log({"event": "refused", "client": client, "status": status, "message": message})
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            response = error_response(status, message)
            headers = [*response.raw_headers, (b"connection", b"close")]
            events = (
                h11.Response(
                    status_code=status, headers=headers, reason=http.HTTPStatus(status).phrase.encode()
                ),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            )
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class Server(uvicorn.Server):
    """Serves an application until SIGTERM or SIGINT.

    Then it accepts connections for `drain` more seconds, while `/ready` answers 503 and every response closes
    its connection, and answers every request that it has read.
    """

    def __init__(self, app: FastAPI, *, drain: float, log: Log) -> None:
        logger = logging.getLogger("uvicorn.error")
        logger.handlers, logger.propagate = [_JsonHandler(log)], False
        config = uvicorn.Config(
            app, http=Connection, ws="none", lifespan="on", log_config=None, access_log=False,
            server_header=False, backlog=BACKLOG, timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )  # fmt: skip
        super().__init__(config)
        self.server_state = Connections(app.state.metrics, log)
        self._state = app.state
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._state.stopping = True
        loop = asyncio.get_running_loop()
        until = loop.time() + self._drain
        while loop.time() < until and not self.force_exit:
            await asyncio.sleep(0.05)
        listening = sockets or []
        for each in listening:
            loop.remove_reader(each)
        await asyncio.sleep(0.05)  # for the connections that asyncio has accepted
        last = [accepted for each in listening for accepted in _accept_all(each)]
        for server in self.servers:
            server.close()
        taken = asyncio.gather(*map(self._take, last))
        await super().shutdown(sockets)
        await taken

    async def _take(self, accepted: socket.socket) -> None:
        def make() -> Connection:
            return Connection(self.config, self.server_state, self.lifespan.state)

        _, connection = await asyncio.get_running_loop().connect_accepted_socket(make, accepted)
        connection.shutdown()


def _accept_all(listening: socket.socket) -> Iterator[socket.socket]:
    """Accept the connections that wait; closing the socket would reset them, with requests on their way."""
    with contextlib.suppress(BlockingIOError):
        while True:
            accepted, _ = listening.accept()
            accepted.setblocking(False)
            yield accepted


class _JsonHandler(logging.Handler):
    """Writes what uvicorn logs to the log of the server."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        entry = {"event": "server", "level": record.levelname.lower(), "message": record.getMessage().strip()}
        if record.exc_info and record.exc_info[0]:
            kind, _, trace = record.exc_info  # the message of an error may have text of an article
            entry |= {"error": kind.__name__, "traceback": "".join(traceback.format_tb(trace))}
        self._log(entry)

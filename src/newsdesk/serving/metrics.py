"""What a server counts, in the format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder

from newsdesk.serving.model_watcher import ModelWatcher

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LABELLED = "labelled"


class Metrics:
    """Counts of a server, and the state of its model at the time of asking."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "newsdesk_requests", "Requests answered.", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "newsdesk_request_seconds", "Time from header to response.", ["path"],
            buckets=BUCKETS, registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge("newsdesk_requests_in_flight", "Requests not yet answered.", registry=registry)
        self.articles = Counter(
            "newsdesk_articles", "Articles by the reason why they have no label, or labelled.",
            ["reason"], registry=registry,
        )  # fmt: skip
        self.connections = Gauge("newsdesk_connections", "Open connections.", registry=registry)
        self.closed = Counter(
            "newsdesk_connections_closed", "Connections closed by a limit.", ["reason"], registry=registry
        )
        self._model = Info("newsdesk_model", "The model that is served.", registry=registry)
        self._ready = Gauge("newsdesk_model_ready", "1 if the model is loaded and warm.", registry=registry)
        self._degraded = Gauge(
            "newsdesk_model_degraded", "1 if the model could not be updated.", registry=registry
        )

    def count_articles(self, reasons: Iterable[str | None]) -> None:
        """Count articles by the reason why they have no label."""
        for reason in reasons:
            self.articles.labels(reason or LABELLED).inc()

    def render(self, watcher: ModelWatcher, accept: str) -> tuple[bytes, str]:
        """Return all metrics, and their content type: that of Prometheus or of OpenMetrics."""
        identity = watcher.current.identity
        self._model.info({key: identity[key] for key in ("name", "version", "sha256")})
        self._ready.set(watcher.ready)
        self._degraded.set(watcher.trouble is not None)
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def totals(self) -> dict[str, int]:
        """Return the numbers of requests and articles."""
        totals = {"requests": self.requests, "articles": self.articles}
        return {
            name: int(
                sum(
                    s.value
                    for family in counter.collect()
                    for s in family.samples
                    if s.name.endswith("_total")
                )
            )
            for name, counter in totals.items()
        }

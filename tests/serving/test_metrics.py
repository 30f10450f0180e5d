"""The metrics of a server, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from newsdesk.serving.model_watcher import ModelWatcher, ServedModel

from .conftest import TEXT, make_app, wait


@pytest.fixture
def client(model: ServedModel) -> Iterator[TestClient]:
    watcher = ModelWatcher(model, model=None, log=lambda record: None)
    with TestClient(make_app(watcher, [])) as made:
        yield made


def read_metrics(client: TestClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for f in families
        for sample in f.samples
    }


def test_requests_articles_and_model_are_counted(client: TestClient, model: ServedModel) -> None:
    assert ("newsdesk_model_ready", frozenset()) in read_metrics(client)
    wait(lambda: client.get("/ready").status_code == 200)
    articles = [{"text": TEXT}, {"text": TEXT}, {"text": "An article in English about the war."}]
    assert client.post("/predict", json={"articles": articles}).status_code == 200
    assert client.post("/predict", json={"text": 5}).status_code == 422
    for invented in range(3):
        client.get(f"/invented-{invented}")
    found = read_metrics(client)

    def value(name: str, /, **labels: str) -> float:
        return found[f"newsdesk_{name}", frozenset(labels.items())]

    assert value("requests_total", path="/predict", status="200") == 1
    assert value("requests_total", path="/predict", status="422") == 1
    assert value("requests_total", path="other", status="404") == 3
    assert value("request_seconds_count", path="/predict") == 2
    assert value("articles_total", reason="labelled") == 2
    assert value("articles_total", reason="not_arabic") == 1
    assert value("requests_in_flight") == 1  # that of /metrics
    assert (value("model_ready"), value("model_degraded")) == (1, 0)
    identity = {key: model.identity[key] for key in ("name", "version", "sha256")}
    assert value("model_info", **identity) == 1


def test_openmetrics_is_returned_where_it_is_asked_for(client: TestClient) -> None:
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    response = client.get("/metrics", headers=accept)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")

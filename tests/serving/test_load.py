"""Under load the alias moves and the server is stopped: every request that it read is answered by one model."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient

from newsdesk.base.files import SHIPPED
from newsdesk.inference.scorer import Scorer

from .conftest import DEADLINE, JSON, starter, wait
from .processes import serve
from .test_model_watcher import copy_without_confident_labels

pytestmark = pytest.mark.integration
N_CLIENTS = 8
ARTICLES = starter(40)


@dataclass
class Outcomes:
    """What the clients saw, by the id of the request."""

    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)  # and the first article
    closed: dict[str, bool] = field(
        default_factory=dict
    )  # before an answer; whether others were answered there
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def send(self, port: int) -> None:
        """Send requests, most on one connection, until the server refuses connections."""
        connection, n_answered = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE), 0
        while True:
            number = next(self.numbers)
            name, first = f"load-{number}", number % (len(ARTICLES) - 1)
            body = json.dumps({"articles": ARTICLES[first : first + 2]})
            try:
                connection.request("POST", "/predict", body, JSON | {"x-request-id": name})
                response = connection.getresponse()
            except ConnectionRefusedError:
                return
            except (ConnectionError, http.client.RemoteDisconnected):
                self.closed[name] = n_answered > 0
                connection.close()
            else:
                assert response.status == 200
                self.answers[name] = (first, json.loads(response.read()))  # fails if it is cut off
                n_answered = 0 if response.will_close else n_answered + 1


def test_no_request_is_lost_or_answered_by_two_models(mlflow_file: str, tmp_path: Path) -> None:
    registry = MlflowClient(tracking_uri=mlflow_file, registry_uri=mlflow_file)
    registry.create_registered_model("loaded")
    folders = [SHIPPED, copy_without_confident_labels(tmp_path / "other")]
    versions = [
        str(registry.create_model_version("loaded", source=folder.as_uri()).version) for folder in folders
    ]
    registry.set_registered_model_alias("loaded", "champion", versions[0])
    options = ("--model", "models:/loaded@champion", "--interval", "0.2")
    outcomes = Outcomes()
    with serve(tmp_path, *options, MLFLOW_TRACKING_URI=mlflow_file) as server:
        clients = [threading.Thread(target=outcomes.send, args=(server.port,)) for _ in range(N_CLIENTS)]
        for client in clients:
            client.start()
        wait(lambda: len(outcomes.answers) >= 1000)
        registry.set_registered_model_alias("loaded", "champion", versions[1])
        wait(lambda: httpx.get(f"{server.address}/version").json()["model"]["version"] == versions[1])
        answered = len(outcomes.answers)
        wait(lambda: len(outcomes.answers) >= max(3000, answered + 500))
        server.terminate()
        for client in clients:
            client.join()
        assert server.process.wait(timeout=DEADLINE) == 0
        records = server.records()

    read = {r["request_id"] for r in records if r["event"] == "request" and r["path"] == "/predict"}
    assert read == set(outcomes.answers)
    assert [name for name, is_kept in outcomes.closed.items() if is_kept] == []
    titles, texts = ([article[key] for article in ARTICLES] for key in ("title", "text"))
    labels = {
        version: [prediction.labels for prediction in Scorer.load(folder).predict(titles, texts)]
        for version, folder in zip(versions, folders, strict=True)
    }
    counts: Counter[str] = Counter()
    for first, answer in outcomes.answers.values():
        version = answer["model"]["version"]
        counts[version] += 1
        found = [{"region": row["regions"], "topic": row["topics"]} for row in answer["predictions"]]
        assert found == labels[version][first : first + 2]
    assert min(counts[version] for version in versions) > 400
    assert labels[versions[0]] != labels[versions[1]]

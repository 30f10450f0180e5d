"""The application: the predictions of the scorer, evidence, profiles, OpenAPI, health and log."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from newsdesk import __version__
from newsdesk.base.files import SHIPPED, sha256
from newsdesk.batch.output_schema import LABELED
from newsdesk.inference.scorer import Scorer
from newsdesk.serving.model_watcher import ModelWatcher, ServedModel
from newsdesk.serving.schemas import Answer
from tests.inference.articles import ARABIC, DIRTY

from .conftest import TEXT, make_app, starter


def test_predictions_are_those_of_the_scorer_in_order(client: TestClient, model: ServedModel) -> None:
    articles: list[dict[str, Any]] = [
        *starter(30), {"text": None}, {"text": "", "title": None}, {"text": "An article in English about the war."},
    ]  # fmt: skip
    response = client.post("/predict", json={"articles": articles})
    answer = response.json()
    Answer.model_validate(answer)
    titles, texts = [a.get("title") for a in articles], [a["text"] for a in articles]
    expected = Scorer.load(SHIPPED).predict(titles, texts)
    for article, row, prediction in zip(articles, answer["predictions"], expected, strict=True):
        assert row == {
            "article_id": article.get("article_id"), "reason": prediction.reason,
            "regions": prediction.labels["region"], "topics": prediction.labels["topic"],
            "region_scores": prediction.scores["region"], "topic_scores": prediction.scores["topic"],
            "main_region": (prediction.regions or [None])[0], "main_topic": (prediction.topics or [None])[0],
        }  # fmt: skip
        assert {*row} <= {*LABELED.names}, "the columns of a file that `newsdesk predict` writes"
    assert answer["model"]["sha256"] == sha256(SHIPPED)
    assert client.post("/predict", json={"articles": []}).json()["predictions"] == []


def test_single_article_with_evidence(client: TestClient) -> None:
    body = {"article_id": "7", "title": "😀 غارة أميركية", "text": f" \n{TEXT}", "explain": True, "top": 3}
    answer = client.post("/predict", json=body).json()
    Answer.model_validate(answer)
    (row,) = answer["predictions"]
    assert row["article_id"] == "7"
    assert len(row["evidence"]) == 19
    for e in row["evidence"]:
        total = e["intercept"] + sum(c["value"] for c in e["contributions"])
        assert total == pytest.approx(e["score"], abs=1e-9)
        assert e["threshold"] == answer["thresholds"][e["task"]][e["label"]]
        for c in e["contributions"]:
            if c["part"]:
                assert row[c["part"]][c["start"] : c["end"]] == c["surface"]
    assert row["text"] == TEXT  # as scored


def test_articles_are_repaired_as_by_predict(client: TestClient) -> None:
    broken = {"title": "قمة &quot;باريس&quot;\x07", "text": f"\x0b{TEXT}&nbsp;", "explain": True}
    repaired = {"title": 'قمة "باريس"', "text": TEXT, "explain": True}
    rows = [client.post("/predict", json=article).json()["predictions"] for article in (broken, repaired)]
    assert rows[0] == rows[1]
    assert TEXT == ARABIC
    dirty = [{"title": f"<b>{broken['title']}</b>", "text": text, "explain": True} for text in DIRTY.values()]
    assert [client.post("/predict", json=article).json()["predictions"] for article in dirty] == [
        rows[1]
    ] * len(dirty)


def test_profiles(client: TestClient) -> None:
    scorer, n_topics = Scorer.load(SHIPPED), []
    titles, texts = [a["title"] for a in starter(40)], [a["text"] for a in starter(40)]
    for profile in ("high_precision", "balanced", "high_recall"):
        answer = client.post("/predict", json={"articles": starter(40), "profile": profile}).json()
        labels = [{"region": row["regions"], "topic": row["topics"]} for row in answer["predictions"]]
        assert labels == [p.labels for p in scorer.predict(titles, texts, profile)]
        n_topics.append(sum(len(row["topics"]) for row in answer["predictions"]))
    assert n_topics[0] < n_topics[1] < n_topics[2]


def test_openapi_has_schemas_and_examples_that_work(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert {"Answer", "ErrorOut", "Batch", "Single"} <= set(document["components"]["schemas"])
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        (row,) = client.post("/predict", json=example["value"]).json()["predictions"]
        assert (row["regions"], row["topics"][0]) == (["europe"], "terrorism")


def test_health_version_and_log(client: TestClient, records: list[dict[str, Any]]) -> None:
    records.clear()
    client.post("/predict", json={"articles": starter(3)})
    health, version = client.get("/health").json(), client.get("/version").json()
    assert (health["status"], health["trouble"]) == ("ready", None)
    assert version["newsdesk"] == __version__
    assert version["profiles"] == ["balanced", "high_precision", "high_recall"]
    assert [label["id"] for label in version["labels"]["region"]] == list(
        Scorer.load(SHIPPED).heads[0].labels
    )
    logged = records[0]
    assert (logged["path"], logged["status"], logged["articles"]) == ("/predict", 200, 3)
    assert not any(starter(1)[0]["title"][:10] in str(value) for value in logged.values())


def test_other_paths_and_methods(client: TestClient) -> None:
    assert client.get("/nothing").json() == {"error": "not_found", "message": "Not Found", "details": []}
    for method, path, allowed in [
        ("GET", "/predict", "POST"), ("HEAD", "/predict", "POST"), ("POST", "/health", "GET, HEAD"),
        ("PUT", "/", "GET, HEAD"), ("OPTIONS", "/read", "POST"),
    ]:  # fmt: skip
        response = client.request(method, path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)
        assert method == "HEAD" or response.json()["error"] == "method_not_allowed"
    assert client.post("/nothing").status_code == 404
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


def test_a_failure_is_an_error_as_json(model: ServedModel) -> None:
    records: list[dict[str, Any]] = []
    watcher: Any = ModelWatcher(model, model=None, log=lambda record: None)
    client = TestClient(make_app(watcher, records), raise_server_exceptions=False)
    watcher.current = None
    response = client.get("/version")
    assert (response.status_code, response.json()["error"]) == (500, "internal")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert (records[0]["status"], records[0]["request_id"]) == (500, response.headers["x-request-id"])


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/health", "/nothing"])
def test_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"

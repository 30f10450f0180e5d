"""Serving over HTTP: the scorer's own answers, clear refusals, a stop that loses nothing, a new champion."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mlflow import MlflowClient

from newsdesk import __version__
from newsdesk.base.files import SHIPPED, sha256
from newsdesk.inference.scorer import Scorer
from newsdesk.serving.app import (
    MAX_ARTICLES,
    MAX_BYTES,
    MAX_CHARACTERS,
    STATUS_CODES,
    Answer,
    ErrorOut,
    build_app,
)
from newsdesk.serving.model_watcher import Live, open_model
from tests.conftest import ROOT, run
from tests.inference.test_scorer import ARABIC
from tests.server import serving, wait

JSON = {"content-type": "application/json"}
RECORDS: list[dict[str, Any]] = []


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    live = Live(open_model(None), model=None, log=lambda record: RECORDS.append(dict(record)))
    app = build_app(live, threads=2, seconds=1.0, log=lambda record: RECORDS.append(dict(record)))
    with TestClient(app, raise_server_exceptions=False) as made:
        assert made.get("/version").json()["newsdesk"] == __version__  # before it is ready, too
        wait(lambda: made.get("/health").status_code == 200)
        yield made


def starter(n: int) -> list[dict[str, str]]:
    lines = (ROOT / "data/starter/st2.jsonl").read_text(encoding="utf-8").splitlines()[:n]
    return [{"article_id": r["id"], "title": r["title"], "text": r["text"]} for r in map(json.loads, lines)]


def post(client: TestClient, content: str | bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    response = client.post("/predict", content=content, headers=JSON | headers)
    return response.status_code, response.json()


def test_answers_are_the_scorers_in_order(client: TestClient) -> None:
    articles: list[dict[str, Any]] = [
        *starter(30), {"text": None}, {"text": "", "title": None}, {"text": "An article in English about the war."},
    ]  # fmt: skip
    response = client.post("/predict", json={"articles": articles})
    answer = response.json()
    Answer.model_validate(answer)
    expected = Scorer.load(SHIPPED).predict([a.get("title") for a in articles], [a["text"] for a in articles])
    for article, row, said in zip(articles, answer["predictions"], expected, strict=True):
        assert row == {
            "article_id": article.get("article_id"), "reason": said.reason,
            "regions": said.labels["region"], "topics": said.labels["topic"],
            "region_scores": said.scores["region"], "topic_scores": said.scores["topic"],
        }  # fmt: skip
    assert answer["model"]["sha256"] == sha256(SHIPPED)
    assert client.post("/predict", json={"articles": []}).json()["predictions"] == []


def test_one_article_by_itself_with_evidence(client: TestClient) -> None:
    body = {"article_id": "7", "title": "😀 غارة أميركية", "text": f" \n{ARABIC}", "explain": True, "top": 3}
    answer = client.post("/predict", json=body).json()
    Answer.model_validate(answer)
    (row,) = answer["predictions"]
    assert row["article_id"] == "7"
    assert len(row["evidence"]) == 19
    for e in row["evidence"]:
        assert e["intercept"] + sum(c["value"] for c in e["contributions"]) == pytest.approx(
            e["score"], abs=1e-9
        )
        assert e["threshold"] == answer["thresholds"][e["task"]][e["label"]]
        for c in e["contributions"]:
            if c["part"]:
                assert row[c["part"]][c["start"] : c["end"]] == c["surface"]
    assert row["text"] == ARABIC  # as it was scored


def test_it_mends_what_predict_mends(client: TestClient) -> None:
    """So that an article is labelled alike wherever it is."""
    broken = {"title": "قمة &quot;باريس&quot;\x07", "text": f"\x0b{ARABIC}&nbsp;", "explain": True}
    mended = {"title": 'قمة "باريس"', "text": ARABIC, "explain": True}
    rows = [client.post("/predict", json=article).json()["predictions"] for article in (broken, mended)]
    assert rows[0] == rows[1]


def many(n: int) -> str:
    return json.dumps({"articles": [{"text": "x"}] * n})


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        ("", 400, "Field required"),
        ("{", 400, "JSON decode error"),
        ("[" * 100_000, 400, "parsing the body"),
        (b'{"text": "\xff"}', 400, "parsing the body"),
        (f'{{"text": {"9" * 5000}}}', 400, "parsing the body"),
        (r'{"text": "\ud800"}', 400, "text: Input should be a valid string, unable to parse raw data as a unicode"),
        (r'{"article_id": "\udfff", "text": ""}', 400, "article_id: Input should be a valid string"),
        (r'{"text": "a\u0000b"}', 400, "text: holds a NUL character"),
        ("[]", 422, "valid dictionary"),
        ("null", 422, "valid dictionary"),
        ("NaN", 422, "valid dictionary"),
        ("{}", 422, "text: Field required"),
        ('{"text": 5}', 422, "text: Input should be a valid string"),
        ('{"articles": {}}', 422, "articles: Input should be a valid list"),
        ('{"articles": [{"text": ""}, {"title": ""}]}', 422, "articles.1.text: Field required"),
        ('{"text": "", "body": ""}', 422, "body: Extra inputs are not permitted"),
        (r'{"text": "", "\ud800": ""}', 400, "unable to parse raw data as a unicode string"),
        ('{"text": "", "explain": "perhaps"}', 422, "explain: Input should be a valid boolean"),
        ('{"text": "", "top": 0}', 422, "top: Input should be greater than or equal to 1"),
        ('{"text": "", "profile": "bold"}', 422, "profile: Input should be 'balanced'"),
        (many(MAX_ARTICLES + 1), 422, "articles: List should have at most 1000 items"),
        (many(51)[:-1] + ', "explain": true}', 422, "evidence is told of up to 50 articles a request, not of 51"),
        (json.dumps({"text": "x" * (MAX_CHARACTERS + 1)}), 422, "text: String should have at most 100000"),
        (json.dumps({"text": "ا" + "\u0301\u200c\u0316" * 40}), 422, "text: holds a letter with more than 31 marks"),
        (b" " * (MAX_BYTES + 1), 413, "the body is larger than 8,388,608 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_a_reason(
    client: TestClient, content: str | bytes, status: int, message: str
) -> None:
    found, said = post(client, content)
    assert (found, said["error"]) == (status, STATUS_CODES[status])
    assert message in said["message"]
    ErrorOut.model_validate(said)


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json; charset=utf-16"])
def test_what_is_not_json_is_refused(client: TestClient, kind: str) -> None:
    found, said = post(client, '{"text": ""}', **{"content-type": kind})
    assert (found, said["error"]) == (415, "not_json")


def test_a_body_of_no_told_length_is_cut_off(client: TestClient) -> None:
    chunks = (b" " * (1 << 20) for _ in range(20))
    response = client.post("/predict", content=chunks, headers=JSON)
    assert (response.status_code, response.json()["error"]) == (413, "too_large")


def test_marks_and_tatweel_that_people_write_are_taken(client: TestClient) -> None:
    text = "مُحَمَّدٌ " + "ـ" * 200 + " " + "\u200f" * 100 + "😀" * 100
    assert client.post("/predict", json={"text": text}).status_code == 200


def test_other_paths_and_methods(client: TestClient) -> None:
    assert client.get("/nothing").json() == {"error": "not_found", "message": "Not Found", "details": []}
    assert client.get("/predict").status_code == 405
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


def test_openapi_has_schemas_and_examples_that_work(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert {"Answer", "ErrorOut", "Batch", "Single"} <= set(document["components"]["schemas"])
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        (row,) = client.post("/predict", json=example["value"]).json()["predictions"]
        assert (row["regions"], row["topics"][0]) == (["europe"], "terrorism")


def test_health_version_and_log(client: TestClient) -> None:
    RECORDS.clear()
    client.post("/predict", json={"articles": starter(3)})
    health, version = client.get("/health").json(), client.get("/version").json()
    assert (health["status"], health["trouble"]) == ("ready", None)
    assert health["requests"] >= 1
    assert version["profiles"] == ["balanced", "high_precision", "high_recall"]
    assert [own["id"] for own in version["labels"]["region"]] == list(Scorer.load(SHIPPED).heads[0].labels)
    logged = RECORDS[0]
    assert (logged["path"], logged["status"], logged["articles"]) == ("/predict", 200, 3)
    assert not any(starter(1)[0]["title"][:10] in str(value) for value in logged.values())


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/health", "/nothing"])
def test_headers_that_keep_a_browser_safe(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_profiles(client: TestClient) -> None:
    scorer, found = Scorer.load(SHIPPED), []
    for profile in ("high_precision", "balanced", "high_recall"):
        answer = client.post("/predict", json={"articles": starter(40), "profile": profile}).json()
        expected = scorer.predict(
            [a["title"] for a in starter(40)], [a["text"] for a in starter(40)], profile
        )
        said = [{"region": row["regions"], "topic": row["topics"]} for row in answer["predictions"]]
        assert said == [p.labels for p in expected]
        found.append(sum(len(row["topics"]) for row in answer["predictions"]))
    assert found[0] < found[1] < found[2]


@pytest.mark.integration
def test_a_stop_lets_requests_in_flight_finish(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        slow = {"articles": starter(50), "explain": True, "top": 100}
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(len(server.post(slow).json()["predictions"])))
        asking.start()
        wait(lambda: server.get("/health").json()["in_flight"] > 1)  # the other one is this one
        os.kill(server.process.pid, signal.SIGTERM)
        asking.join()
        assert answers == [50]
        assert server.process.wait(timeout=60) == 0
        last = server.records()[-1]
        assert (last["event"], last["articles"], last["in_flight"]) == ("stopped", 50, 0)


def register(client: MlflowClient, name: str, folder: Path) -> str:
    return str(client.create_model_version(name, source=folder.as_uri()).version)


@pytest.mark.integration
def test_it_follows_its_alias(tmp_path: Path) -> None:
    """On a real SQLite registry, which goes away and comes back."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    registry = MlflowClient(tracking_uri=uri, registry_uri=uri)
    registry.create_registered_model("newsdesk")
    shutil.copytree(SHIPPED, tmp_path / "other", ignore=shutil.ignore_patterns("__pycache__"))
    info = json.loads((SHIPPED / "model.json").read_text(encoding="utf-8"))
    for head in info["heads"]:
        head |= {"thresholds": [1.0] * len(head["labels"]), "floor": None}
    (tmp_path / "other/model.json").write_text(json.dumps(info), encoding="utf-8")
    first, second = (
        register(registry, "newsdesk", SHIPPED),
        register(registry, "newsdesk", tmp_path / "other"),
    )
    registry.set_registered_model_alias("newsdesk", "champion", first)
    options = ("--model", "models:/newsdesk@champion", "--interval", "0.2")
    with serving(tmp_path, *options, MLFLOW_TRACKING_URI=uri) as server:
        said = server.post({"text": ARABIC}).json()
        assert (said["model"]["name"], said["model"]["version"]) == ("newsdesk", first)
        assert said["predictions"][0]["regions"] == ["us"]

        registry.set_registered_model_alias("newsdesk", "champion", second)
        wait(lambda: server.get("/version").json()["model"]["version"] == second)
        said = server.post({"text": ARABIC}).json()
        assert (said["model"]["version"], said["predictions"][0]["reason"]) == (second, "ambiguous")
        assert said["model"]["sha256"] == sha256(tmp_path / "other")

        (tmp_path / "mlflow.db").rename(tmp_path / "away.db")
        health = wait(lambda: (h := server.get("/health").json())["status"] == "degraded" and h)
        assert "no such file" in health["trouble"]
        assert not (tmp_path / "mlflow.db").exists()
        assert server.post({"text": ARABIC}).json()["model"]["version"] == second

        (tmp_path / "away.db").rename(tmp_path / "mlflow.db")
        wait(lambda: server.get("/health").json()["status"] == "ready")
        events = [r["event"] for r in server.records() if r["event"] != "request"]
        assert events == ["ready", "renewed", "degraded", "recovered"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "nowhere"], "nowhere: no such model folder"),
        (["--model", "models:/newsdesk@champion"], "no such file"),
        (["--host", "192.0.2.1"], "can't listen at 192.0.2.1:8000"),
    ],
)
@pytest.mark.integration
def test_a_start_that_fails_is_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    store = f"sqlite:///{tmp_path}/mlflow.db"
    done = run("newsdesk", "serve", *options, cwd=tmp_path, MLFLOW_TRACKING_URI=store)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr

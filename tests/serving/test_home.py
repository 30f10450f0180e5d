"""The home of a source in requests to the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from newsdesk.inference.scorer import Scorer
from newsdesk.serving.model_watcher import ModelWatcher, open_model
from newsdesk.serving.schemas import Answer
from tests.home_model import UNNAMED

from .conftest import make_app, wait

ERROR = "expected the ISO 3166-1 code of a country, such as DZ"


@pytest.fixture(scope="module")
def client(home_model: Path) -> Iterator[TestClient]:
    watcher = ModelWatcher(open_model(str(home_model)), model=None, log=lambda record: None)
    with TestClient(make_app(watcher, []), raise_server_exceptions=False) as made:
        wait(lambda: made.get("/ready").status_code == 200)
        yield made


def test_scores_and_evidence_are_those_with_the_home(client: TestClient, home_model: Path) -> None:
    homes = ["MA", None, "dz"]
    articles = [{"text": UNNAMED, "home": home} for home in homes]
    answer = client.post("/predict", json={"articles": articles, "explain": True, "top": 1000}).json()
    Answer.model_validate(answer)
    expected = Scorer.load(home_model).predict([""] * 3, [UNNAMED] * 3, homes=homes)
    assert [r["region_scores"] for r in answer["predictions"]] == [p.scores["region"] for p in expected]
    for row, home in zip(answer["predictions"], ["MA", None, "DZ"], strict=True):
        found = {c["term"] for e in row["evidence"] for c in e["contributions"] if c["kind"] == "home"}
        assert found == ({home} if home else set())


def test_unknown_home_is_an_error_of_the_field(client: TestClient) -> None:
    one = client.post("/predict", json={"text": UNNAMED, "home": "XX"})
    assert (one.status_code, one.json()["message"]) == (422, f"home: {ERROR}")
    both = client.post("/predict", json={"articles": [{"text": UNNAMED}, {"text": UNNAMED, "home": ""}]})
    assert both.status_code == 422
    assert both.json()["details"] == [{"at": "articles.1.home", "message": ERROR, "type": "country"}]


def test_an_uploaded_file_brings_homes_that_are_countries(client: TestClient) -> None:
    table = f"text,home\n{UNNAMED},DZ\n{UNNAMED},Algeria\n".encode()
    headers = {"content-type": "application/octet-stream"}
    articles = client.post("/read?name=news.csv", content=table, headers=headers).json()["articles"]
    assert [article["home"] for article in articles] == ["DZ", None]
    assert client.post("/predict", json={"articles": articles}).status_code == 200

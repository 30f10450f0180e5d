"""The model behind MLflow's own server: each form of its JSON gives the rows of the model."""

import json
from pathlib import Path
from typing import Any

import mlflow
import pytest
from fastapi.testclient import TestClient
from mlflow.pyfunc import scoring_server

from tests.inference.articles import ARABIC

ROWS = [
    {"title": "غارة أميركية", "text": ARABIC},
    {"title": None, "text": None},
    {"title": None, "text": ARABIC},
]
SPLIT = {"columns": ["title", "text"], "data": [[row["title"], row["text"]] for row in ROWS]}
PARAMS = {"flat": True, "profile": "high_precision"}


@pytest.mark.parametrize(
    "body",
    [{"dataframe_split": SPLIT}, {"dataframe_records": ROWS}, {"instances": ROWS}, {"inputs": ROWS}],
    ids=lambda body: next(iter(body)),
)
@pytest.mark.parametrize("params", [{}, PARAMS], ids=["", "flat"])
def test_each_form_of_json(saved: Path, body: dict[str, Any], params: dict[str, Any]) -> None:
    model = mlflow.pyfunc.load_model(str(saved))
    response = TestClient(scoring_server.init(model)).post("/invocations", json={**body, "params": params})
    assert response.status_code == 200, response.text
    expected = model.predict(ROWS, params=params).to_dict("records")
    assert response.json()["predictions"] == json.loads(json.dumps(expected, allow_nan=False))


def test_a_wrong_param_is_an_error_of_the_client(saved: Path) -> None:
    model = mlflow.pyfunc.load_model(str(saved))
    body = {"inputs": ["خبر"], "params": {"profile": "precise"}}
    response = TestClient(scoring_server.init(model)).post("/invocations", json=body)
    assert response.status_code == 400
    assert "params: profile: expected one of balanced, high_precision, high_recall" in response.text

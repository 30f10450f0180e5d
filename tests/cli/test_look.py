"""`newsdesk taxonomy`, `results`, `read` and `doctor`: what they print."""

from __future__ import annotations

import json

import pytest

from tests import ROOT
from tests.cli.conftest import Newsdesk, read_lines
from tests.commands import invoke


def test_taxonomy(newsdesk: Newsdesk) -> None:
    assert "002 without 818" in newsdesk("taxonomy").stdout
    assert len(json.loads(newsdesk("taxonomy", "--format", "json").stdout)["topics"]) == 12


def test_results(newsdesk: Newsdesk) -> None:
    output = newsdesk("results").stdout
    assert "| starter | 716 | 715 | 715 | empty_text 1 |" in output
    assert "| topic | **f1_macro** |" in output
    assert output.splitlines()[-1].startswith("MLflow run: none")
    assert "MLflow run" not in newsdesk("results", "--markdown").stdout


def test_results_of_outlets(newsdesk: Newsdesk) -> None:
    outlets = ROOT / "profiles/unseen/metrics/outlets.json"
    assert "| region | newsdesk |" in newsdesk("results", "--outlets", str(outlets)).stdout
    result = newsdesk("results", "--outlets", "metrics/evaluate.json")
    assert result.returncode == 2
    assert "metrics/evaluate.json: expected the metrics of `newsdesk outlets`" in result.stderr


def test_read_leaves_out_what_is_not_the_article(newsdesk: Newsdesk) -> None:
    articles = read_lines(newsdesk("read", "data/starter/pages", "--format", "jsonl").stdout)
    assert sum(article["kind"] == "article" for article in articles) == 29
    assert not any("TT" in article["text"].split("\n") for article in articles)
    output = newsdesk("read", "data/starter/pages/page-06.txt").stdout
    assert output.startswith("# article ")
    assert "ما السبب؟" in output


@pytest.mark.integration
def test_doctor() -> None:
    output = invoke("doctor", cwd=ROOT).stdout
    for check in (
        "python",
        "mlflow",
        "starter corpus",
        "public corpus skynews",
        "shipped model",
        "MLflow store",
    ):
        assert check in output

"""`newsdesk taxonomy`, `results`, `read` and `doctor`: what they print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsdesk.cli.operate.doctor import list_findings
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


def test_summary_has_a_line_for_rows_heads_and_run(newsdesk: Newsdesk) -> None:
    rows, region, topic, run = newsdesk("results", "--summary").stdout.splitlines()
    assert rows == "rows: 716 read, 715 kept, 1 refused (empty_text 1)"
    assert region.startswith("region: macro F1 0.")
    assert topic.endswith(" on 124 test articles")
    assert run.startswith("MLflow run: none")


def test_results_warn_of_a_corpus_that_is_too_small(newsdesk: Newsdesk, tmp_path: Path) -> None:
    account = json.loads((ROOT / "metrics/clean.json").read_text())
    (tmp_path / "clean.json").write_text(json.dumps(account | {"kept": 120, "groups": 9}))
    labels = json.loads((ROOT / "metrics/labels.json").read_text())
    labels["topic"]["health"]["support"] = 0
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    options = ["--account", str(tmp_path / "clean.json"), "--labels", str(tmp_path / "labels.json")]
    few, untested = [
        line for line in newsdesk("results", *options).stdout.splitlines() if line.startswith("warning: ")
    ]
    assert "120 articles in 9 groups" in few
    assert untested.startswith("warning: topic: the test split has no article of health")


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
        "public corpora",
        "shipped model",
        "MLflow store",
    ):
        assert check in output


def test_doctor_names_the_imports_that_are_missing(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    public = tmp_path / "data/public"
    (public / "north").mkdir(parents=True)
    for name, path in (("north", "north"), ("south", "south/news.csv")):
        (public / f"{name}.dvc").write_text(f"outs:\n- md5: x\n  path: {path}\n")
    found = {finding.check: finding for finding in list_findings(tmp_path)}["public corpora"]
    assert (found.state, found.found) == ("optional", "1 of 2 imports, without south/news.csv")
    (public / "south").mkdir()
    (public / "south/news.csv").write_text("")
    found = {finding.check: finding for finding in list_findings(tmp_path)}["public corpora"]
    assert (found.state, found.found) == ("ok", "2 of 2 imports")

"""The top of the report, and names instead of ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsdesk.base.files import sha256
from newsdesk.base.settings import Settings
from newsdesk.reporting.provenance import compare_settings, find_tracked, read_provenance
from newsdesk.reporting.run_files import RunPaths, read_run
from newsdesk.tracking.hashes import hashes_tag, recorded_hashes
from newsdesk.tracking.recording import RunRecord, log_run
from tests import ROOT
from tests.reporting.page import Page, make_page


def test_settings_that_differ_are_marked() -> None:
    settings = compare_settings(Settings.model_validate({"train": {"C": 3.0, "floors": {"topic": 0.2}}}))
    changed = [(name, value) for name, value, differs in settings if differs]
    assert changed == [("train.C", "3.0"), ("train.floors.topic", "0.2")]
    assert ("features.char_ngrams", "[4, 6]", False) in settings


def test_articles_are_hashed(run_paths: RunPaths, tmp_path: Path) -> None:
    run = read_run(run_paths, with_texts=False)
    provenance = read_provenance(run_paths, run, tmp_path)
    assert provenance.facts["articles, SHA-256"] == sha256(run_paths.articles)


def test_a_run_of_other_files_is_not_named(
    run_paths: RunPaths, mlflow_file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    hashes = read_run(run_paths, with_texts=False).hashes
    own, other = hashes, {**hashes, "params.yaml": "0" * 64}
    run_id, _ = (
        log_run("found", RunRecord(tags=hashes_tag(recorded_hashes(files)))) for files in (own, other)
    )
    assert find_tracked(hashes) == {"MLflow run": run_id}
    changed = {**hashes, "metrics/labels.json": "0" * 64}
    assert find_tracked(changed) == {"MLflow run": "none recorded these files"}
    assert find_tracked({}) == {}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    assert find_tracked(hashes) == {}


def test_labels_and_sources_have_their_names(run_paths: RunPaths) -> None:
    page = Page(make_page(replace(run_paths, names=ROOT / "data"), with_texts=False))
    assert "newsdesk starter corpus" in page.texts["data"]
    for section in ("labels", "confusion", "reliability"):
        assert "Middle East" in page.texts[section]
        assert "middle_east" not in page.texts[section]
    assert {"region", "topic"} == {a["data-head"] for a in page.all("li", "mistake")}

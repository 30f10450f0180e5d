"""The sections of the report: complete, with the numbers of the files, and left out without data."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from newsdesk.base.files import read_json
from newsdesk.reporting.figures import draw_evaluation, draw_figures
from newsdesk.reporting.run_files import RunPaths, find_run_paths, read_run
from newsdesk.reporting.sections import SECTIONS, build_sections
from tests import ROOT
from tests.reporting.page import Page, make_page

OF_EVALUATION = [
    "key-figures", "labels", "precision-recall", "reliability", "confusion", "coverage", "data", "errors", "files",
]  # fmt: skip


def test_page_shows_the_numbers_of_the_files(html: str, run_paths: RunPaths) -> None:
    page = Page(html)
    assert [a["id"] for a in page.all("section")] == OF_EVALUATION
    assert [a["href"] for a in page.all("a") if a.get("href") != "#main"] == [
        f"#{id}" for id in OF_EVALUATION
    ]
    for head in read_json(run_paths.metrics[0] / "evaluate.json").values():
        assert f"{head['f1_macro']:.3f}" in page.texts["key-figures"]
    account = read_json(run_paths.account)
    assert f"{account['read']:,} rows read = {account['kept']:,} kept + " in page.texts["data"]
    assert not [text for text in page.texts.values() if "unknown format" in text]


def test_comparison_of_outlets_has_a_section() -> None:
    """The committed metrics of profile `unseen`."""
    page = Page(make_page(find_run_paths("unseen", ROOT)))
    assert [a["id"] for a in page.all("section")][:3] == ["key-figures", "outlets", "labels"]
    measured = read_json(ROOT / "profiles/unseen/metrics/outlets.json")
    for head in measured.values():
        assert f"{head['mean']['systems']['newsdesk']['f1_macro']:.3f}" in page.texts["key-figures"]
        assert all(name in page.texts["outlets"] for name in ("Sky News Arabia", "Al Arabiya", "saudi"))
    assert not [text for text in page.texts.values() if "unknown format" in text]


def test_a_peer_may_lack_an_outlet(tmp_path: Path) -> None:
    measured = read_json(ROOT / "profiles/unseen/metrics/outlets.json")
    for head in measured.values():
        for part in ("systems", "difference"):
            del head["outlets"]["skynews"][part]["fasttext"]
    (tmp_path / "outlets.json").write_text(json.dumps(measured), encoding="utf-8")
    page = Page(make_page(replace(find_run_paths("unseen", ROOT), metrics=[tmp_path])))
    of_next = measured["region"]["outlets"]["alarabiya"]["systems"]["fasttext"]["f1_macro"]
    assert f"fasttext-{of_next:.3f}" in page.texts["outlets"], "no value of the first outlet"
    assert not [text for text in page.texts.values() if "unknown format" in text]


def test_sections_without_data_are_left_out(tmp_path: Path) -> None:
    sections = build_sections(read_run(find_run_paths("public", tmp_path), with_texts=True))
    assert [section.id for section in sections] == ["files"]


def test_damaged_files_do_not_prevent_other_sections(run_paths: RunPaths, tmp_path: Path) -> None:
    (tmp_path / "evaluate.json").write_text('{"region": {"f1_macro": ', encoding="utf-8")
    (tmp_path / "labels.json").write_text('{"region": [1]}', encoding="utf-8")
    page = Page(make_page(replace(run_paths, metrics=[tmp_path]), with_texts=False))
    message = "metrics/evaluate.json could not be read: metrics/evaluate.json: not readable as JSON"
    assert message in page.texts["files"]
    assert "unknown format" in page.texts["labels"]
    assert "rows read" in page.texts["data"]


def test_figures_of_a_run_are_those_of_the_page(run_paths: RunPaths) -> None:
    figures = draw_evaluation(read_run(run_paths, with_texts=False))
    assert {"labels_region.svg", "labels_topic.svg", "precision_recall_topic.svg", "risk_own.svg"} <= {
        *figures
    }
    for name, svg in figures.items():
        drawn = ET.fromstring(svg)
        assert drawn.tag == "{http://www.w3.org/2000/svg}svg", name
        assert drawn.get("viewBox") == f"0 0 {drawn.get('width')} {drawn.get('height')}", name
    sections = build_sections(read_run(run_paths, with_texts=False))
    assert figures.items() <= draw_figures(block for section in sections for block in section.blocks).items()


@pytest.mark.parametrize("title", [title for title, _ in SECTIONS.values()])
def test_docs_name_every_section(title: str) -> None:
    assert f"| {title} |" in (ROOT / "docs/report.md").read_text(encoding="utf-8")

"""The page on a finished run: whole, the same each time, and harmless whatever the articles say."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, read_table, sha256, write_table
from newsdesk.base.schema import ARTICLES
from newsdesk.cli.look.report import find_sources, main
from newsdesk.reporting.blocks import Mistake, Shown, Span
from newsdesk.reporting.findings import Sources, read_findings
from newsdesk.reporting.render import cut, policy, render
from newsdesk.reporting.scored import list_mistakes, read_outlet_predictions
from newsdesk.reporting.sections import build_sections, draw_figures, read_figures
from tests.conftest import ROOT

SECTIONS = [
    "headline", "outlets", "labels", "precision-recall", "reliability", "confusion", "coverage", "champion",
    "ablations", "audits", "data", "errors", "files",
]  # fmt: skip
HOSTILE = "</p><script>document.title='taken'</script><img src=x onerror=alert(1)>\u202e&lt;b&gt; "


class Page(HTMLParser):
    """What of a page the tests look at: its elements, and what each section says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: dict[str, str] = {}
        self._section = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self._section = dict(attrs)["id"] or ""

    def handle_data(self, data: str) -> None:
        self.said[self._section] = self.said.get(self._section, "") + data

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and kind in [*(a.get("class") or "").split(), ""]]


@pytest.fixture(scope="module")
def sources(tiny_run: Path) -> Sources:
    return find_sources("starter", tiny_run)


def make(sources: Sources, *, with_texts: bool = True) -> str:
    return render("starter", build_sections(read_findings(sources, with_texts=with_texts), None))


@pytest.fixture(scope="module")
def html(sources: Sources) -> str:
    return make(sources)


def test_page_has_every_section_and_the_figures_of_the_files(html: str, sources: Sources) -> None:
    page = Page(html)
    assert [a["id"] for a in page.all("section")] == SECTIONS
    assert [a["href"] for a in page.all("a") if a.get("href") != "#main"] == [f"#{name}" for name in SECTIONS]
    measured = read_json(sources.metrics[0] / "evaluate.json")
    for head in measured.values():
        assert f"{head['f1_macro']:.3f}" in page.said["headline"]
    account = read_json(sources.account)
    assert f"{account['read']:,} rows read = {account['kept']:,} kept + " in page.said["data"]
    assert not [text for text in page.said.values() if "not as this version writes them" in text]
    assert "metrics/outlets.json is missing" in page.said["outlets"]


def test_page_asks_nothing_of_a_network(html: str) -> None:
    page = Page(html)
    loading = {"src", "srcset", "poster", "data", "action", "style", "xlink:href"}
    assert not [(t, a) for t, a in page.elements if loading & {*a} or {n for n in a if n.startswith("on")}]
    assert not page.all("link")
    assert not re.search(r"url\(|@import|https?://", "".join(re.findall(r"<style>.*?</style>", html, re.S)))
    (said,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    style, script = (re.findall(f"<{t}>(.*?)</{t}>", html, re.S)[0] for t in ("style", "script"))
    assert said == policy(style, script)
    assert "unsafe" not in said
    assert said.startswith("default-src 'none'; style-src 'sha256-")


def test_same_files_give_the_same_bytes_from_another_folder(
    html: str, tiny_run: Path, sources: Sources, tmp_path: Path
) -> None:
    for name in ("metrics", "plots", "model", "params.yaml"):
        copy = shutil.copytree if (tiny_run / name).is_dir() else shutil.copy
        copy(tiny_run / name, tmp_path / name)
    for path in (sources.predictions, sources.articles):
        copied = tmp_path / path.relative_to(tiny_run)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    assert make(find_sources("starter", tmp_path)) == html
    assert len(html.encode()) < 5_000_000


def test_every_wrong_label_is_listed_once_with_its_evidence(html: str, sources: Sources) -> None:
    page = Page(html)
    listed = [(a["data-id"], a["data-label"], a["data-kind"]) for a in page.all("li", "mistake")]
    expected = []
    for row in read_table(sources.predictions).to_pylist():
        for task in ("region", "topic"):
            if row[f"{task}_origin"] == "gold":
                truth, said = {*row[f"{task}_true"]}, {*row[f"{task}_predicted"]}
                expected += [(row["article_id"], label, "missed") for label in truth - said]
                expected += [(row["article_id"], label, "spurious") for label in said - truth]
    assert sorted(listed) == sorted(expected)
    assert len(page.all("mark")) > len(listed)
    assert all(a == {"dir": "rtl", "lang": "ar"} for a in page.all("h3") if "dir" in a)


def test_hostile_texts_stay_text(sources: Sources, tmp_path: Path) -> None:
    articles = read_table(sources.articles, ARTICLES)
    for name in ("title", "text"):
        told = [f"{HOSTILE}{text}{HOSTILE}" for text in articles[name].to_pylist()]
        articles = articles.set_column(
            articles.schema.get_field_index(name), ARTICLES.field(name), pa.array(told, pa.string())
        )
    write_table(articles, tmp_path / "articles.parquet")
    predictions = read_table(sources.predictions)
    names = pa.array(["<script>x</script>"] * predictions.num_rows, pa.string())
    predictions = predictions.set_column(1, predictions.schema.field("source"), names)
    write_table(predictions, tmp_path / "predictions.parquet")
    hostile = replace(
        sources, articles=tmp_path / "articles.parquet", predictions=tmp_path / "predictions.parquet"
    )
    page = Page(make(hostile))
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert "onerror=alert(1)" in page.said["errors"]
    assert "<script>x</script>" in page.said["errors"]


def test_texts_can_be_left_out(html: str, sources: Sources) -> None:
    page = Page(make(sources, with_texts=False))
    assert not page.all("mark")
    assert not [a for a in page.all("h3") + page.all("p") + page.all("bdi") if a.get("lang") == "ar"]
    assert len(page.all("li", "mistake")) == len(Page(html).all("li", "mistake"))
    assert "are without their text" in page.said["errors"]


def test_missing_and_damaged_files_are_named_and_break_nothing(sources: Sources, tmp_path: Path) -> None:
    empty = find_sources("public", tmp_path)
    page = Page(make(empty))
    assert [a["id"] for a in page.all("section")] == SECTIONS
    for name in SECTIONS[:-1]:
        assert re.search("missing|No champion was given", page.said[name]), name
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/evaluate.json").write_text('{"region": {"f1_macro": ', encoding="utf-8")
    (tmp_path / "metrics/labels.json").write_text('{"region": [1]}', encoding="utf-8")
    page = Page(make(replace(sources, metrics=[tmp_path / "metrics"])))
    assert (
        "metrics/evaluate.json could not be read: metrics/evaluate.json: not readable as JSON"
        in page.said["files"]
    )
    assert "not as this version writes them" in page.said["labels"]
    assert "rows read" in page.said["data"]


def test_figures_are_files_of_their_own(sources: Sources) -> None:
    import xml.etree.ElementTree as ET

    figures = read_figures(sources)
    assert {"labels_region.svg", "labels_topic.svg", "precision_recall_topic.svg", "risk_own.svg"} <= {
        *figures
    }
    for name, svg in figures.items():
        assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg", name
    of_page = draw_figures(build_sections(read_findings(sources, with_texts=False), None))
    assert figures.items() <= of_page.items()


def test_pieces_join_to_the_text_and_grow_with_their_value() -> None:
    shown = Shown("one two three", [Span(8, 13, -1.0), Span(0, 3, 0.2)])
    pieces = list(cut(shown, 1.0))
    assert "".join(piece.text for piece in pieces) == shown.text
    assert [(piece.text, piece.kind) for piece in pieces if piece.kind] == [("one", "f1"), ("three", "a4")]


def test_predictions_on_unseen_outlets_are_ours_and_by_outlet() -> None:
    row = {
        "protocol": "outlet", "split": "skynews", "task": "topic", "system": "newsdesk", "article_id": "1",
        "group_id": "1", "true": ["sport"], "predicted": ["culture"],
        "scores": [("sport", 0.1), ("culture", 0.9)],
    }  # fmt: skip
    others = [{"system": "majority"}, {"protocol": "contrast"}]
    schema = pa.schema(
        [(name, pa.string()) for name in list(row)[:6]]
        + [("true", pa.list_(pa.string())), ("predicted", pa.list_(pa.string()))]
        + [("scores", pa.map_(pa.string(), pa.float64()))]
    )
    scored = read_outlet_predictions(pa.Table.from_pylist([row, *(row | o for o in others)], schema=schema))
    assert np.array_equal(scored["topic"].y_true, [[True, False]])
    expected = [
        Mistake("1", "topic", "culture", "skynews", "spurious", 0.9, None, ["sport"], ["culture"]),
        Mistake("1", "topic", "sport", "skynews", "missed", 0.1, None, ["sport"], ["culture"]),
    ]
    assert list_mistakes(scored, {}) == expected


def test_command_compares_with_a_champion(tiny_run: Path, tiny_model: Path, tmp_path: Path) -> None:
    said = []
    for champion in (tiny_run, tiny_model):  # the second is asked anew
        output = tmp_path / f"{champion.name}.html"
        given = ["--folder", tiny_run, "--champion", champion, "--output", output]
        main.main([str(each) for each in given], standalone_mode=False)
        said.append(Page(output.read_text(encoding="utf-8")).said["champion"])
    model = sha256(tiny_model)
    assert f"The champion is model, SHA-256 {model[:12]}." in said[1]
    assert "macro F1 no difference seen" in said[0]
    assert said[0].partition("SHA-256")[2][14:] == said[1].partition("SHA-256")[2][14:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--champion", "nowhere"),
            "--champion nowhere: no such folder, and neither a run's id nor a models:/ URI",
        ),
        (("--model", "nowhere"), "--model nowhere: no such file or folder"),
        (("--folder", "nowhere"), "nowhere: no such folder"),
        (("--folder", "docs"), "docs/metrics: no metrics of a finished run; run `dvc repro` first"),
        (("--output", "docs"), "docs: is a folder; name a file"),
    ],
)
def test_command_tells_what_is_wrong(
    arguments: tuple[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(NewsdeskError, match=f"^{re.escape(message)}$"):
        main.main([*arguments], standalone_mode=False)

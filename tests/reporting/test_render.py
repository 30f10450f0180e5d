"""The HTML of the report: it loads nothing, runs no markup of articles, and is the same for the same files."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from newsdesk.base.files import read_table, write_table
from newsdesk.base.schema import ARTICLES
from newsdesk.reporting.blocks import MarkedSpan, MarkedText
from newsdesk.reporting.render import content_security_policy, split_text
from newsdesk.reporting.run_files import RunPaths, find_run_paths
from tests.reporting.page import Page, make_page

HOSTILE = "</p><script>document.title='taken'</script><img src=x onerror=alert(1)>\u202e&lt;b&gt; "


def test_page_loads_nothing(html: str) -> None:
    page = Page(html)
    loading = {"src", "srcset", "poster", "data", "action", "style", "xlink:href"}
    assert not [(t, a) for t, a in page.elements if loading & {*a} or {n for n in a if n.startswith("on")}]
    assert not page.all("link")
    assert not re.search(r"url\(|@import|https?://", "".join(re.findall(r"<style>.*?</style>", html, re.S)))
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    style, script = (re.findall(f"<{tag}>(.*?)</{tag}>", html, re.S)[0] for tag in ("style", "script"))
    assert policy == content_security_policy(style, script)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_same_files_in_another_folder_give_the_same_bytes(
    html: str, tiny_run: Path, run_paths: RunPaths, tmp_path: Path
) -> None:
    for name in ("metrics", "plots", "model", "params.yaml"):
        copy = shutil.copytree if (tiny_run / name).is_dir() else shutil.copy
        copy(tiny_run / name, tmp_path / name)
    names = [path for path in run_paths.names.iterdir() if path.name in ("taxonomy.yaml", "sources.tsv")]
    for path in (run_paths.predictions, run_paths.articles, *names):
        copied = tmp_path / path.relative_to(tiny_run)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    assert make_page(find_run_paths("starter", tmp_path)) == html
    assert len(html.encode()) < 5_000_000


def test_markup_in_articles_is_shown_as_text(run_paths: RunPaths, tmp_path: Path) -> None:
    articles = read_table(run_paths.articles, ARTICLES)
    for name in ("title", "text"):
        texts = [f"{HOSTILE}{text}{HOSTILE}" for text in articles[name].to_pylist()]
        articles = articles.set_column(
            articles.schema.get_field_index(name), ARTICLES.field(name), pa.array(texts, pa.string())
        )
    write_table(articles, tmp_path / "articles.parquet")
    predictions = read_table(run_paths.predictions)
    names = pa.array(["<script>x</script>"] * predictions.num_rows, pa.string())
    predictions = predictions.set_column(1, predictions.schema.field("source"), names)
    write_table(predictions, tmp_path / "predictions.parquet")
    hostile = replace(
        run_paths,
        articles=tmp_path / "articles.parquet",
        predictions=tmp_path / "predictions.parquet",
        model=tmp_path / "none",
    )
    page = Page(make_page(hostile))
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert "onerror=alert(1)" in page.texts["errors"]
    assert "<script>x</script>" in page.texts["errors"]


def test_texts_can_be_left_out(html: str, run_paths: RunPaths) -> None:
    page = Page(make_page(run_paths, with_texts=False))
    assert not page.all("mark")
    assert not [a for a in page.all("h3") + page.all("p") + page.all("bdi") if a.get("lang") == "ar"]
    assert len(page.all("li", "mistake")) == len(Page(html).all("li", "mistake"))
    assert "are shown without their text" in page.texts["errors"]


def test_segments_join_to_the_text_and_are_styled_by_their_value() -> None:
    text = MarkedText("one two three", [MarkedSpan(8, 13, -1.0), MarkedSpan(0, 3, 0.2)])
    segments = list(split_text(text, 1.0))
    assert "".join(segment.text for segment in segments) == text.text
    assert [(segment.text, segment.style) for segment in segments if segment.style] == [
        ("one", "for1"), ("three", "against3"),
    ]  # fmt: skip

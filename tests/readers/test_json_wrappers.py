"""JSON objects that hold many records: wrappers of APIs, columns as pandas writes them, JSON-LD."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from newsdesk.base.columns import Columns
from newsdesk.base.schema import Article
from newsdesk.readers import Limits, read

from .conftest import ReadBytes, reasons

ROWS = [{"id": f"r{k}", "title": f"عنوان {k}", "text": f"نص {k}"} for k in range(3)]
FRAME = pd.DataFrame(ROWS)
LD = [
    {"@type": ["NewsArticle"], "headline": row["title"], "articleBody": row["text"], "identifier": row["id"]}
    for row in ROWS
]
WRAPPERS: dict[str, Any] = {
    **{name: {"status": "ok", "n": 3, name: ROWS} for name in ("articles", "data", "items", "results", "docs", "hits")},
    "elasticsearch": {"took": 1, "hits": {"total": {"value": 3}, "hits": [{"_id": r["id"], "_source": r} for r in ROWS]}},
    "solr": {"responseHeader": {"status": 0}, "response": {"numFound": 3, "docs": ROWS}},
    "nested": {"data": {"articles": ROWS}},
    "columns": json.loads(FRAME.to_json()),
    "list": FRAME.to_dict("list"),
    "split": json.loads(FRAME.to_json(orient="split")),
    "index": json.loads(FRAME.to_json(orient="index")),
    "table": json.loads(FRAME.to_json(orient="table")),
    "objects": {"a": {"article": ROWS[0]}, "b": ROWS[1], "c": ROWS[2]},
    "graph": {"@context": "https://schema.org", "@graph": [{"@type": "WebSite", "name": "x"}, *LD]},
}  # fmt: skip
LAYOUTS = [{"indent": None}, {"indent": 2}, {"ensure_ascii": False, "separators": (",", ":")}]


def check_rows(rows: list[Any], *, numbered: bool = True) -> None:
    assert reasons(rows) == ["ok"] * 3
    assert [(row.article_id, row.title, row.text) for row in rows] == [
        (r["id"], r["title"], r["text"]) for r in ROWS
    ]
    assert not numbered or [row.position for row in rows] == [1, 2, 3]


@pytest.mark.parametrize("name", ["news.json", "news.jsonl", "news.txt"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", WRAPPERS)
def test_the_records_of_a_wrapper_are_read(read_bytes: ReadBytes, kind: str, layout: Any, name: str) -> None:
    if name == "news.jsonl" and layout["indent" if "indent" in layout else "ensure_ascii"]:
        return  # no JSON lines
    check_rows(read_bytes(json.dumps(WRAPPERS[kind], **layout).encode(), name))


@pytest.mark.parametrize("kind", ["articles", "elasticsearch", "solr", "nested"])
def test_a_wrapper_that_is_longer_than_a_record_may_be(read_bytes: ReadBytes, kind: str) -> None:
    content = json.dumps(WRAPPERS[kind]).encode()
    check_rows(read_bytes(content, "news.json", Limits(max_line_bytes=150)))
    (refusal,) = read_bytes(json.dumps(WRAPPERS["columns"]).encode(), "a.json", Limits(max_line_bytes=150))
    assert refusal.reason == "field_too_large"  # type: ignore[union-attr]


def test_a_broken_record_of_a_wrapper_is_refused_by_itself(read_bytes: ReadBytes) -> None:
    whole = json.dumps({"articles": ROWS, "status": "ok"}, ensure_ascii=False, indent=1)
    rows = read_bytes(whole.replace('"نص 1"', "نص 1").encode(), "news.json")
    assert reasons(rows) == ["ok", "bad_record", "ok"]
    rows = read_bytes(whole[: whole.index("نص 2")].encode(), "news.json")
    assert reasons(rows) == ["ok", "ok", "truncated"]


def test_records_of_any_kind_in_a_wrapper(read_bytes: ReadBytes) -> None:
    content = {"articles": [*ROWS[:1], {"title": "بلا نص"}, {"text": 5}, {"text": None, "title": "عنوان"}]}
    rows = read_bytes(json.dumps(content).encode(), "news.json")
    assert reasons(rows) == ["ok", "missing_column", "bad_record", "ok"]
    assert [row.position for row in rows] == [1, 2, 3, 4]


def test_lines_that_are_wrappers_or_hits(read_bytes: ReadBytes) -> None:
    lines = [{"articles": ROWS[:2]}, {"_index": "news", "_id": "r2", "_source": ROWS[2]}]
    rows = read_bytes("\n".join(map(json.dumps, lines)).encode(), "news.jsonl")
    check_rows(rows, numbered=False)
    assert [row.position for row in rows] == [1, 1, 2]
    check_rows(read_bytes("\n".join(map(json.dumps, LD)).encode(), "news.jsonl"))
    check_rows(read_bytes(json.dumps(LD).encode(), "news.json"))


@pytest.mark.parametrize(
    "record",
    [
        {"text": "نص", "items": [{"text": "آخر"}], "data": {"articles": ROWS}},
        {
            "title": "عنوان",
            "content": "نص",
            "tags": ["أ"],
            "meta": {"@type": "NewsArticle", "articleBody": "آخر"},
        },
    ],
)
def test_an_article_is_no_wrapper(read_bytes: ReadBytes, record: dict[str, Any]) -> None:
    for layout in LAYOUTS:
        (article,) = read_bytes(json.dumps(record, **layout).encode(), "news.json")
        assert isinstance(article, Article)
        assert article.text == "نص"


@pytest.mark.parametrize(
    "record",
    [
        {"text": {"ar": ["نص"]}, "id": 5}, {"text": ["أ", "ب"], "id": ["1"]}, {"columns": ["text"], "data": [["a", "b"]]},
        {"a": {"b": {}}}, {"articles": 5}, {"hits": {"hits": []}}, {"data": {"data": {"data": {"data": {"data": ROWS}}}}},
    ],
)  # fmt: skip
def test_objects_that_hold_no_records_are_refused(read_bytes: ReadBytes, record: dict[str, Any]) -> None:
    assert reasons(read_bytes(json.dumps(record).encode(), "a.json"))[0] in {"missing_column", "bad_record"}


def test_posts_of_wordpress_and_one_wrapped_article(read_bytes: ReadBytes) -> None:
    post = {"id": 5, "title": {"rendered": "عنوان"}, "content": {"rendered": "نص", "protected": False}}
    for content in ([post], post, {"article": {"id": 5, "title": "عنوان", "text": "نص"}}):
        (article,) = read_bytes(json.dumps(content).encode(), "news.json")
        assert isinstance(article, Article)
        assert (article.article_id, article.title, article.text) == ("5", "عنوان", "نص")


def test_the_column_that_the_user_chose(tmp_path: Path) -> None:
    rows = [{"نص الوكالة": f"نص {k}", "items": [{"text": "آخر"}]} for k in range(3)]
    for content in (rows, {"articles": rows}, {"نص الوكالة": [f"نص {k}" for k in range(3)]}):
        (tmp_path / "news.json").write_text(json.dumps(content), encoding="utf-8")
        found = list(read([tmp_path / "news.json"], sections=(), columns=Columns(text_column="نص الوكالة")))
        assert [row.text for row in found if isinstance(row, Article)] == ["نص 0", "نص 1", "نص 2"]


@pytest.mark.parametrize("content", [{"text": []}, {"columns": ["text"], "data": []}, {"text": {}}])
def test_a_table_without_rows_has_no_records(read_bytes: ReadBytes, content: dict[str, Any]) -> None:
    assert read_bytes(json.dumps(content).encode(), "news.json") == []


def test_json_lines_with_a_long_first_line(read_bytes: ReadBytes) -> None:
    lines = [{"text": "نص " * 200_000}, {"text": "ب"}]
    content = "\n".join(map(json.dumps, lines)).encode()
    assert reasons(read_bytes(content, "news.json")) == ["ok", "ok"]
    assert reasons(read_bytes(content, "news.txt")) == ["ok", "ok"]


def test_records_under_several_keys_are_all_read(read_bytes: ReadBytes) -> None:
    wrapper = {"articles": [{"text": "نص أول"}], "results": [{"text": "نص ثان"}]}
    rows = read_bytes(json.dumps(wrapper).encode(), "news.json")
    assert [row.text for row in rows if isinstance(row, Article)] == ["نص أول", "نص ثان"]

"""`newsdesk predict`: what goes in, what comes out."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import ARTICLE, Newsdesk, read_lines, rows_of

MODEL = ("--model", "model")


def test_a_page_gives_its_article_then_its_teasers(newsdesk: Newsdesk) -> None:
    rows = read_lines(newsdesk("predict", "data/starter/pages/page-01.txt", "--format", "jsonl").stdout)
    assert [row["kind"] for row in rows] == ["article", *["teaser"] * 5]
    assert list(rows[0])[:7] == [
        "article_id", "title", "regions", "topics", "region_scores", "topic_scores", "reason",
    ]  # fmt: skip
    assert [row["regions"] for row in rows[1:5]] == [["europe"], ["europe"], ["middle_east"], ["africa"]]
    assert [row["region_origin"] for row in rows[1:5]] == ["section"] * 4
    assert rows[5]["section"] == "العالم"
    regions = {"europe", "us", "asia", "middle_east", "africa", "americas", "oceania"}
    assert set(rows[0]["region_scores"]) == regions


def test_all_formats_hold_the_same(newsdesk: Newsdesk, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(rows_of(ARTICLE, None, "short", id="7", title="غارة أميركية"))
    rows = read_lines(newsdesk("predict", str(source), "--format", "jsonl", *MODEL).stdout)
    assert [row["article_id"] for row in rows] == ["7", "7", "7"], "no row is lost or merged"
    assert [row["reason"] for row in rows][1:] == ["too_short", "too_short"]
    output = tmp_path / "output"
    output.mkdir()
    for name in ("out.jsonl", "out.csv", "out.parquet"):
        result = newsdesk("predict", str(source), "--output", str(output / name), *MODEL)
        assert (result.returncode, result.stdout) == (0, "")
    assert read_lines((output / "out.jsonl").read_text(encoding="utf-8")) == rows
    with (output / "out.csv").open(encoding="utf-8", newline="") as lines:
        in_csv = list(csv.DictReader(lines))
    in_parquet = pq.read_table(output / "out.parquet").to_pylist()
    for row, from_csv, from_parquet in zip(rows, in_csv, in_parquet, strict=True):
        assert from_csv["regions"] == "|".join(row["regions"])
        assert json.loads(from_csv["topic_scores"]) == row["topic_scores"]
        assert from_parquet["topics"] == row["topics"]
        assert dict(from_parquet["region_scores"]) == row["region_scores"]
    names = ["out.csv", "out.jsonl", "out.parquet"]
    written = sorted(path.name for path in output.iterdir())
    assert written == sorted([*names, *(f"{name}.account.json" for name in names)])


def test_a_json_array_holds_the_rows_of_the_lines(newsdesk: Newsdesk, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(rows_of(ARTICLE, None))
    lines = read_lines(newsdesk("predict", str(source), "--format", "jsonl", *MODEL).stdout)
    assert json.loads(newsdesk("predict", str(source), "--format", "json", *MODEL).stdout) == lines
    output = tmp_path / "out.json"
    assert newsdesk("predict", str(source), "--output", str(output), *MODEL).returncode == 0
    assert json.loads(output.read_text(encoding="utf-8")) == lines
    assert (
        newsdesk("predict", str(source), "--output", f"{tmp_path}/job/", "--format", "json").returncode == 2
    )


def test_an_arabic_text_that_names_no_file_is_labelled(newsdesk: Newsdesk) -> None:
    texts = ["فاز ريال مدريد على برشلونة في الدوري الإسباني", 'رفع "المصرف" المركزي\nسعر الفائدة']
    rows = read_lines(newsdesk("predict", *texts, "--format", "jsonl").stdout)
    assert [row["topics"] for row in rows] == [["sport"], ["economy"]]
    done = newsdesk("explain", texts[0], "--format", "json", "--top", "1")
    assert [each["label"] for each in json.loads(done.stdout)["evidence"]] == ["europe", "sport"]


@pytest.mark.parametrize(
    "text", ["رفع المصرف المركزي سعر الفائدة", f"غارة أميركية\n\n{ARTICLE}\n{ARTICLE}"], ids=["line", "lines"]
)
def test_a_text_has_the_labels_of_the_same_text_in_a_file(
    newsdesk: Newsdesk, tmp_path: Path, text: str
) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    argument, file, stdin = (
        read_lines(newsdesk("predict", *given, "--format", "jsonl", stdin=text.encode()).stdout)
        for given in ([text], [str(tmp_path / "a.txt")], ["-"])
    )
    assert argument == file == stdin
    assert argument[0]["region_scores"]


@pytest.mark.parametrize(
    ("options", "named"), [((), "comes with newsdesk"), (MODEL, "folder model")], ids=["shipped", "folder"]
)
def test_the_model_that_labelled_is_named(
    newsdesk: Newsdesk, tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    source = "data/starter/pages/page-01.txt"
    for output in ((), ("--output", f"{tmp_path}/labels.csv"), ("--output", f"{tmp_path}/job/")):
        done = newsdesk("predict", source, *options, *output)
        (line,) = [line for line in done.stderr.splitlines() if "predict: model " in line]
        assert re.search(
            rf"predict: model \S+ \S+\+[0-9a-f]{{12}} \({named}\)\Z", line
        )  # a job's has the time


@pytest.mark.parametrize("name", ["أخبار.txt", "ملف-الأخبار", "no such file", "مجلد الأخبار/ملف", "كل *.txt"])
def test_what_may_be_a_file_is_no_text(newsdesk: Newsdesk, name: str) -> None:
    done = newsdesk("predict", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert name in done.stderr


def test_a_text_beside_a_file_is_taken_for_a_name(newsdesk: Newsdesk) -> None:
    done = newsdesk("predict", "data/starter/pages/page-01.txt", "فاز ريال مدريد على برشلونة")
    assert (done.returncode, done.stdout) == (2, "")


def test_standard_input(newsdesk: Newsdesk) -> None:
    (row,) = read_lines(newsdesk("predict", "-", "--format", "jsonl", stdin=rows_of(ARTICLE)).stdout)
    assert row["reason"] is None
    assert "us" in row["regions"]


def test_refused_rows_are_reported_counted_and_written(newsdesk: Newsdesk, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(rows_of(ARTICLE) + b'{"text": \n' + rows_of(ARTICLE) + b'{"title": "x"}\n')
    result = newsdesk("predict", str(source), "--output", str(output), *MODEL)
    assert result.returncode == 0
    assert f"refused: {source}:2: bad_record: not JSON" in result.stderr
    counts = "4 lines, 4 seen, 2 kept, refused: bad_record 1, missing_column 1"
    assert f"account: {source}: {counts}" in result.stderr
    counted = {"seen": 4, "kept": 2, "refused": {"bad_record": 1, "missing_column": 1}, "lines": 4}
    account = json.loads((tmp_path / "out.jsonl.account.json").read_text(encoding="utf-8"))
    assert account == {"n_files": 1, **counted, "files": {str(source): counted}}
    assert len(output.read_text("utf-8").splitlines()) == 2
    refused = read_lines((tmp_path / "out.jsonl.refused.jsonl").read_text(encoding="utf-8"))
    assert [(row["position"], row["reason"]) for row in refused] == [(2, "bad_record"), (4, "missing_column")]


def test_refused_rows_of_an_earlier_run_are_removed(newsdesk: Newsdesk, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    for content in (rows_of(ARTICLE) + b"{", rows_of(ARTICLE)):
        source.write_bytes(content)
        assert newsdesk("predict", str(source), "--output", str(output), *MODEL).returncode == 0
    assert {path.name for path in tmp_path.glob("out*")} == {"out.jsonl", "out.jsonl.account.json"}


def test_fields_of_unexpected_types_lose_no_row(newsdesk: Newsdesk) -> None:
    fields = [
        {"kind": "news"}, {"section": 12}, {"topic": {"id": 3}}, {"url": []}, {"topic": "x", "topic_origin": "me"},
    ]  # fmt: skip
    stdin = b"".join(rows_of(ARTICLE, **each) for each in fields)
    rows = read_lines(newsdesk("predict", "-", "--format", "jsonl", *MODEL, stdin=stdin).stdout)
    assert [row["reason"] for row in rows] == [None] * len(fields)


def test_html_entities_are_repaired_as_in_training(newsdesk: Newsdesk) -> None:
    plain, encoded = f'"{ARTICLE}"', "&quot;" + "".join(f"&#{ord(c)};" for c in ARTICLE) + "&quot;"
    stdin = rows_of(plain, encoded, id="1")
    first, second = read_lines(newsdesk("predict", "-", "--format", "jsonl", *MODEL, stdin=stdin).stdout)
    assert first == second


def test_table_isolates_arabic_and_prints_no_escape_of_the_input(newsdesk: Newsdesk) -> None:
    stdin = rows_of(ARTICLE, title="قمة \x1b[31m[bold]برلين[/bold]")
    output = newsdesk("predict", "-", *MODEL, stdin=stdin).stdout
    assert "\u2067قمة [31m[bold]برلين[/bold]\u2069" in output
    assert "\x1b" not in output


@pytest.mark.shared
def test_a_real_page(newsdesk: Newsdesk, shared: Path) -> None:
    rows = read_lines(newsdesk("predict", str(shared / "pages"), "--format", "jsonl").stdout)
    first, *teasers, second = rows
    assert [teaser["regions"] for teaser in teasers] == [
        ["us"],
        ["europe"],
        ["europe"],
        ["europe"],
        ["europe"],
    ]
    assert set(first["regions"]) == {"asia", "europe"}
    assert first["topics"][0] == "politics"
    assert (second["regions"], second["topics"][0]) == (["asia"], "terrorism")

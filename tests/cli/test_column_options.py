"""The options that name columns, in the commands, in a job, in the stage `clean` and in the Python API."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from newsdesk import load
from newsdesk.cli.main import newsdesk
from newsdesk.pipeline.clean import main as clean

TEXT = "رفع المصرف المركزي الأوروبي سعر الفائدة لكبح التضخم في منطقة اليورو، وقال إن الأسعار ترتفع"
TABLE = f"رقم,رأس الخبر,text,content,date\n007,عنوان,قصير,{TEXT},2024-01-02\n"
OPTIONS = ["--text-column", "content", "--title-column", "رأس الخبر", "--id-column", "رقم"]
MAPPING = "columns: text=content, title=رأس الخبر, id=رقم, date=date (news.csv)\n"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "news.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_columns_are_named_and_printed_once(table: Path) -> None:
    done = CliRunner().invoke(newsdesk, ["read", str(table), "--format", "jsonl", *OPTIONS])
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout)
    assert (row["article_id"], row["title"], row["text"]) == ("007", "عنوان", TEXT)
    assert done.stderr == MAPPING


def test_two_texts_need_a_choice(table: Path) -> None:
    done = CliRunner().invoke(newsdesk, ["read", str(table)])
    assert done.exit_code != 0
    assert "several columns mean the text: text, content; name one with --text-column" in done.stderr


@pytest.mark.parametrize(
    "command", ["predict", "read", "explain", "drift reference", "drift check", "review export"]
)
def test_commands_that_read_articles_have_the_options(command: str) -> None:
    shown = CliRunner().invoke(newsdesk, [*command.split(), "--help"]).output
    for name in ("text", "title", "id", "source", "date"):
        assert f"--{name}-column" in shown


def test_an_empty_name_is_an_error(table: Path) -> None:
    done = CliRunner().invoke(newsdesk, ["read", str(table), "--text-column", " "])
    assert done.exit_code == 2
    assert "expected the name of a column, found an empty one" in done.stderr


def test_columns_belong_to_what_a_job_is(table: Path, tiny_model: Path, tmp_path: Path) -> None:
    job = ["predict", str(table), "--model", str(tiny_model), "--output", f"{tmp_path / 'out'}/", "--resume"]
    done = CliRunner().invoke(newsdesk, [*job, *OPTIONS])
    assert done.exit_code == 0, done.output
    assert pq.read_table(tmp_path / "out/part-00000.parquet")["article_id"].to_pylist() == ["007"]
    again = CliRunner().invoke(newsdesk, [*job, "--text-column", "text", *OPTIONS[2:]])
    assert isinstance(again.exception, Exception)
    assert "settings: columns was" in str(again.exception) + again.output


def test_predict_files_takes_columns(table: Path) -> None:
    articles, refusals = load().predict_files(
        table, text_column="content", title_column="رأس الخبر", id_column="رقم"
    )
    assert not refusals
    assert articles.select(["article_id", "title"]).to_pylist() == [{"article_id": "007", "title": "عنوان"}]


def test_the_settings_name_the_columns_of_a_corpus(table: Path, tmp_path: Path) -> None:
    taxonomy = ROOT / "data/taxonomy.yaml"
    params = tmp_path / "params.yaml"
    params.write_text(
        "corpora: {news.csv: {text_column: content, title_column: رأس الخبر}, other.csv: {}}",
        encoding="utf-8",
    )
    outputs = {name: tmp_path / name for name in ("articles", "quarantine", "account")}
    given = [f"--{name}={path}" for name, path in {**outputs, "params": params, "taxonomy": taxonomy}.items()]
    done = CliRunner().invoke(clean, [str(table), *given])
    assert done.exit_code == 0, done.output
    assert "clean: corpora.other.csv: no RAW path has this name" in done.stderr
    assert pq.read_table(outputs["articles"])["title"].to_pylist() == ["عنوان"]


def test_read_takes_the_settings_of_corpora(table: Path, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("corpora: {news.csv: {text_column: content, fields: {source: wire, key: 'n:{رقم}'}}}")
    done = CliRunner().invoke(newsdesk, ["read", str(table), "--format=jsonl", f"--params={params}"])
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout)
    assert (row["source"], row["key"], row["text"]) == ("wire", "n:007", TEXT)

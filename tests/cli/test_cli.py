"""The command line: what goes in, what comes out, exit codes, and one-line errors."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from newsdesk.cli.main import COMMANDS
from newsdesk.cli.main import newsdesk as group
from tests.conftest import project_env

ARTICLE = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."
Newsdesk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def newsdesk(project: Path) -> Newsdesk:
    """Run the command in the finished project."""

    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["newsdesk", *arguments],
            cwd=project,
            env=project_env(),
            input=stdin,
            capture_output=True,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run


def rows_of(*texts: str | None, **fields: object) -> bytes:
    return "".join(json.dumps({"text": t, **fields}, ensure_ascii=False) + "\n" for t in texts).encode()


def test_help_lists_every_command(newsdesk: Newsdesk) -> None:
    listed = newsdesk("--help").stdout
    assert [command for command in COMMANDS if f"  {command} " not in listed] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_an_example(command: str) -> None:
    """In this process: in one of its own each would import pandas anew."""
    done = CliRunner().invoke(group, [command, "--help"], prog_name="newsdesk")
    assert done.exit_code == 0
    assert f"newsdesk {command}" in done.stdout.partition("Example")[2]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, newsdesk.cli; print([m for m in ('pandas', 'mlflow', 'pyarrow', 'pydantic', 'sklearn', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pages_give_articles_and_teasers_in_order(newsdesk: Newsdesk) -> None:
    done = newsdesk("predict", "data/starter/pages/page-01.txt", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["kind"] for r in rows] == ["article", *["teaser"] * 5]
    assert list(rows[0])[:7] == [
        "article_id", "title", "regions", "topics", "region_scores", "topic_scores", "reason",
    ]  # fmt: skip
    assert [r["regions"] for r in rows[1:5]] == [["europe"], ["europe"], ["middle_east"], ["africa"]]
    assert [r["region_origin"] for r in rows[1:5]] == ["section"] * 4
    assert rows[5]["section"] == "العالم"
    assert set(rows[0]["region_scores"]) == {
        "europe",
        "us",
        "asia",
        "middle_east",
        "africa",
        "americas",
        "oceania",
    }


def test_all_formats_say_the_same(newsdesk: Newsdesk, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(rows_of(ARTICLE, None, "short", id="7", title="غارة أميركية"))
    said = [
        json.loads(line) for line in newsdesk("predict", str(source), "--format", "jsonl").stdout.splitlines()
    ]
    assert [r["article_id"] for r in said] == ["7", "7", "7"], "no row is lost or merged"
    assert [r["reason"] for r in said][1:] == ["too_short", "too_short"]
    for name in ("out.jsonl", "out.csv", "out.parquet"):
        done = newsdesk("predict", str(source), "--output", str(tmp_path / name))
        assert (done.returncode, done.stdout) == (0, "")
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").open(encoding="utf-8")] == said
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as handle:
        in_csv = list(csv.DictReader(handle))
    in_parquet = pq.read_table(tmp_path / "out.parquet").to_pylist()
    for row, from_csv, from_parquet in zip(said, in_csv, in_parquet, strict=True):
        assert from_csv["regions"] == "|".join(row["regions"])
        assert json.loads(from_csv["topic_scores"]) == row["topic_scores"]
        assert from_parquet["topics"] == row["topics"]
        assert dict(from_parquet["region_scores"]) == row["region_scores"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.csv", "out.jsonl", "out.parquet"]


def test_standard_input(newsdesk: Newsdesk) -> None:
    done = newsdesk("predict", "-", "--format", "jsonl", stdin=rows_of(ARTICLE))
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert row["reason"] is None
    assert "us" in row["regions"]


def test_refused_rows_are_told_counted_and_written(newsdesk: Newsdesk, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(rows_of(ARTICLE) + b'{"text": \n' + rows_of(ARTICLE) + b'{"title": "x"}\n')
    done = newsdesk("predict", str(source), "--output", str(output))
    assert done.returncode == 0
    assert "refused: in.jsonl:2: bad_record: not JSON" in done.stderr
    assert "read 4: 2 articles, refused: bad_record 1, missing_column 1" in done.stderr
    assert len(output.read_text("utf-8").splitlines()) == 2
    refused = [json.loads(line) for line in (tmp_path / "out.jsonl.refused.jsonl").open(encoding="utf-8")]
    assert [(r["position"], r["reason"]) for r in refused] == [(2, "bad_record"), (4, "missing_column")]


def test_refusals_of_an_earlier_run_do_not_stay(newsdesk: Newsdesk, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    for content in (rows_of(ARTICLE) + b"{", rows_of(ARTICLE)):
        source.write_bytes(content)
        assert newsdesk("predict", str(source), "--output", str(output)).returncode == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_odd_fields_lose_no_row(newsdesk: Newsdesk) -> None:
    odd = [
        {"kind": "news"},
        {"section": 12},
        {"topic": {"id": 3}},
        {"url": []},
        {"topic": "x", "topic_origin": "me"},
    ]
    done = newsdesk(
        "predict", "-", "--format", "jsonl", stdin=b"".join(rows_of(ARTICLE, **fields) for fields in odd)
    )
    assert [json.loads(line)["reason"] for line in done.stdout.splitlines()] == [None] * len(odd)


def test_entities_are_mended_as_in_training(newsdesk: Newsdesk) -> None:
    plain, encoded = f'"{ARTICLE}"', "&quot;" + "".join(f"&#{ord(c)};" for c in ARTICLE) + "&quot;"
    done = newsdesk("predict", "-", "--format", "jsonl", stdin=rows_of(plain, encoded, id="1"))
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == second


def test_defaults_are_the_checkout_s_from_any_folder_in_it(project: Path) -> None:
    for command in (["predict", "pages/page-01.txt"], ["read", "pages/page-01.txt"], ["taxonomy"]):
        done = subprocess.run(
            ["newsdesk", *command],
            cwd=project / "data/starter",
            env=project_env(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_a_full_disk_is_one_line(newsdesk: Newsdesk, project: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            ["newsdesk", "taxonomy"],
            cwd=project,
            env=project_env(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr.decode()) == (2, "newsdesk: output: No space left on device\n")


def test_table_isolates_arabic_and_shows_no_escape_of_the_input(newsdesk: Newsdesk) -> None:
    stdin = rows_of(ARTICLE, title="قمة \x1b[31m[bold]برلين[/bold]")
    shown = newsdesk("predict", "-", stdin=stdin).stdout
    assert "\u2067قمة [31m[bold]برلين[/bold]\u2069" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "none.txt"], "newsdesk: none.txt: no such file or folder"),
        (
            ["predict", "params.yaml", "--model", "nowhere"],
            "newsdesk: nowhere: no such model folder; run `make`",
        ),
        (["predict", "params.yaml", "--model", "data"], "newsdesk: data: no readable model"),
        (["predict", "params.yaml", "--model", "runs:/0/model"], "newsdesk: MLflow store sqlite:"),
        (["predict", "params.yaml", "--format", "parquet"], "newsdesk: --format parquet needs --output FILE"),
        (
            ["predict", "params.yaml", "--output", "x", "--format", "table"],
            "newsdesk: --format table is for reading",
        ),
        (["predict", "params.yaml", "--output", "data"], "newsdesk: data: is a folder; name a file"),
        (
            ["predict", "params.yaml", "--output", "x.tsv"],
            "newsdesk: x.tsv: give --format, or a name that ends in",
        ),
        (
            ["predict", "params.yaml", "--output", "x.csv", "--refused", "./x.csv"],
            "newsdesk: x.csv: --refused and --output",
        ),
        (["predict", "params.yaml", "--output", "params.yaml/x.csv"], "newsdesk: params.yaml: File exists"),
        (["predict", "metrics/empty"], "newsdesk: no article could be read from the input"),
        (["read", "none.txt"], "newsdesk: none.txt: no such file or folder"),
        (["taxonomy", "--taxonomy", "params.yaml"], "newsdesk: params.yaml: regions: expected"),
        (["clean", "data/starter", "--gold", "params.yaml"], "newsdesk: params.yaml: no column key, outlet"),
        (["featurize", "--params", "none.yaml"], "newsdesk: none.yaml: no such file; give a params file"),
        (["evaluate", "--articles", "none.parquet"], "newsdesk: none.parquet: no such file; run `dvc repro`"),
        (["results", "--metrics", "none.json"], "newsdesk: none.json: no such file; run `dvc repro`"),
        (["train", "colour"], "Error: Invalid value for '{region|topic}'"),
        (["frobnicate"], "Error: No such command 'frobnicate'"),
    ],
    ids=lambda value: "-".join(value)[:40] if isinstance(value, list) else "",
)
def test_errors_are_one_line_and_exit_2(
    newsdesk: Newsdesk, project: Path, arguments: list[str], message: str
) -> None:
    (project / "metrics/empty").write_bytes(b"")
    before = {p: p.stat().st_mtime_ns for p in project.rglob("*") if p.is_file() and ".git" not in p.parts}
    done = newsdesk(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.splitlines()[-1].startswith(message[:20])
    after = {p: p.stat().st_mtime_ns for p in project.rglob("*") if p.is_file() and ".git" not in p.parts}
    assert {p for p in after if after[p] != before.get(p)} <= {project / "mlflow.db"}


def test_interrupted_write_leaves_no_file(newsdesk: Newsdesk, project: Path, tmp_path: Path) -> None:
    """SIGTERM in the middle: neither an output nor a part of one."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        ["newsdesk", "predict", "-", "--output", str(tmp_path / "out.jsonl")],
        cwd=project, env=project_env(), stdin=read_end, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(read_end)
    os.write(write_end, rows_of(*[ARTICLE] * 50))
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()), "it is at work"
    process.terminate()
    _, err = process.communicate()
    os.close(write_end)
    assert process.returncode == 143
    assert err.decode().strip() == "newsdesk: stopped by signal 15"
    assert list(tmp_path.iterdir()) == []


def test_taxonomy_results_and_doctor(newsdesk: Newsdesk) -> None:
    assert "002 without 818" in newsdesk("taxonomy").stdout
    assert len(json.loads(newsdesk("taxonomy", "--format", "json").stdout)["topics"]) == 12
    shown = newsdesk("results").stdout
    assert "| starter | 716 | 715 | 715 | empty_text 1 |" in shown
    doctor = newsdesk("doctor")
    assert doctor.returncode == 0, doctor.stdout
    for check in (
        "python",
        "mlflow",
        "starter corpus",
        "public corpus skynews",
        "shipped model",
        "trained model",
        "MLflow store",
    ):
        assert check in doctor.stdout


def test_read_shows_bodies_without_furniture(newsdesk: Newsdesk) -> None:
    done = newsdesk("read", "data/starter/pages", "--format", "jsonl")
    articles = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(a["kind"] == "article" for a in articles) == 29
    assert not any("TT" in a["text"].split("\n") for a in articles)
    shown = newsdesk("read", "data/starter/pages/page-06.txt").stdout
    assert shown.startswith("# article ")
    assert "ما السبب؟" in shown


@pytest.mark.shared
def test_the_real_page(newsdesk: Newsdesk, shared: Path) -> None:
    done = newsdesk("predict", str(shared / "pages"), "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    first, *teasers, second = rows
    assert [t["regions"] for t in teasers] == [["us"], ["europe"], ["europe"], ["europe"], ["europe"]]
    assert set(first["regions"]) == {"asia", "europe"}
    assert first["topics"][0] == "politics"
    assert (second["regions"], second["topics"][0]) == (["asia"], "terrorism")

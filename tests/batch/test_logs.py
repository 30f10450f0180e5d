"""Lines of a job on standard error: for people on a terminal, and for a scheduler that stores them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from newsdesk.base import log
from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.batch.manifest import DRIFT, MANIFEST
from tests.commands import invoke
from tests.jobs import LOG_LINE, N_ARTICLES, arguments, predict, start


def log_of(*given: str) -> list[str]:
    """The lines of a job's log, without the warning that the model was made by other code."""
    return [line for line in invoke(*given).stderr.splitlines() if "scores may differ" not in line]


@pytest.fixture
def done(job_corpus: Path, finished_job: Path, tmp_path: Path) -> list[str]:
    """The command of a finished job, whose news has drifted from the reference."""
    folder = tmp_path / "out"
    shutil.copytree(finished_job, folder)
    return arguments(job_corpus, folder, "--resume")


def test_each_line_has_the_time_and_the_name_of_the_job(done: list[str], tmp_path: Path) -> None:
    lines = log_of(*done)
    found = [LOG_LINE.fullmatch(line) for line in lines]
    assert len(found) > 3
    assert {match and match["job"] for match in found} == {str(tmp_path / "out")}
    messages = [match["message"] for match in found if match]
    done_already = f"predict: {tmp_path}/out is done already, {N_ARTICLES} rows in"
    for start_of_line in (done_already, "account: 4 files", "drift: "):
        assert sum(message.startswith(start_of_line) for message in messages) == 1


def test_a_log_in_json_has_figures_on_lines_of_their_own(done: list[str], tmp_path: Path) -> None:
    entries = [json.loads(line) for line in log_of(*done, "--log-format", "json")]
    assert {entry["job"] for entry in entries} == {str(tmp_path / "out")}
    [end] = [entry for entry in entries if "is done already" in entry["message"]]
    assert (end["level"], end["scored"]) == ("info", N_ARTICLES)
    [drift] = [entry for entry in entries if entry["message"].startswith("drift: ")]
    report = json.loads((tmp_path / "out" / DRIFT).read_text(encoding="utf-8"))
    assert drift["level"] == "warning"
    assert drift["drifted"] == {
        row["quantity"]: {name: row[name] for name in ("psi", "low", "limit", "most")}
        for row in report["quantities"]
        if row["verdict"] == "drift"
    }
    for name, row in drift["drifted"].items():
        assert f"{name} {row['low']:.2f} (limit {row['limit']})" in drift["message"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_error_is_a_line_of_the_log(done: list[str], form: str, tmp_path: Path) -> None:
    given = [*done, "--chunk-rows", "11", "--log-format", form, "--quiet"]
    message = f"newsdesk: {tmp_path}/out: holds another job: settings: chunk_rows was 10, is 11"
    assert invoke(*given).returncode == 2
    [line] = log_of(*given)
    if form == "json":
        entry = json.loads(line)
        assert (entry["level"], entry["message"].partition(";")[0]) == ("error", message)
    else:
        match = LOG_LINE.fullmatch(line)
        assert match
        assert match["message"].startswith(message)


def test_quiet_leaves_warnings(done: list[str]) -> None:
    lines = log_of(*done, "--quiet")
    messages = [match["message"] for match in map(LOG_LINE.fullmatch, lines) if match]
    assert len(messages) == len(lines) == 3
    assert messages[0].startswith("4 of 205 records refused: bad_record 3, empty_file 1; see ")
    assert messages[1].startswith("warning: 1 rows have an article_id that came before")
    assert messages[2].startswith("drift: ")


@pytest.mark.parametrize("option", [["--quiet"], ["--log-format", "json"]])
def test_a_file_has_no_log(option: list[str], job_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=f"{option[0]} is for a job: give --output FOLDER/"):
        predict("predict", str(job_corpus), "--output", str(tmp_path / "x.csv"), *option)


def test_names_and_messages_of_several_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with log.job_log(log.LogSettings("out")):
        note("one\ntwo")
    with log.job_log(log.LogSettings("a\udcff", "json")):
        note("one\ntwo", level="warning", rows=1)
    note("plain")
    first, second, third, last = capsys.readouterr().err.splitlines()
    assert first.endswith("Z out: one")
    assert second.endswith("Z out: two")
    entry = json.loads(third)
    del entry["time"]
    assert entry == {"job": "a\udcff", "level": "warning", "message": "one\ntwo", "rows": 1}
    assert last == "plain"


@pytest.mark.parametrize("n", [12, 120])
def test_a_verdict_that_was_asked_for_is_printed(
    n: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too few articles are no drift: exit code 0, and a warning."""
    text = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم القاعدة بغارة جوية"
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": f"{text} {k}"}) + "\n" for k in range(n)))
    given = ["predict", str(tmp_path / "in.jsonl"), "--output", f"{tmp_path}/out/"]
    code = predict(*given, "--fail-on-drift")
    err = capsys.readouterr().err
    if n < 100:
        assert code == 0
        assert f"drift: too few articles to judge: {n}, at least 100 are needed" in err
    else:
        assert code == 4
        assert "drift: language" not in err
        assert "drift: length " in err
    assert predict(*given) == 0
    assert "too few" not in capsys.readouterr().err, "nobody asked"


@pytest.mark.integration
def test_a_finished_job_in_a_folder_without_write_permission(
    job_corpus: Path, finished_job: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(finished_job, folder)
    given: Any = arguments(job_corpus, folder, "--resume", "--quiet")
    folder.chmod(0o555)
    before = sorted(folder.iterdir())
    process = start(*given, is_root=False)
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    assert sorted(folder.iterdir()) == before
    folder.chmod(0o755)
    (folder / MANIFEST).unlink()
    shutil.rmtree(folder)
    folder.mkdir(mode=0o555)
    process = start(*given, is_root=False)
    _, err = process.communicate()
    folder.chmod(0o755)
    assert process.returncode == 2
    assert err.decode().strip().endswith(".job: Permission denied")

"""The command line as a whole: help, exit codes and messages of errors, signals."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from docs import reference
from newsdesk.cli.main import COMMANDS, GROUPS
from newsdesk.cli.main import newsdesk as group
from tests import ROOT
from tests.cli.conftest import ARTICLE, Newsdesk, rows_of
from tests.commands import invoke, project_env, run


def test_help_lists_every_command_in_its_group() -> None:
    lines = CliRunner().invoke(group, ["--help"]).stdout.splitlines()
    for title, _, commands in GROUPS:
        start = lines.index(f"{title}:") + 1
        assert [line.split()[0] for line in lines[start : start + len(commands)]] == [*commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_an_example(command: str) -> None:
    result = CliRunner().invoke(group, [command, "--help"], prog_name="newsdesk")
    assert result.exit_code == 0
    assert f"newsdesk {command}" in result.stdout.partition("Example")[2]


@pytest.mark.parametrize(("name", "command"), [*reference.walk_commands()], ids=str)
def test_help_fits_80_columns(name: str, command: click.Command) -> None:
    _, *lines = (
        click.Context(command, info_name=f"newsdesk {name}", terminal_width=80).get_help().splitlines()
    )
    assert [line for line in lines if len(line) > 80 or line.endswith("...")] == []


@pytest.mark.parametrize(
    ("typed", "meant"), [("predct", "predict"), ("expain", "explain"), ("results-", "results")]
)
def test_a_mistyped_command_is_suggested(typed: str, meant: str) -> None:
    result = CliRunner().invoke(group, [typed])
    assert result.exit_code == 2
    assert f"Did you mean {meant}" in result.stderr
    assert "Did you mean" not in CliRunner().invoke(group, ["zzz"]).stderr


@pytest.mark.integration
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str, tmp_path: Path) -> None:
    source = run("newsdesk", cwd=tmp_path, _NEWSDESK_COMPLETE=f"{shell}_source")
    assert source.returncode == 0, source.stderr
    assert "newsdesk" in source.stdout
    words = {"COMP_WORDS": "newsdesk pre", "COMP_CWORD": "pre" if shell == "fish" else "1"}
    done = run("newsdesk", cwd=tmp_path, _NEWSDESK_COMPLETE=f"{shell}_complete", **words)
    assert "predict" in done.stdout
    assert "explain" not in done.stdout


@pytest.mark.integration
def test_help_imports_no_large_library() -> None:
    code = (
        "import sys; from newsdesk.cli.main import newsdesk; newsdesk(['--help'], standalone_mode=False); "
        "print([m for m in ('pandas', 'mlflow', 'pyarrow', 'pydantic', 'sklearn', 'numpy', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ")
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "none.txt"], "none.txt: no such file or folder"),
        (["predict", "params.yaml", "--model", "nowhere"], "nowhere: no such model folder; run `make`"),
        (["predict", "params.yaml", "--model", "data"], "data: no readable model"),
        pytest.param(
            ["predict", "params.yaml", "--model", "runs:/0/model"],
            "MLflow store sqlite:",
            marks=pytest.mark.integration,
        ),
        (["predict", "params.yaml", "--format", "parquet"], "--format parquet needs --output FILE"),
        (["predict", "params.yaml", "--output", "x", "--format", "table"], "--format table "),
        (["predict", "params.yaml", "--output", "data"], "data: is a folder; name a file"),
        (["predict", "params.yaml", "--output", "x.tsv"], "x.tsv: give --format, or a name that ends in"),
        (
            ["predict", "params.yaml", "--output", "x.csv", "--refused", "./x.csv"],
            "x.csv: --refused and --output",
        ),
        (["predict", "empty"], "no article could be read from the input"),
        (["read", "none.txt"], "none.txt: no such file or folder"),
        (["taxonomy", "--taxonomy", "params.yaml"], "params.yaml: regions: expected"),
        (["clean", "data/starter", "--gold", "params.yaml"], "params.yaml: no column key, outlet"),
        (["featurize", "--params", "none.yaml"], "none.yaml: no such file"),
        (["evaluate", "--articles", "none.parquet"], "none.parquet: no such file; run `dvc repro`"),
        (["results", "--metrics", "none.json"], "none.json: no such file; run `dvc repro`"),
    ],
    ids=lambda value: "-".join(value)[:40] if isinstance(value, list) else "",
)
def test_an_error_is_one_line_and_writes_no_file(
    newsdesk: Newsdesk, folder: Path, arguments: list[str], message: str
) -> None:
    (folder / "empty").write_bytes(b"")
    before = {path.name for path in folder.iterdir()}
    result = newsdesk(*arguments)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith(f"newsdesk: {message}")
    assert {path.name for path in folder.iterdir()} - before <= {"mlflow.db", "mlflow.db.lock"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "colour"], "Error: Invalid value for '{region|topic}'"),
        (["frobnicate"], "Error: No such command 'frobnicate'"),
    ],
)
def test_wrong_arguments_exit_with_code_2(newsdesk: Newsdesk, arguments: list[str], message: str) -> None:
    result = newsdesk(*arguments)
    assert result.returncode == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    "arguments", [["predict", "pages/page-01.txt"], ["read", "pages/page-01.txt"], ["taxonomy"]]
)
def test_defaults_are_those_of_the_checkout_in_its_subfolders(arguments: list[str]) -> None:
    assert invoke(*arguments, cwd=ROOT / "data/starter").returncode == 0


def run_process(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["newsdesk", *arguments],
        cwd=ROOT,
        env=project_env(),
        check=False,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.integration
def test_an_error_of_the_console_script_is_one_line() -> None:
    done = run_process("predict", "data/starter/pages", "--output", "params.yaml/x.csv", capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[-1] == "newsdesk: params.yaml: File exists"


@pytest.mark.integration
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = run_process("taxonomy", stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr.decode()) == (2, "newsdesk: output: No space left on device\n")


@pytest.mark.integration
def test_an_interrupted_write_leaves_no_file(tmp_path: Path) -> None:
    """SIGTERM while input is read: neither an output nor a part of one is left."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        ["newsdesk", "predict", "-", "--output", str(tmp_path / "out.jsonl")],
        cwd=ROOT, env=project_env(), stdin=read_end, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(read_end)
    os.write(write_end, rows_of(*[ARTICLE] * 50))
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()), "the temporary file of the output"
    process.terminate()
    _, err = process.communicate()
    os.close(write_end)
    assert process.returncode == 143
    assert err.decode().splitlines()[-1] == "newsdesk: stopped by signal 15"
    assert list(tmp_path.iterdir()) == []

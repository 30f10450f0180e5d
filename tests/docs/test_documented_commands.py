"""Every command in README.md and on the site: run page by page, or parsed where the page says why it is not run."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from docs import reference
from tests.commands import project_env
from tests.documented import (
    Step,
    calls,
    check_call,
    check_output,
    commands,
    documented_pages,
    read_page,
    steps_of,
)  # fmt: skip
from tests.stores import free_port

STEPS = {page: steps_of(read_page(page)) for page in documented_pages()}
RUN = {page: [step for step in steps if not step.why_not_run] for page, steps in STEPS.items()}
NOT_RUN: dict[str, list[Step]] = defaultdict(list)
for page, steps in STEPS.items():
    for step in steps:
        if step.why_not_run:
            NOT_RUN[f"{page}:{step.line}"].append(step)

PORT = re.compile(r"(?<=[:=\s])(?:5000|5001|8000|8080|55432)\b")
SECONDS = 1200  # after which a page counts as hanging
ECHO = "echo $?"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with a short name, writable for all: PostgreSQL runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix="newsdesk-docs-"))
    folder.chmod(0o1777)
    yield folder
    for pid in folder.rglob("postmaster.pid"):  # of a page that failed in the middle
        os.kill(int(pid.read_text(encoding="utf-8").split()[0]), signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("page", [page for page, steps in RUN.items() if steps])
def test_commands_of_a_page_run(page: str, project: Path, tmp_path: Path, temporary: Path) -> None:
    """Run the page in a checkout of its own, in which `dvc repro` has run."""
    if "runuser" in "".join(step.code for step in RUN[page]) and os.geteuid():
        pytest.skip(f"{page}: only root can start PostgreSQL as its owner")
    checkout, kept = tmp_path / "newsdesk", tmp_path / "outputs"
    shutil.copytree(project, checkout, symlinks=True)
    kept.mkdir()
    ports: dict[str, str] = {}
    steps = [with_free_ports(step, ports) for step in RUN[page]]
    run_script(script_of(steps, kept), checkout, temporary)
    for number, step in enumerate(steps):
        where = f"{page}:{step.line}: $ {step.code}"
        out, code = kept / f"{number}.out", kept / f"{number}.code"
        printed = out.read_text(encoding="utf-8", errors="replace") if out.exists() else ""
        assert code.exists(), f"{where}: did not end\n{printed}"
        assert may_fail(steps, number) or code.read_text(encoding="utf-8") == "0\n", (
            f"{where}: failed\n{printed}"
        )
        missing = check_output(step.shown, printed)
        assert missing is None, f"{where}: the page shows {missing!r}, the command printed:\n{printed}"


def may_fail(steps: list[Step], number: int) -> bool:
    """Tell whether the next command prints the exit code of this one."""
    return number + 1 < len(steps) and steps[number + 1].code == ECHO


def with_free_ports(step: Step, ports: dict[str, str]) -> Step:
    """Replace each port that a page names by a free one, the same throughout the page."""

    def free(found: re.Match[str]) -> str:
        return ports.setdefault(found[0], str(free_port()))

    return Step(step.line, PORT.sub(free, step.code), PORT.sub(free, step.shown))


def script_of(steps: list[Step], kept: Path) -> str:
    """Write one script for a page, so that variables, folders and servers last; it ends where a command fails."""
    lines = ["code=0"]
    for number, step in enumerate(steps):
        lines += [
            "(exit $code)",
            f"{{\n{step.code}\n}} >{kept}/{number}.out 2>&1",
            f"code=$?; echo $code >{kept}/{number}.code",
            "" if may_fail(steps, number) else '[ "$code" = 0 ] || exit',
        ]
    return "\n".join(lines)


def run_script(script: str, checkout: Path, temporary: Path) -> None:
    """Run the script in a session of its own, and kill the processes that it left running."""
    identity = {
        f"GIT_{who}_{what}": "reader" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    env = project_env(
        TMPDIR=str(temporary), MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        **identity,
    )  # fmt: skip
    shell = subprocess.Popen(
        ["bash", "-c", script], cwd=checkout, env=env, stdin=subprocess.DEVNULL, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        shell.wait(timeout=SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


@pytest.mark.parametrize("place", NOT_RUN)
def test_a_command_that_is_not_run_parses(place: str) -> None:
    for step in NOT_RUN[place]:
        for call in calls(step.code):
            check_call(call)
    pytest.skip(f"{place}: not run: {NOT_RUN[place][0].why_not_run}")


@pytest.mark.parametrize(("name", "command"), [*reference.walk_commands()], ids=lambda each: str(each))
def test_examples_of_help_parse(name: str, command: click.Command) -> None:
    examples = reference.EXAMPLES.search(inspect.cleandoc(command.help or ""))
    lines = inspect.cleandoc(examples[1]).replace("\\\n", " ").splitlines() if examples else []
    for line in lines:
        for call in calls(line):
            if "COMMAND" not in call:
                check_call(call)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("newsdesk predict page.txt --modell model", "No such option"),
        ("newsdesk predict page.txt --format xml", "not one of"),
        ("newsdesk predit page.txt", "no command 'predit'"),
        ("newsdesk rollback", "Missing"),
        ("cat page.html | newsdesk serve --port -1", "not in the range"),
    ],
)
def test_a_wrong_command_is_found(line: str, message: str) -> None:
    (call,) = calls(line)
    with pytest.raises(click.ClickException) as raised:
        check_call(call)
    assert message in str(raised.value.format_message())


def test_commands_and_their_shown_output() -> None:
    body = "$ one \\\n    --two # why\nsaid\n\n$ cat <<'END'\n$ no command\nEND\n$ echo 'a\nb'\na\nb\n"
    assert list(commands(body)) == [
        ("one \\\n    --two # why", "said\n"),
        ("cat <<'END'\n$ no command\nEND", ""),
        ("echo 'a\nb'", "a\nb"),
    ]


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        ("read 3:  kept 2", None),
        ("run …\nread 3: kept …", None),
        ("…\nend", None),
        ("read 3: kept 2\nend", "end"),
        ("read 4: kept 2", "read 4: kept 2"),
    ],
)
def test_output_is_compared_with_the_shown_lines(shown: str, missing: str | None) -> None:
    assert check_output(shown, "note\nrun 5f\nread 3: kept 2\nmore\nend\n") == missing


def test_a_comment_applies_to_the_next_block_only() -> None:
    text = (
        "<!-- not run: no cluster -->\n```console\n$ a\n```\n\n```console\n$ b\n```\n"
        "<!-- prepare: touch x -->\n<!-- file: y.txt -->\n```text\nhello\n```\n<!-- note -->\n"
    )
    assert [(step.code.split()[0], step.why_not_run) for step in steps_of(text)] == [
        ("a", "no cluster"), ("b", ""), ("touch", ""), ("mkdir", ""),
    ]  # fmt: skip

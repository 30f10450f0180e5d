"""Find the commands in README.md and in the pages of the site, and check them against the options of `newsdesk`.

HTML comments, which a reader does not see, give instructions for the block that follows:

    <!-- not run: needs the public corpora -->   parse the commands, do not run them
    <!-- prepare: cp a b; cp c d -->             run these first: they make files that a reader has
    <!-- file: NAME -->                          write the block to this file
    <!-- insert into NAME before: LINE -->       insert the block into this file
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from newsdesk.cli.main import newsdesk

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?P<fence>```+)(?P<kind>[a-z]*).*\n(?P<body>(?:.*\n)*?)(?P=fence)[ \t]*$", re.M)
MARK = re.compile(r"<!-- (?P<name>not run|prepare|file|insert into \S+ before): (?P<value>.+?)\s*-->", re.S)
HEREDOC = re.compile(r"<<-?\s*'?(\w+)'?")
SEPARATORS = frozenset({"|", "&&", "||", ";", "&", "(", ")"})


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a page and the output that the page shows; `line` is the line of its block."""

    line: int
    code: str
    shown: str = ""
    why_not_run: str = ""


@dataclass(slots=True)
class _Marks:
    why_not_run: str = ""
    before: list[str] = field(default_factory=list)
    place: tuple[str, str] | None = None


def documented_pages() -> list[str]:
    """List README.md and the pages of the site whose blocks are tested."""
    return ["README.md", *nav_pages()]


def read_page(page: str) -> str:
    """Read README.md or a page of the site."""
    return ((ROOT if page == "README.md" else DOCS) / page).read_text(encoding="utf-8")


def nav_pages(title: str | None = None) -> list[str]:
    """List the hand-written pages of the site, or of one part of it, in the order of the menu."""
    nav = YAML(typ="safe", pure=True).load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    parts = [part for part in nav if title is None or title in part]
    return [page for page in _leaves(parts) if (DOCS / page).is_file()]


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _leaves(child)


def steps_of(text: str) -> list[Step]:
    """List the commands and Python blocks of a page in order, with the preparations before each."""
    steps: list[Step] = []
    end = 0
    for block in FENCE.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        marks = _marks(text[end : block.start()])
        end = block.end()
        steps += [Step(line, code) for code in marks.before]
        if marks.place:
            steps.append(Step(line, _write(*marks.place, block["body"])))
        elif block["kind"] == "console":
            steps += [Step(line, *each, why_not_run=marks.why_not_run) for each in commands(block["body"])]
        elif block["kind"] == "python":
            code = _heredoc("python -", block["body"])
            steps.append(Step(line, code, why_not_run=marks.why_not_run))
    return steps


def _marks(between: str) -> _Marks:
    """Read the comments directly before a block."""
    marks, rest = _Marks(), between.rstrip()
    found = list(MARK.finditer(rest))
    while found and found[-1].end() == len(rest):
        last = found.pop()
        rest = rest[: last.start()].rstrip()
        name, value = last["name"], last["value"].strip()
        if name == "not run":
            marks.why_not_run = " ".join(value.split())
        elif name == "prepare":
            marks.before.insert(0, value)
        else:
            marks.place = (name, value)
    return marks


def _write(name: str, value: str, body: str) -> str:
    if name == "file":
        return f"mkdir -p {shlex.quote(str(Path(value).parent))}\n{_heredoc(f'cat > {shlex.quote(value)}', body)}"
    target = name.removeprefix("insert into ").removesuffix(" before")
    insert = (
        "import pathlib, sys; path, line = pathlib.Path(sys.argv[1]), sys.argv[2] + chr(10); "
        "text = path.read_text(encoding='utf-8'); assert text.count(line) == 1, line; "
        "path.write_text(text.replace(line, sys.stdin.read() + chr(10) + line), encoding='utf-8')"
    )
    return _heredoc(f'python -c "{insert}" {shlex.quote(target)} {shlex.quote(value)}', body)


def _heredoc(command: str, body: str) -> str:
    return f"{command} <<'NEWSDESK_END'\n{body}NEWSDESK_END"


def commands(body: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with the output shown below it.

    A command continues on the next line after a backslash, within quotes, and up to the end of a here-document.
    """
    code: list[str] = []
    shown: list[str] = []
    opened = False
    for line in body.splitlines():
        if opened:
            code.append(line)
        elif line.startswith("$ "):
            if code:
                yield "\n".join(code), "\n".join(shown)
            code, shown = [line[2:]], []
        else:
            shown.append(line)
            continue
        opened = _is_open("\n".join(code))
    if code:
        yield "\n".join(code), "\n".join(shown)


def _is_open(code: str) -> bool:
    if found := HEREDOC.search(code.partition("\n")[0]):
        return code.splitlines()[-1].strip() != found[1]
    try:
        shlex.split(code, comments=True)
    except ValueError:  # an open quotation, or a backslash at the end
        return True
    return code.endswith("\\")


def calls(code: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of `newsdesk` in shell code."""
    if HEREDOC.search(code):
        return
    lexer = shlex.shlex(code.replace("\\\n", " "), posix=True, punctuation_chars="|&;()")
    lexer.commenters = "#"
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in SEPARATORS:
            while words and re.fullmatch(r"\w+=.*|sudo|env|exec", words[0]):
                words.pop(0)
            if words and words[0] == "newsdesk":
                yield _without_redirections(words[1:])
            words = []
        else:
            words.append(word)


def _without_redirections(words: list[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word in words:
        if skip or re.fullmatch(r"\d?>>?.+|<.+", word):
            skip = False
        elif re.fullmatch(r"\d?>>?|<", word):
            skip = True
        else:
            kept.append(word)
    return kept


def check_call(words: list[str]) -> None:
    """Parse the arguments of a call as click would, without running it.

    Raises
    ------
    click.ClickException
        If there is no such command, option or value, or an argument is missing.
    """
    command: click.Command = newsdesk
    context = click.Context(newsdesk, info_name="newsdesk")
    rest = [word for word in words if word != "…"]  # pages write … for more arguments of the same kind
    while isinstance(command, click.Group):
        if not rest or rest[0].startswith("-"):
            return
        found = command.get_command(context, rest[0])
        if found is None:
            raise click.UsageError(f"no command {rest[0]!r}")
        command, rest = found, rest[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    if {"--help", "-h"} & set(rest):
        return
    given, _, _ = command.make_parser(context).parse_args([*rest])
    for param in command.params:
        value = given.get(param.name or "")
        if value is None and param.required and isinstance(param, click.Option):
            raise click.MissingParameter(ctx=context, param=param)
        if isinstance(value, str) and isinstance(
            param.type, click.Choice | click.IntRange | click.FloatRange
        ):
            param.type.convert(value, param, context)


def check_output(shown: str, actual: str) -> str | None:
    """Return the first line shown that the output lacks at its place, None if it lacks none.

    Runs of blanks count as one blank, `…` matches any text, and a line `…` matches any lines.
    """
    lines = [" ".join(line.split()) for line in actual.splitlines()]
    at, anywhere = 0, True  # messages of a library may come first
    for line in filter(None, (" ".join(line.split()) for line in shown.splitlines())):
        if line == "…":
            anywhere = True
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        here = [i for i in range(at, len(lines)) if pattern.fullmatch(lines[i])]
        if not here or (not anywhere and any(lines[at : here[0]])):
            return line
        at, anywhere = here[0] + 1, False
    return None

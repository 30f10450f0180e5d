"""Sections to HTML: one file with its style and script in it, which may load nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from newsdesk import __version__
from newsdesk.reporting.blocks import (
    Block,
    Figure,
    Headline,
    Mistake,
    Mistakes,
    Note,
    Section,
    Shown,
    Smalls,
    Table,
    show,
)

HERE = Path(__file__).parent
KINDS = {
    Headline: "headlines",
    Figure: "figures",
    Smalls: "smalls",
    Note: "notes",
    Table: "tables",
    Mistakes: "errors",
}
N_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks of one kind that follow each other."""

    kind: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text; `kind` is `f1` to `f4` where it speaks for a label, `a1` to `a4` against."""

    text: str
    kind: str = ""
    value: str = ""


def render(name: str, sections: Sequence[Section]) -> str:
    """The page.

    Whatever comes from data is escaped by the template; and the page's policy lets only this style and
    this script, told by their hashes, take effect, so that what slipped through would still do nothing.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "grouped": group_blocks,
        "pieces": cut,
        "strongest": strongest,
        "options": options,
        "textual": textual,
        "signed": lambda value: show(value, sign=True),
    }
    style, script = ((HERE / f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return environment.get_template("report.html.j2").render(
        name=name,
        sections=sections,
        version=__version__,
        style=style,
        script=script,
        policy=policy(style, script),
    )


def policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which nothing is loaded, and nothing runs but this script."""
    return (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def group_blocks(blocks: Sequence[Block]) -> list[Group]:
    """Blocks that follow each other and are of one kind, together."""
    return [Group(kind, [*found]) for kind, found in groupby(blocks, key=lambda block: KINDS[type(block)])]


def textual(table: Table) -> set[int]:
    """The columns that hold words: they begin at the left, as figures end at the right."""
    columns = zip(*table.rows, strict=True)
    return {
        i for i, column in enumerate(columns) if all(cell.text[:1].isalpha() for cell in column if cell.text)
    }


def options(mistakes: Sequence[Mistake], name: str) -> list[str]:
    """What can be chosen of mistakes, each once, in alphabetical order."""
    return sorted({getattr(mistake, name) for mistake in mistakes})


def strongest(mistake: Mistake) -> float:
    """The largest value, for or against, of a word of the article."""
    texts = [text for text in (mistake.title, mistake.text) if text]
    return max((abs(span.value) for text in texts for span in text.spans), default=0.0)


def cut(shown: Shown, most: float) -> Iterator[Piece]:
    """A text as pieces: what speaks for or against a label, in steps up to the strongest, and the rest."""
    at = 0
    for span in sorted(shown.spans, key=lambda span: span.start):
        if span.start > at:
            yield Piece(shown.text[at : span.start])
        level = max(1, -(-abs(span.value) * N_LEVELS // most)) if most else 1
        kind = f"{'f' if span.value > 0 else 'a'}{min(N_LEVELS, int(level))}"
        yield Piece(shown.text[span.start : span.stop], kind, show(span.value, sign=True))
        at = span.stop
    if at < len(shown.text):
        yield Piece(shown.text[at:])

"""Turn sections into one HTML file with its own style and script, which loads nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from newsdesk import __version__
from newsdesk.evaluation.tables import format_score
from newsdesk.reporting.blocks import Block, Cell, MarkedText, Mistake, Section, Table
from newsdesk.reporting.provenance import Provenance

HERE = Path(__file__).parent
N_LEVELS = 3


class TextSegment(NamedTuple):
    """A part of a text; `style` is `for1` to `for3` or `against1` to `against3` by its contribution."""

    text: str
    style: str = ""
    value: str = ""


def render(name: str, sections: Sequence[Section], provenance: Provenance | None = None) -> str:
    """Render the page.

    The template escapes everything that comes from data. The Content-Security-Policy allows only this style
    and this script, by their hashes, so that markup which the template failed to escape would have no effect.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (group_blocks, split_text, largest_contribution, table_rows, text_columns):
        environment.filters[function.__name__] = function
    style, script = ((HERE / f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return environment.get_template("report.html.j2").render(
        name=name,
        sections=sections,
        provenance=provenance,
        version=__version__,
        style=style,
        script=script,
        policy=content_security_policy(style, script),
    )


def content_security_policy(style: str, script: str) -> str:
    """Return a policy under which nothing is loaded, and only this script runs."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )


def group_blocks(blocks: Sequence[Block]) -> list[tuple[str, list[Block]]]:
    """Group blocks of one kind that follow each other."""
    return [(kind, [*own]) for kind, own in groupby(blocks, key=lambda block: block.kind)]


def table_rows(table: Table) -> list[list[Cell]]:
    """Return the rows of a table with a cell for each text."""
    return [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in table.rows]


def text_columns(rows: list[list[Cell]]) -> set[int]:
    """Return the numbers of the columns that hold words, which are aligned left."""
    columns = enumerate(zip(*rows, strict=True))
    return {i for i, column in columns if all(cell.text[:1].isalpha() for cell in column if cell.text)}


def largest_contribution(mistake: Mistake) -> float:
    """Return the largest absolute contribution of a word of the article."""
    texts = [text for text in (mistake.title, mistake.text) if text]
    return max((abs(span.value) for text in texts for span in text.spans), default=0.0)


def split_text(text: MarkedText, largest: float) -> Iterator[TextSegment]:
    """Split a text into segments with and without a contribution, styled relative to the largest one."""
    at = 0
    for span in sorted(text.spans, key=lambda span: span.start):
        if span.start > at:
            yield TextSegment(text.text[at : span.start])
        level = max(1, -(-abs(span.value) * (N_LEVELS + 1) // largest) - 1) if largest else 1
        style = f"{'for' if span.value > 0 else 'against'}{min(N_LEVELS, int(level))}"
        yield TextSegment(text.text[span.start : span.stop], style, format_score(span.value, sign=True))
        at = span.stop
    if at < len(text.text):
        yield TextSegment(text.text[at:])

"""Measure titles and body lines found in saved pages of which each line is marked.

A file of pages: `== SITE` begins a page; its lines follow as saved, marked `=` (the headline), `+` (the
body) or `-` (neither). The committed file imitates the layouts of real pages with invented text; real ones
are given by path, because their text may not be published.

    python benchmarks/saved_pages.py
    python benchmarks/saved_pages.py --errors REAL_PAGES.txt
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.readers.pages.saved_pages import parse
from newsdesk.readers.pages.site_lines import clean_line

ROOT = Path(__file__).parents[1]
IMITATIONS = ROOT / "tests/readers/marked_pages.txt"
SECTIONS = read_taxonomy(ROOT / "data/taxonomy.yaml").sections
HEADER = "| file | pages | sites | titles right | body precision | body recall |\n|---|--:|--:|--:|--:|--:|"


@dataclass(frozen=True, slots=True)
class MarkedPage:
    """A page as saved, its headline (None without one) and the lines of its body."""

    site: str
    text: str
    title: str | None
    body: list[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader makes of a page: whether the title is right, and the lines of all bodies."""

    page: MarkedPage
    titles: list[str | None]
    body: list[str]

    @property
    def has_right_title(self) -> bool:
        """Whether the page is read as one article with its headline."""
        return self.titles == ([self.page.title] if self.page.title or self.page.body else [])

    @property
    def n_right(self) -> int:
        """The number of lines that are read as the body and belong to it."""
        return sum(line in self.page.body for line in self.body)


def read_marked_pages(path: Path) -> Iterator[MarkedPage]:
    """Yield the pages of a file."""
    for page in path.read_text(encoding="utf-8").split("== ")[1:]:
        site, *lines = page.splitlines()
        marked = [(line[:1], line[2:]) for line in lines if line.strip()]
        titles = [clean_line(line) for mark, line in marked if mark == "="]
        body = [clean_line(line) for mark, line in marked if mark == "+"]
        yield MarkedPage(site, "\n".join(line for _, line in marked), titles[0] if titles else None, body)


def read_page(page: MarkedPage) -> Reading:
    """Read a page as `newsdesk read` does."""
    articles = parse(page.text, sections=SECTIONS)
    body = [line for article in articles for line in article.text.split("\n") if line]
    return Reading(page, [article.title for article in articles], body)


def describe_errors(reading: Reading) -> Iterator[str]:
    """Yield what is wrong with a reading, a line each."""
    if not reading.has_right_title:
        yield f"titles {reading.titles}, expected {reading.page.title!r}"
    yield from (f"lost:  {line[:80]}" for line in reading.page.body if line not in reading.body)
    yield from (f"wrong: {line[:80]}" for line in reading.body if line not in reading.page.body)


@click.command(help=__doc__)
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--errors", is_flag=True, help="Print each page that is read wrongly.")
def main(files: tuple[Path, ...], errors: bool) -> None:
    """Print a row of figures for each file."""
    click.echo(HEADER)
    for path in files or (IMITATIONS,):
        readings = [read_page(page) for page in read_marked_pages(path)]
        for reading in readings if errors else ():
            for error in describe_errors(reading):
                click.echo(f"{reading.page.site}: {error}")
        n_sites = len({reading.page.site.split()[0] for reading in readings})
        n_titles = sum(reading.has_right_title for reading in readings)
        n_right = sum(reading.n_right for reading in readings)
        precision = n_right / sum(len(reading.body) for reading in readings)
        recall = n_right / sum(len(reading.page.body) for reading in readings)
        figures = f"{n_titles / len(readings):.3f} | {precision:.3f} | {recall:.3f}"
        click.echo(f"| {path.stem} | {len(readings)} | {n_sites} | {figures} |")


if __name__ == "__main__":
    main()

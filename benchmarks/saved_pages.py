"""Titles and body lines found in saved pages of which each line is marked.

A file of pages: `== SITE` begins a page; each line of it follows as saved, marked `=` (the headline), `+` (the
body) or `-` (neither). The committed file imitates real pages with invented text; real ones are given by path.

    python benchmarks/saved_pages.py
    python benchmarks/saved_pages.py --errors REAL_PAGES.txt
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.readers.formats.saved_pages import parse
from newsdesk.readers.formats.site_lines import clean_line

ROOT = Path(__file__).parents[1]
IMITATIONS = ROOT / "tests/readers/marked_pages.txt"
SECTIONS = read_taxonomy(ROOT / "data/taxonomy.yaml").sections


@dataclass(frozen=True, slots=True)
class MarkedPage:
    """A page as saved, its headline (None without one) and the lines of its body."""

    site: str
    text: str
    title: str | None
    body: list[str]


def read_marked_pages(path: Path) -> Iterator[MarkedPage]:
    """Yield the pages of a file."""
    for page in path.read_text(encoding="utf-8").split("== ")[1:]:
        site, *lines = page.splitlines()
        marked = [(line[:1], line[2:]) for line in lines if line.strip()]
        titles = [clean_line(line) for mark, line in marked if mark == "="]
        body = [clean_line(line) for mark, line in marked if mark == "+"]
        yield MarkedPage(site, "\n".join(line for _, line in marked), titles[0] if titles else None, body)


def compare(page: MarkedPage, *, show: bool) -> tuple[bool, int, int, int]:
    """Return whether the title is right, the body lines that are found, right and expected."""
    articles = parse(page.text, sections=SECTIONS)
    title = articles[0].title if articles else None
    found = [line for article in articles for line in article.text.split("\n") if line]
    right = [line for line in found if line in page.body]
    is_right = title == page.title and len(articles) == bool(page.title or page.body)
    if show and not (is_right and found == page.body):
        print(f"{page.site}: {len(articles)} articles, title {title!r}, expected {page.title!r}")
        for line in page.body:
            print("  lost:  " + line[:90] if line not in found else "", end="\n" * (line not in found))
        for line in found:
            print(
                "  wrong: " + line[:90] if line not in page.body else "", end="\n" * (line not in page.body)
            )
    return is_right, len(found), len(right), len(page.body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, default=[IMITATIONS])
    parser.add_argument("--errors", action="store_true", help="print each page that is read wrongly")
    arguments = parser.parse_args()
    print("| file | pages | sites | titles right | body precision | body recall |\n|---|--:|--:|--:|--:|--:|")
    for path in arguments.files:
        pages = list(read_marked_pages(path))
        results = [compare(page, show=arguments.errors) for page in pages]
        titles, found, right, expected = (sum(column) for column in zip(*results, strict=True))
        n_sites = len({page.site.split()[0] for page in pages})
        figures = f"{titles / len(pages):.3f} | {right / max(found, 1):.3f} | {right / max(expected, 1):.3f}"
        print(f"| {path.stem} | {len(pages)} | {n_sites} | {figures} |")


if __name__ == "__main__":
    main()

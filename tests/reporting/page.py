"""The report as its tests read it."""

from __future__ import annotations

from html.parser import HTMLParser

from newsdesk.reporting.render import render
from newsdesk.reporting.run_files import RunPaths, read_run
from newsdesk.reporting.sections import build_sections


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of each section by its id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._section = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self._section = dict(attrs)["id"] or ""

    def handle_data(self, data: str) -> None:
        self.texts[self._section] = self.texts.get(self._section, "") + data

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        """Return the attributes of all elements with a tag and, if given, a class."""
        return [a for t, a in self.elements if t == tag and kind in [*(a.get("class") or "").split(), ""]]


def make_page(paths: RunPaths, *, with_texts: bool = True) -> str:
    """Return the HTML of the report on a run."""
    return render("starter", build_sections(read_run(paths, with_texts=with_texts)))

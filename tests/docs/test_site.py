"""The site builds without a warning, loads nothing from other hosts, and its reference is complete."""

from __future__ import annotations

import functools
import http.server
import json
import re
import sys
import threading
from collections import ChainMap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docs import reference
from newsdesk.base import schema
from newsdesk.base.files import SHIPPED
from newsdesk.base.settings import Settings
from newsdesk.batch import output_schema
from newsdesk.cli.main import COMMANDS
from tests import ROOT
from tests.commands import run
from tests.documented import FENCE, documented_pages, nav_pages, read_page

CHROMIUM = Path("/usr/bin/chromium")
ARGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as CI does: a broken link or a page outside the menu is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder))
    done = run(*command, cwd=ROOT, NO_MKDOCS_2_WARNING="1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_every_page_of_the_menu_is_built(site: Path) -> None:
    pages = [*nav_pages(), *reference.pages()]
    assert len(pages) > 20
    for page in pages:
        assert "<article" in (site / page).with_suffix(".html").read_text(encoding="utf-8"), page


def test_every_how_to_ends_with_how_to_see_that_it_worked() -> None:
    after = {"howto/postgresql.md": ["Stop"], "python.md": ["Reference"]}
    for page in nav_pages("How to"):
        headings = re.findall(r"^## (.+)$", read_page(page), re.M)
        assert headings[headings.index("See that it worked") + 1 :] == after.get(page, []), page


def test_comments_for_the_tests_are_not_shown(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "&lt;!-- prepare" not in text, path
        assert "&lt;!-- file" not in text, path


@pytest.mark.parametrize(("term", "page"), [("near-duplicate", "evaluation"), ("الأوسط", "data")])
def test_search_works_without_requests_to_other_hosts(address: str, term: str, page: str) -> None:
    """Search in Chromium, in both languages."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM}: no Chromium here")
    from playwright.sync_api import Error as PlaywrightError
    from playwright.sync_api import sync_playwright

    requested: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        tab = browser.new_page()
        tab.on("request", lambda request: requested.append(request.url))
        tab.goto(f"{address}/index.html")
        query = tab.locator("[data-md-component=search-query]")
        found = tab.locator(f".md-search-result__link[href*='{page}']").first
        for _ in range(30):  # keys typed before the page's script listens are lost
            query.fill("")
            query.press_sequentially(term)
            query.press("End")  # the page searches at keyup, and Playwright has no keys for Arabic
            with suppress(PlaywrightError):
                found.wait_for(timeout=2000)
                break
        else:
            pytest.fail(f"no result for {term} is of {page}")
        browser.close()
    assert requested
    assert [url for url in requested if not url.startswith((address, "data:", "blob:"))] == []


def test_the_reference_has_every_command_setting_and_column() -> None:
    pages = reference.pages()
    for name, _ in reference.walk_commands():
        assert f"\n### {name}\n" in pages["reference/cli.md"], name
    assert {name.split()[0] for name, _ in reference.walk_commands()} == set(COMMANDS)
    defaults = Settings().model_dump(mode="json")
    defaults = {s: {s: v} if s == "outlets" else {f"{s}.{k}": v[k] for k in v} for s, v in defaults.items()}
    for name, default in ChainMap(*defaults.values()).items():
        (row,) = [r for r in pages["reference/params.md"].splitlines() if r.startswith(f"| `{name}` |")]
        assert f"`{json.dumps(default)}`" in row
    columns = {
        field.name
        for table in (schema.ARTICLES, schema.QUARANTINE, output_schema.LABELED, output_schema.PROVENANCE)
        for field in table
    }
    assert all(f"\n| `{name}` |" in pages["reference/schemas.md"] for name in columns)
    for path in SHIPPED.iterdir():
        assert f"`{path.name}`" in pages["reference/model.md"]


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 3}, "integer >= 1, <= 3"),
        ({"anyOf": [{"const": "l2"}, {"type": "null"}]}, '`"l2"` or null'),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, 'list of `"a"`, `"b"`'),
        (
            {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}},
            "map of string to number > 0",
        ),
    ],
)
def test_allowed_values_of_a_setting(described: dict, words: str) -> None:
    assert reference.allowed(described) == words


def test_descriptions_of_columns_are_the_comments_behind_them() -> None:
    source = (
        'T = pa.schema([\n    pa.field("a", pa.string()),  # first\n    pa.field("b", pa.string()),\n])\n'
    )
    assert reference.comments(source, "T") == {"a": "first", "b": ""}


def test_commands_stand_in_console_blocks() -> None:
    """Blocks of other kinds, such as `bash`, would not be tested."""
    kinds = {block["kind"] for page in documented_pages() for block in FENCE.finditer(read_page(page))}
    assert kinds <= {"console", "python", "text", "json", "yaml", "cron"}

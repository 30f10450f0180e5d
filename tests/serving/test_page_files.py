"""Files on the page: one article, several in a table and as CSV, dropped files, and errors."""

from __future__ import annotations

import csv
import gzip
import io
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests import ROOT

from .conftest import starter
from .page_actions import ARTICLE, choose, held, lines, shown_error, wait_until_idle

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_saved_page_fills_the_form(page: Page) -> None:
    choose(page, (ROOT / "data/starter/pages/page-01.txt").read_bytes())
    assert page.locator("#title").input_value().startswith("محكمة في أنتويرب")
    assert (held(page, "region"), held(page, "topic")[0]) == (["europe"], "terrorism")
    assert page.locator("#several").is_hidden()
    assert page.locator("#message").get_attribute("data-code") == "left_out"  # the teasers


def test_files_are_chosen_by_keyboard(page: Page) -> None:
    page.focus("#choose")
    with page.expect_file_chooser() as chooser:
        assert page.evaluate("document.activeElement.id") == "choose"  # by then dialogs are reported
        page.keyboard.press("Enter")
    assert chooser.value.is_multiple()


def test_several_articles_are_a_table_and_a_csv_file(page: Page, address: str) -> None:
    hostile = {
        "article_id": "=1+1",
        "title": '@SUM("x"), <b>',
        "text": "An article in English about a library.",
    }
    articles = [*starter(120), hostile]
    choose(page, lines(articles[:60]), lines(articles[60:]))
    rows = httpx.post(f"{address}/predict", json={"articles": articles}).json()["predictions"]
    assert page.locator("#rows tr").count() == len(rows)
    assert page.locator("#rows b").count() == 0
    with page.expect_download() as download:
        page.click("#csv")
    content = download.value.path().read_text(encoding="utf-8")
    assert content[0] == "\ufeff"
    table = list(csv.DictReader(io.StringIO(content[1:])))
    assert [(r["regions"], r["topics"], r["reason"]) for r in table] == [
        ("|".join(r["regions"]), "|".join(r["topics"]), r["reason"] or "") for r in rows
    ]
    assert [r["title"] for r in table[:-1]] == [a["title"] for a in articles[:-1]]
    assert (table[-1]["article_id"], table[-1]["title"]) == ("'=1+1", "'" + hostile["title"])

    with page.expect_response("**/predict"):
        page.click("#rows tr:nth-child(2) button")
    wait_until_idle(page)
    assert page.locator("#text").input_value() == articles[1]["text"]
    assert held(page, "topic") == rows[1]["topics"]
    with page.expect_response("**/predict"):
        page.select_option("#profile", "high_precision")
    wait_until_idle(page)
    assert page.locator("#rows tr").count() == len(rows)
    page.click("#close")
    assert page.locator("#several").is_hidden()


DROP = """(target, [content, url]) => {
  const data = new DataTransfer();
  if (content) data.items.add(new File([content], "dropped.txt"));
  if (url) data.setData("text/uri-list", url);
  const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data });
  target.dispatchEvent(event);
  return event.defaultPrevented;
}"""


def test_a_dropped_file_is_read_and_a_dropped_link_is_not_opened(page: Page) -> None:
    with page.expect_response("**/predict"):
        assert page.locator("main").evaluate(DROP, [f"{ARTICLE['title']}\n{ARTICLE['text']}", None])
    wait_until_idle(page)
    assert held(page, "topic") == ["terrorism"]
    assert page.locator("main").evaluate(DROP, [None, "https://example.org/page"])  # else the fixture fails


def test_a_table_without_a_known_column_is_refused_by_name(failing_page: Page) -> None:
    wait_until_idle(failing_page)
    failing_page.click("#examples button")
    failing_page.wait_for_selector("#answer:not([hidden])")
    choose(failing_page, "رمز,كلام\n1,خبر\n", name="t.csv")
    assert shown_error(failing_page) == ("no_articles", True)
    assert "t.csv: " in failing_page.locator("#message").inner_text()
    assert "كلام" in failing_page.locator("#message").inner_text()
    assert failing_page.locator("#answer").is_hidden(), "the answer for another article"


@pytest.mark.parametrize(
    ("content", "code"),
    [(gzip.compress(b"x"), "container"), (b"\x89PNG\r\n" + bytes(range(256)), "no_articles")],
    ids=["archive", "picture"],
)
def test_errors_of_files(failing_page: Page, content: bytes, code: str) -> None:
    choose(failing_page, content)
    assert shown_error(failing_page) == (code, True)


def test_too_large_file_is_not_sent(failing_page: Page) -> None:
    file: Any = {"name": "large", "mimeType": "text/plain", "buffer": bytes((8 << 20) + 1)}
    failing_page.set_input_files("#files", file)
    failing_page.wait_for_selector("#message.wrong[data-code=too_large]")

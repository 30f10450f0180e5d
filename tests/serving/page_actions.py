"""Actions on the page of `newsdesk serve`, and what it shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

ARTICLE = json.loads((ROOT / "data/starter/st1.jsonl").read_text(encoding="utf-8").splitlines()[0])


def submit(page: Page, title: str, text: str) -> None:
    page.fill("#title", title)
    page.fill("#text", text)
    with page.expect_response("**/predict"):
        page.keyboard.press("Control+Enter")
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    # The policy of the page refuses to evaluate a script a second time, as `wait_for_function` does.
    page.wait_for_selector("main[aria-busy=false]")


def held(page: Page, task: str) -> list[str | None]:
    """Return the labels that the page shows as those of the article."""
    return [button.get_attribute("data-label") for button in page.locator(f"#{task} li.holds button").all()]


def choose(page: Page, *contents: str | bytes, name: str = "file") -> None:
    """Choose files with these contents."""
    files: list[Any] = [
        {"name": name, "mimeType": "text/plain", "buffer": c if isinstance(c, bytes) else c.encode()}
        for c in contents
    ]
    with page.expect_response("**/read?*"):
        page.set_input_files("#files", files)
    wait_until_idle(page)


def lines(articles: list[dict[str, str]]) -> str:
    return "\n".join(json.dumps(article) for article in articles)


def shown_error(page: Page) -> tuple[str | None, bool]:
    """Return the code of the message, and whether it is in Arabic."""
    message = page.locator("#message.wrong")
    return message.get_attribute("data-code"), "\u0600" < message.inner_text()[0] < "\u06ff"

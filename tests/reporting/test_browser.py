"""The report in a browser: offline, Arabic from right to left, light and dark, filters and search."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from newsdesk.cli.look.report import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.integration
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 375, "height": 720}
# the left edges of the first and last text node of an element
ENDS = """element => {
  const range = document.createRange(), nodes = [];
  const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) nodes.push(walk.currentNode);
  return [nodes[0], nodes.at(-1)].map(node => { range.selectNodeContents(node); return range.getClientRects()[0].left; });
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("page") / "report.html"
    main.main(["--folder", str(tiny_run), "--output", str(output)], standalone_mode=False)
    return output


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(color_scheme="light")
    yield opened
    opened.close()


def open_page(context: BrowserContext, report: Path) -> tuple[Page, list[str]]:
    """Open the report; return the page, and its requests and error messages."""
    page = context.new_page()
    messages: list[str] = []
    page.on("request", lambda request: messages.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(report.as_uri())
    messages.remove(report.as_uri())
    return page, messages


def shown(page: Page) -> list[dict[str, str]]:
    script = "found => found.filter(e => !e.hidden).map(e => ({...e.dataset}))"
    return page.locator(".mistake").evaluate_all(script)


def test_every_section_is_visible_and_no_request_is_made(context: BrowserContext, report: Path) -> None:
    page, messages = open_page(context, report)
    sections = page.locator("main > section")
    for i in range(sections.count()):
        box = sections.nth(i).bounding_box()
        assert box
        assert box["height"] > 80
        assert sections.nth(i).locator("h2").is_visible()
        sections.nth(i).evaluate("e => e.scrollIntoView()")
        picture = Image.open(io.BytesIO(page.screenshot()))
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20  # letters and lines: not empty
    page.locator("nav a", has_text="Errors").click()
    assert page.evaluate("location.hash") == "#errors"
    assert messages == []


def test_arabic_runs_from_right_to_left(context: BrowserContext, report: Path) -> None:
    page, _ = open_page(context, report)
    text = page.locator(".mistake p[lang=ar]").first
    assert text.evaluate("e => getComputedStyle(e).direction") == "rtl"
    assert text.evaluate("e => getComputedStyle(e).textAlign") == "right"
    title = page.locator(".mistake h3").first
    words = title.evaluate(ENDS)
    assert words[0] > words[1]  # the first word is further right


def test_filters_and_search_show_the_matches(context: BrowserContext, report: Path) -> None:
    page, messages = open_page(context, report)
    everything = page.locator(".mistake").evaluate_all("found => found.map(e => ({...e.dataset}))")
    assert len(shown(page)) == min(20, len(everything))
    if len(everything) > 20:
        page.locator("#more").click()
        assert len(shown(page)) == min(40, len(everything))
    page.select_option("[name=head]", "topic")
    page.select_option("[name=kind]", "missed")
    expected = [e for e in everything if e["head"] == "topic" and e["kind"] == "missed"]
    assert shown(page) == expected[:20]
    page.select_option("[name=label]", expected[0]["label"])
    assert {e["label"] for e in shown(page)} == {expected[0]["label"]}
    page.locator("#filters button").click()
    page.locator("#count", has_text=f"{len(everything)} of ").wait_for()

    word = page.locator(".mistake h3").first.evaluate(
        "e => e.textContent.split(/\\s+/).sort((a, b) => b.length - a.length)[0]"
    )
    with_marks = "\u064e".join(word)  # the search ignores vowel marks
    page.fill("[name=search]", with_marks)
    found = shown(page)
    assert 0 < len(found) < len(everything)
    assert everything[0] in found
    page.fill("[name=search]", everything[3]["id"])
    assert {e["id"] for e in shown(page)} == {everything[3]["id"]}
    page.fill("[name=search]", "لا يوجد مثل هذا")
    assert shown(page) == []
    assert page.locator("#count").text_content() == f"0 of {len(everything)} errors, 0 shown."
    assert messages == []


def test_light_and_dark_follow_the_system_and_the_switch(context: BrowserContext, report: Path) -> None:
    page, _ = open_page(context, report)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(20, 23, 27)")
    page.locator("#theme").click()
    assert page.evaluate(background) == light
    page.emulate_media(color_scheme="light")
    page.locator("#theme").click()
    assert page.evaluate(background) == dark
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_page_can_be_used_by_keyboard_and_fits_a_phone(context: BrowserContext, report: Path) -> None:
    page, _ = open_page(context, report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    unnamed = "[...document.querySelectorAll('select, input, button')].filter(e => !e.labels?.length && !e.textContent.trim())"
    assert page.evaluate(f"{unnamed}.length") == 0
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

"""The page in Chromium: labels, evidence, and articles that stay text."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsdesk.base.files import SHIPPED
from newsdesk.inference.scorer import Scorer
from tests import ROOT

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ARTICLE = json.loads((ROOT / "data/starter/st1.jsonl").read_text(encoding="utf-8").splitlines()[0])
HOSTILE = '<script>window.hit=1</script><img src=x onerror="window.hit=1"><b>هجوم</b> "\'`${1}'


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: "sync_api.Browser", address: str) -> Iterator["sync_api.Page"]:
    """The open page; a script error, a warning or a request to another host fails the test."""
    problems: list[str] = []
    opened = browser.new_page(viewport={"width": 1000, "height": 800})
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    opened.on("request", lambda r: r.url.startswith((address, "data:")) or problems.append(r.url))
    opened.goto(address)
    opened.wait_for_selector("#model:not(:empty)")
    yield opened
    opened.close()
    assert problems == []


def submit(page: "sync_api.Page", title: str, text: str) -> None:
    page.fill("#title", title)
    page.fill("#text", text)
    with page.expect_response("**/predict"):
        page.keyboard.press("Control+Enter")
    # The policy of the page refuses to evaluate a script a second time.
    sync_api.expect(page.locator("button[type=submit]")).to_be_enabled()


def marked(page: "sync_api.Page") -> list[str]:
    return page.locator("article mark").all_inner_texts()


def test_labels_probabilities_thresholds_and_evidence(page: "sync_api.Page") -> None:
    submit(page, ARTICLE["title"], ARTICLE["text"])
    (prediction,) = Scorer.load(SHIPPED).predict([ARTICLE["title"]], [ARTICLE["text"]])
    assert page.locator("#region li.holds .name small").all_inner_texts() == ["Europe"]
    assert page.locator("#topic li.holds .name small").all_inner_texts() == ["Terrorism"]
    assert page.locator("#region .value").first.inner_text() == f"{prediction.scores['region']['europe']:.2f}"
    assert page.locator("#region .limit").count() == 7
    assert page.locator("#topic li button[aria-pressed=true]").get_attribute("data-label") == "terrorism"
    assert "داعش" in marked(page)
    assert page.locator("#shown-text").inner_text() == ARTICLE["text"]
    page.click("button[data-label=europe]")
    assert "بلجيكا" in "|".join(marked(page))
    assert (
        page.locator("mark.for").first.evaluate("m => getComputedStyle(m).backgroundColor")
        != "rgba(0, 0, 0, 0)"
    )
    assert len(set(page.screenshot())) > 200  # not one colour


def test_offsets_count_code_points(page: "sync_api.Page") -> None:
    """JavaScript counts an emoji as two units, Python as one character."""
    submit(page, "😀😀 هجوم", f"😀 𝔸 👨‍👩‍👧 {ARTICLE['text']}")
    assert "داعش" in marked(page)
    assert "هجوم" in page.locator("#shown-title mark").all_inner_texts()
    assert page.locator("#shown-text").inner_text().startswith("😀 𝔸 👨‍👩‍👧 ")


def test_markup_in_an_article_stays_text(page: "sync_api.Page") -> None:
    submit(page, HOSTILE, f"{HOSTILE} {ARTICLE['text']} {HOSTILE}")
    assert page.locator("#shown-title").inner_text() == HOSTILE
    assert page.locator("#shown-text").inner_text() == f"{HOSTILE} {ARTICLE['text']} {HOSTILE}"
    assert page.locator("article :is(script, img, b, i)").count() == 0
    assert page.evaluate("window.hit") is None


def test_text_runs_from_right_to_left_at_any_width(page: "sync_api.Page") -> None:
    for width in (1000, 360):
        page.set_viewport_size({"width": width, "height": 700})
        submit(page, ARTICLE["title"], ARTICLE["text"])
        for part in ("body", "#text", "#shown-text"):
            assert page.locator(part).evaluate("e => getComputedStyle(e).direction") == "rtl"
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_and_light(page: "sync_api.Page") -> None:
    backgrounds = set()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2


def test_labels_are_chosen_by_keyboard(page: "sync_api.Page") -> None:
    submit(page, ARTICLE["title"], ARTICLE["text"])
    page.focus("#topic li:nth-child(2) button")
    chosen = page.evaluate("document.activeElement.dataset.label")
    page.keyboard.press("Enter")
    assert page.locator("li button[aria-pressed=true]").get_attribute("data-label") == chosen != "terrorism"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("عاجل", "too_short"), ("The summit would be held next week in the town.", "not_arabic")],
)
def test_reason_without_labels_is_shown(page: "sync_api.Page", text: str, reason: str) -> None:
    submit(page, "", text)
    assert reason in page.locator("#summary").inner_text()
    assert page.locator("#evidence").is_hidden()


def test_error_is_shown(browser: "sync_api.Browser", address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    submit(page, "", "كلمة " * 30_000)
    assert "at most 100000 characters" in page.locator("#message").inner_text()
    assert page.locator("#answer").is_hidden()
    page.close()

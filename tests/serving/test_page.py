"""The page in Chromium: labels, evidence, errors, and articles that stay text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from newsdesk.base.files import SHIPPED
from newsdesk.inference.scorer import Scorer
from newsdesk.serving.model_watcher import ModelWatcher

from .conftest import starter
from .page_actions import ARTICLE, choose, held, lines, shown_error, submit, wait_until_idle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# no element of HTML, and so text; a browser runs its script
HOSTILE = '<x-a tabindex=0 autofocus onfocus="window.hit=1">هجوم</x-a> "\'`${1}'


def marked(page: Page) -> list[str]:
    return page.locator("article mark").all_inner_texts()


def test_labels_probabilities_thresholds_and_evidence(page: Page) -> None:
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


def test_offsets_count_code_points(page: Page) -> None:
    """JavaScript counts an emoji as two units, Python as one character."""
    submit(page, "😀😀 هجوم", f"😀 𝔸 👨‍👩‍👧 {ARTICLE['text']}")
    assert "داعش" in marked(page)
    assert "هجوم" in page.locator("#shown-title mark").all_inner_texts()
    assert page.locator("#shown-text").inner_text().startswith("😀 𝔸 👨‍👩‍👧 ")


def test_markup_in_an_article_stays_text(page: Page) -> None:
    submit(page, HOSTILE, f"{HOSTILE} {ARTICLE['text']} {HOSTILE}")
    assert page.locator("#shown-title").inner_text() == HOSTILE
    assert page.locator("#shown-text").inner_text() == f"{HOSTILE} {ARTICLE['text']} {HOSTILE}"
    assert page.locator("article x-a").count() == 0
    assert page.evaluate("window.hit") is None


def test_markup_of_html_is_removed_as_in_files(page: Page) -> None:
    submit(
        page,
        '<script>window.hit=1</script><img src=x onerror="window.hit=1"><b>هجوم</b> <i>5</i> < 6',
        ARTICLE["text"],
    )
    assert page.locator("#shown-title").inner_text() == "هجوم 5 < 6"
    assert page.evaluate("window.hit") is None


def test_text_runs_from_right_to_left_at_any_width(page: Page) -> None:
    for width in (1000, 360):
        page.set_viewport_size({"width": width, "height": 700})
        submit(page, ARTICLE["title"], ARTICLE["text"])
        for part in ("body", "#text", "#shown-text"):
            assert page.locator(part).evaluate("e => getComputedStyle(e).direction") == "rtl"
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_and_light(page: Page) -> None:
    backgrounds = set()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2


def test_labels_are_chosen_by_keyboard(page: Page) -> None:
    submit(page, ARTICLE["title"], ARTICLE["text"])
    page.focus("#topic li:nth-child(2) button")
    chosen = page.evaluate("document.activeElement.dataset.label")
    page.keyboard.press("Enter")
    assert page.locator("li button[aria-pressed=true]").get_attribute("data-label") == chosen != "terrorism"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("عاجل", "too_short"), ("The summit would be held next week in the town.", "not_arabic")],
)
def test_reason_without_labels_is_shown(page: Page, text: str, reason: str) -> None:
    submit(page, "", text)
    assert page.locator("#summary").get_attribute("data-reason") == reason
    assert page.locator("#scores").is_hidden()
    assert page.locator("#evidence").is_hidden()


def test_thresholds_are_chosen(page: Page) -> None:
    scorer = Scorer.load(SHIPPED)
    article = next(
        a for a in starter(40) if topics(scorer, a, "balanced") != topics(scorer, a, "high_recall")
    )
    submit(page, article["title"], article["text"])
    for profile in ("high_precision", "high_recall", "balanced"):
        with page.expect_response("**/predict"):
            page.select_option("#profile", profile)
        wait_until_idle(page)
        assert held(page, "topic") == topics(scorer, article, profile)


def topics(scorer: Scorer, article: dict[str, str], profile: str) -> list[str]:
    (prediction,) = scorer.predict([article["title"]], [article["text"]], profile)
    return list(prediction.labels["topic"])


def test_examples(page: Page) -> None:
    shown = []
    for button in page.locator("#examples button").all():
        with page.expect_response("**/predict"):
            button.click()
        wait_until_idle(page)
        reason = page.locator("#summary").get_attribute("data-reason")
        shown.append((held(page, "region"), held(page, "topic"), reason))
        assert page.locator("#text").evaluate("e => e.dir") == ("ltr" if reason else "rtl")
    assert shown[:3] == [
        (["middle_east"], ["terrorism"], ""), (["europe"], ["economy"], ""), (["africa"], ["sport"], ""),
    ]  # fmt: skip
    assert [reason for *_, reason in shown[3:]] == ["not_arabic"]


def test_evidence_is_added_up_by_word(page: Page, address: str) -> None:
    text = f"{ARTICLE['text']} " * 5
    submit(page, ARTICLE["title"], text)
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#contributions tr").all()]
    assert len({row[0] for row in rows}) == len(rows)
    body = {"title": ARTICLE["title"], "text": text, "explain": True, "top": 1000}
    (prediction,) = httpx.post(f"{address}/predict", json=body).json()["predictions"]
    (terrorism,) = (e for e in prediction["evidence"] if e["label"] == "terrorism")
    values = [c["value"] for c in terrorism["contributions"] if c["surface"] == "داعش"]
    assert [row[2:] for row in rows if row[0] == "داعش"] == [[str(len(values)), f"+{sum(values):.2f}"]]
    assert len(values) == 5


def test_answer_is_copied_as_json(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    submit(page, ARTICLE["title"], ARTICLE["text"])
    body = {key: ARTICLE[key] for key in ("title", "text")}
    expected = httpx.post(f"{address}/predict", json=body).json()
    expected["predictions"][0] |= body  # as scored
    page.click("#copy")
    page.wait_for_selector("#message[data-code=copied]")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == expected

    articles = starter(2)
    choose(page, lines(articles))
    page.click("#copy-all")
    page.wait_for_selector("#message[data-code=copied]")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied == httpx.post(f"{address}/predict", json={"articles": articles}).json()


def test_copy_without_the_clipboard_of_a_secure_page(page: Page) -> None:
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    submit(page, ARTICLE["title"], ARTICLE["text"])
    page.click("#copy")
    page.wait_for_selector("#message[data-code=copied]")
    page.fill("#text", "")
    page.keyboard.press("Control+V")
    (row,) = json.loads(page.locator("#text").input_value())["predictions"]
    assert row["topics"] == ["terrorism"]


@pytest.mark.parametrize(
    ("text", "code"),
    [("كلمة " * 30_000, "string_too_long"), ("ا\0ا", "nul")],
    ids=["long", "nul"],
)
def test_errors_are_sentences_in_arabic(failing_page: Page, text: str, code: str) -> None:
    submit(failing_page, "", text)
    assert shown_error(failing_page) == (code, True)
    assert failing_page.locator("#answer").is_hidden()


def test_an_empty_form_keeps_no_old_answer(page: Page) -> None:
    submit(page, ARTICLE["title"], ARTICLE["text"])
    page.fill("#title", "")
    page.fill("#text", " ")
    page.click("button[type=submit]")
    page.wait_for_selector("#message.wrong[data-code=empty]")
    assert page.locator("#answer").is_hidden()
    assert page.locator("#evidence").is_hidden()


def test_the_page_says_why_a_label_below_its_threshold_is_given(page: Page) -> None:
    scorer = Scorer.load(SHIPPED)
    (head,) = (head for head in scorer.heads if head.task == "topic")
    thresholds = dict(zip(head.labels, head.thresholds, strict=True))
    shown = set()
    for article in starter(40):
        (prediction,) = scorer.predict([article["title"]], [""])
        is_below = any(prediction.scores["topic"][label] < thresholds[label] for label in prediction.topics)
        if is_below not in shown:
            shown.add(is_below)
            submit(page, article["title"], "")
            assert page.locator("#floor").is_visible() == is_below
    assert shown == {True, False}


def test_lost_server(failing_page: Page) -> None:
    wait_until_idle(failing_page)
    failing_page.context.set_offline(True)
    failing_page.fill("#text", ARTICLE["text"])
    failing_page.click("button[type=submit]")
    failing_page.wait_for_selector("#message.wrong[data-code=unreachable]")


def test_request_is_repeated_until_the_model_is_ready(failing_page: Page, watcher: ModelWatcher) -> None:
    wait_until_idle(failing_page)
    watcher.ready = False
    try:
        failing_page.click("#examples button")
        failing_page.wait_for_selector("#message[data-code=not_ready]")
    finally:
        watcher.ready = True
    wait_until_idle(failing_page)
    assert held(failing_page, "topic") == ["terrorism"]


def test_page_opened_early_waits_for_the_model(browser: Browser, address: str, watcher: ModelWatcher) -> None:
    page = browser.new_page()
    watcher.ready = False
    try:
        page.goto(address)
        page.wait_for_selector("#message[data-code=not_ready]")
        assert page.locator("main").get_attribute("aria-busy") == "true"
    finally:
        watcher.ready = True
    wait_until_idle(page)
    assert page.locator("#message").inner_text() == ""
    page.close()

"""Repair, tokens, n-grams and the language check."""

import random
import unicodedata
from collections.abc import Callable

import pytest

from newsdesk.inference.text import (
    char_ngrams,
    compose,
    is_arabic,
    repair_text,
    tokenize,
    word_ngrams,
)
from tests.inference.articles import (
    ARABIC,
    DIRTY,
    DISGUISES,
    ENGLISH,
    NEWS,
    OTHER_LANGUAGES,
    PERSIAN,
    SPELLINGS,
)


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (" &laquo;خبر&raquo;\u00a0\n", "«خبر»"),
        ("خ\x07بر", "خبر"),  # a control character within a word
        ("خبر\x0bعاجل", "خبر عاجل"),  # a control character that separates words
        ("AT&T &unknown; &#1593;", "AT&T &unknown; ع"),
    ],
)
def test_repair_text(text: str, repaired: str) -> None:
    assert repair_text(text) == repaired


@pytest.mark.parametrize("text", DIRTY.values(), ids=DIRTY)
def test_html_and_entities_are_removed(text: str) -> None:
    assert repair_text(text) == repair_text(repair_text(text)) == ARABIC


def test_long_runs_of_marks_compose_as_short_ones() -> None:
    rng = random.Random(0)
    marks = [chr(c) for c in range(0x300, 0x1100) if unicodedata.category(chr(c)).startswith("M")]
    marks += ["\u0344", "\u0f73", "\u200c", "\u0640", "-"] * 20  # of two marks, or none
    for n in (31, 32, 33, 64, 500):
        text = "اe" + "".join(rng.choices(marks, k=n)) + "ب ا"
        assert compose(text) == unicodedata.normalize("NFKC", text)


def test_tokens_and_ngrams() -> None:
    assert tokenize("قمة، في ب 20") == ["قمة", "في", "20"]
    assert word_ngrams(["أ", "ب", "ج"], ngram_max=2) == ["أ", "ب", "ج", "أ ب", "ب ج"]
    assert word_ngrams(["أ"], ngram_max=0) == []
    assert char_ngrams("في", shortest=3, longest=5) == [" في", "في ", " في "]


def test_word_shorter_than_the_ngrams_is_counted_once() -> None:
    """As scikit-learn's `char_wb` does."""
    assert char_ngrams("في", shortest=5, longest=7) == [" في "]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ARABIC, True),
        ("أعلنت شركة Volkswagen AG عن أرباح", True),
        ("Volkswagen AG announced profits in الرياض", False),
        (ENGLISH, False),
        (PERSIAN, False),
        ("", False),
    ],
)
def test_is_arabic(text: str, expected: bool) -> None:
    assert is_arabic(text) == expected


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_arabic_on_any_keyboard_is_arabic(
    spelling: Callable[[str], str], disguise: Callable[[str], str]
) -> None:
    assert is_arabic(disguise(spelling(NEWS)))


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
@pytest.mark.parametrize("text", OTHER_LANGUAGES.values(), ids=OTHER_LANGUAGES)
def test_other_languages_in_arabic_script_are_not_arabic(text: str, disguise: Callable[[str], str]) -> None:
    assert not is_arabic(disguise(text))


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_disguises_change_the_text(disguise: Callable[[str], str]) -> None:
    assert disguise is DISGUISES["as it is"] or disguise(NEWS) != NEWS

"""Repair, tokens, n-grams and the language check."""

import pytest

from newsdesk.inference.text import char_ngrams, is_arabic, repair_text, tokenize, word_ngrams
from tests.inference.articles import ARABIC, ENGLISH, PERSIAN


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

"""Alignment: each normalized token comes from its own span of the original."""

import pytest
from hypothesis import given, settings

from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference.alignment import AlignedText, align, token_spans
from newsdesk.inference.text import normalize, tokenize_sentences
from tests.inference.articles import hostile

TABLE = translation(build_table(Normalization()))


def surface(aligned: AlignedText, start: int, stop: int) -> str:
    begin, end = aligned.span(start, stop)
    return aligned.original[begin:end]


@settings(max_examples=200)
@given(hostile)
def test_token_comes_from_its_own_span(text: str) -> None:
    aligned = align(text, TABLE)
    assert aligned.normalized == normalize(text, TABLE)
    assert len(aligned.starts) == len(aligned.stops) == len(aligned.normalized)
    assert list(aligned.starts) == sorted(aligned.starts)
    for scope in ("text", "sentence"):
        spans = token_spans(aligned.normalized, scope=scope)
        assert [[aligned.normalized[a:b] for a, b in own] for own in spans] == tokenize_sentences(
            aligned.normalized, scope=scope
        )
        for start, stop in (span for own in spans for span in own):
            # a sigma has another form at the end of a word
            inside = normalize(surface(aligned, start, stop), TABLE).replace("ς", "σ")
            assert aligned.normalized[start:stop].replace("ς", "σ") in inside


@pytest.mark.parametrize(
    ("text", "surfaces"),
    [
        ("قالَ مُحَمَّدٌ إنّ", ["قالَ", "مُحَمَّدٌ", "إنّ"]),  # marks go with their letter
        ("هجـــوم كبيرـ", ["هجـــوم", "كبيرـ"]),
        ("😀 قُتل 😀😀 رجل", ["قُتل", "رجل"]),
        ("ﻻجئون في ﻓﺮﻧﺴﺎ", ["ﻻجئون", "في", "ﻓﺮﻧﺴﺎ"]),  # ligatures and presentation forms
        ("می\u200cشود الآن", ["می\u200cشود", "الآن"]),
        ("مسو\u0654ول شي\u0654", ["مسو\u0654ول", "شي\u0654"]),  # a letter and its hamza apart
        ("قال ﷺ لهم", ["قال", "ﷺ", "ﷺ", "ﷺ", "ﷺ", "لهم"]),  # one character, four words
        ("ΟΔΥΣΣΕΥΣ İstanbul ﬁne", ["ΟΔΥΣΣΕΥΣ", "stanbul", "ﬁne"]),  # the dot of İ is no letter
        ("#عاجل_الآن ١٤ شخصا", ["عاجل", "الآن", "١٤", "شخصا"]),
    ],
)
def test_spans_of_the_original_spelling(text: str, surfaces: list[str]) -> None:
    aligned = align(text, TABLE)
    found = [surface(aligned, *s) for s in token_spans(aligned.normalized, scope="text")[0]]
    assert found == surfaces

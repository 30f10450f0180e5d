"""Normalization: one case for each rule, and properties of any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.normalization import Normalization, normalize
from newsdesk.inference.text import tokenize

GOLDEN = {
    "marks": ("مُحَمَّدٌ", "محمد"),
    "dagger alef": ("هٰذا", "هذا"),
    "tatweel": ("أخبـــار", "اخبار"),
    "alef with hamza": ("أحمد إلى آخر ٱلدار", "احمد الي اخر الدار"),
    "alef maksura": ("مستشفى", "مستشفي"),
    "teh marbuta": ("مدرسة", "مدرسه"),
    "hamza on waw and yeh stays": ("مؤتمر رئيس", "مؤتمر رئيس"),
    "Arabic-Indic digits": ("١٢٣٤٥٦٧٨٩٠", "1234567890"),
    "Persian digits": ("۱۲۳", "123"),
    "Farsi yeh and keheh": ("كتابی کبیر", "كتابي كبير"),
    "lam-alef ligature": ("ﻻ", "لا"),
    "presentation forms": ("ﺳﻼﻡ", "سلام"),
    "bidi marks": ("\u202bقمة\u202c \u2067برلين\u2069", "قمه برلين"),
    "zero-width joiners": ("می\u200cروم", "ميروم"),
    "byte order mark": ("\ufeffقمة", "قمه"),
    "hashtag": ("#انتخابات_مبكرة", "#انتخابات مبكره"),
    "Latin case": ("NATO Summit", "nato summit"),
    "compatibility": ("ﬁ ½", "fi 1⁄2"),
}


@pytest.mark.parametrize(("raw", "expected"), GOLDEN.values(), ids=GOLDEN.keys())
def test_golden(raw: str, expected: str) -> None:
    assert normalize(raw, Normalization()) == expected


@pytest.mark.parametrize(
    ("switch", "raw", "folded", "kept"),
    [
        ("strip_marks", "عَلَم", "علم", "عَلَم"),
        ("strip_tatweel", "عـلم", "علم", "عـلم"),
        ("strip_invisible", "عل\u200cم", "علم", "عل\u200cم"),
        ("fold_alef", "أمل", "امل", "أمل"),
        ("fold_alef_maksura", "هدى", "هدي", "هدى"),
        ("fold_teh_marbuta", "قمة", "قمه", "قمة"),
        ("fold_hamza", "مؤتمر رئيس", "موتمر رييس", "مؤتمر رئيس"),
        ("fold_digits", "٣", "3", "٣"),
        ("fold_persian", "ک", "ك", "ک"),
        ("split_underscore", "قمة_برلين", "قمه برلين", "قمه_برلين"),
    ],
)
def test_each_fold_is_a_switch(switch: str, raw: str, folded: str, kept: str) -> None:
    assert normalize(raw, Normalization(**{switch: True})) == folded
    assert normalize(raw, Normalization(**{switch: False})) == kept


any_text = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.characters(min_codepoint=0x0600, max_codepoint=0x06FF),
        st.sampled_from("ـًٰٔ\u200cﷲﻻ가각"),
    ),
    max_size=60,
)
any_settings = st.fixed_dictionaries({name: st.booleans() for name in Normalization.model_fields}).map(
    lambda switches: Normalization(**switches)
)


@given(any_text, any_settings)
def test_idempotent(text: str, settings: Normalization) -> None:
    once = normalize(text, settings)
    assert normalize(once, settings) == once


@given(any_text, any_text)
def test_words_are_normalized_one_by_one(left: str, right: str) -> None:
    """Tokens do not depend on the words beside them."""
    settings = Normalization()
    joined = tokenize(normalize(f"{left} | {right}", settings))
    apart = tokenize(normalize(left, settings)) + tokenize(normalize(right, settings))
    assert joined == apart


def test_marks_do_not_split_a_word() -> None:
    assert tokenize(normalize("وَقَّعَتْ السُّلْطَاتُ", Normalization())) == ["وقعت", "السلطات"]

"""Place features: the kernel and the reference implementation give the same bits."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.normalization import build_table, translation
from newsdesk.inference import engine as engine_module
from newsdesk.inference.engine import Engine
from newsdesk.inference.mentions import place_features
from newsdesk.inference.text import build_stemmer, normalize, tokenize
from tests.gazetteer import read_gazetteer
from tests.inference.articles import MENTIONS
from tests.inference.test_engine import FOLDED, build_engine


def reference_features(titles, texts, *, lead_tokens: int = 60) -> np.ndarray:
    table = translation(build_table(FOLDED))

    def read(text: str) -> list[str]:
        return tokenize(normalize(text, table))

    pairs = zip(titles, texts, strict=True)
    gazetteer = read_gazetteer()
    return np.array([place_features(*map(read, pair), gazetteer, lead_tokens=lead_tokens) for pair in pairs])


@cache
def place_engine(*, hash_bits: int, lead_tokens: int = 60) -> Engine:
    """An engine with sentence ends, which mentions ignore; with 20 bits of hash, thousands of names collide."""
    engine = build_engine(
        sentences=True, stem=build_stemmer("snowball"), hash_bits=hash_bits,
        gazetteer=read_gazetteer(), lead_tokens=lead_tokens,
    )  # fmt: skip
    engine.vocabulary.set_terms([], [])
    return engine


@pytest.mark.parametrize("hash_bits", [64, 20])
@pytest.mark.parametrize("lead_tokens", [0, 60])
def test_articles(hash_bits: int, lead_tokens: int) -> None:
    titles, texts = zip(*MENTIONS.values(), strict=True)
    engine = place_engine(hash_bits=hash_bits, lead_tokens=lead_tokens)
    expected = reference_features(titles, texts, lead_tokens=lead_tokens)
    for engine.threads in (1, 3):
        found = engine.place_features(engine.scan(titles, texts))
        for name, own, wanted in zip(MENTIONS, found, expected, strict=True):
            assert own.tobytes() == wanted.tobytes(), name


@cache
def texts_of_names() -> st.SearchStrategy[str]:
    """Texts of spellings, beginnings of spellings, words of the rules and other words."""
    forms, places = read_gazetteer().forms, read_gazetteer().places
    rules = {form.rule for form in forms.values() if form.rule}
    pools = [
        list(forms),
        [s for s in forms if " " in s],
        [s.partition(" ")[0] for s in forms if " " in s],
        [s for s, form in forms.items() if len(form.places) > 1],
        [s for s, form in forms.items() if form.rule],
        [s for s, form in forms.items() if places[form.places[0]].kind in ("media", "area")],
        sorted({word for rule in rules for listed in rule[:4] for word in listed}),
        ["قال", "لندن", "الامريكيه", "2020"],
    ]
    word = st.one_of([st.sampled_from(pool) for pool in pools])
    between = st.sampled_from([" ", " ", " ", "، ", ". ", "\n"])
    return st.lists(st.tuples(word, between).map("".join), max_size=15).map("".join)


@settings(max_examples=400)
@given(data=st.data())
def test_any_text(data: st.DataObject) -> None:
    titles, texts = (data.draw(st.lists(texts_of_names(), min_size=3, max_size=3)) for _ in range(2))
    expected = reference_features(titles, texts)
    for hash_bits in (64, 20):
        engine = place_engine(hash_bits=hash_bits)
        assert engine.place_features(engine.scan(titles, texts)).tobytes() == expected.tobytes()


def test_forgotten_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = place_engine(hash_bits=64)
    expected = reference_features(["قمة برلين"], ["كوريا الشمالية ونهر الأردن"])
    monkeypatch.setattr(engine_module, "MAX_TOKENS", 2)
    for _ in range(2):
        engine.scan([""], ["كلمات لم ترد من قبل"])
        found = engine.place_features(engine.scan(["قمة برلين"], ["كوريا الشمالية ونهر الأردن"]))
        assert found.tobytes() == expected.tobytes()

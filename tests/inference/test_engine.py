"""The engine finds the same tokens as the reference implementation, in any text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference import engine as engine_module
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine, build_term_weights
from newsdesk.inference.kernel import BREAK
from newsdesk.inference.text import normalize, tokenize_sentences
from tests.inference.articles import hostile

NO_FOLDING = Normalization(**dict.fromkeys(Normalization.model_fields, False))
FOLDED = Normalization()


def build_engine(normalization: Normalization = FOLDED, **settings: Any) -> Engine:
    table = translation(build_table(normalization))

    def fold(text: str) -> str:
        return normalize(text, table)

    defaults: dict[str, Any] = {
        "ngram_max": 1,
        "sentences": False,
        "char_ngrams": None,
        "title_weight": 1,
        "stem": None,
    }
    return Engine(normalize=fold, maps=build_maps(fold), **defaults | settings)


ENGINES = {n: build_engine(n, sentences=True) for n in (FOLDED, NO_FOLDING)}


def tokens_of(engine: Engine, texts: Any) -> list[list[list[str]]]:
    """Return the tokens of the engine by text and sentence."""
    engine.cache.clear()
    spans = engine.scan([""] * len(texts), texts).articles.texts
    spelled, found = engine.cache.spellings.strings(), []
    for start, stop in zip(spans.starts, spans.stops, strict=True):
        own: list[list[str]] = [[]]
        for token in spans.tokens[start:stop].tolist():
            if token == BREAK:
                own.append([])
            else:
                own[-1].append(spelled[token])
        found.append([sentence for sentence in own if sentence])
    return found


def reference_tokens(normalization: Normalization, texts: Sequence[str]) -> list[list[list[str]]]:
    table = translation(build_table(normalization))
    parts = (tokenize_sentences(normalize(text, table), scope="sentence") for text in texts)
    return [[sentence for sentence in of_text if sentence] for of_text in parts]


@pytest.mark.parametrize("normalization", ENGINES, ids=["folded", "no folding"])
def test_every_character_between_letters(normalization: Normalization) -> None:
    """Each code point after, between and before letters that marks compose with."""
    texts = [f"{chr(c)}وا{chr(c)}يب {chr(c)}e{chr(c)}" for c in range(0x30000) if not 0xD800 <= c < 0xE000]
    for lo in range(0, len(texts), 1 << 15):
        some = texts[lo : lo + (1 << 15)]
        assert tokens_of(ENGINES[normalization], some) == reference_tokens(normalization, some)


@pytest.mark.parametrize("normalization", ENGINES, ids=["folded", "no folding"])
@settings(max_examples=300)
@given(texts=st.lists(hostile, max_size=4))
def test_hostile_texts(normalization: Normalization, texts: list[str]) -> None:
    assert tokens_of(ENGINES[normalization], texts) == reference_tokens(normalization, texts)


def test_arrow_arrays_of_any_layout() -> None:
    texts = ["قمة في برلين", None, "", "مباراة 😀 مدريد", "قمة باريس"]
    expected = reference_tokens(FOLDED, [text or "" for text in texts])
    array = pa.array(texts)
    for column in (
        array, array.cast(pa.large_string()), array.cast(pa.string_view()), array.dictionary_encode(),
        pa.chunked_array([array[:2], array[2:]]), pa.array(["حشو كثير", *texts])[1:],
    ):  # fmt: skip
        assert tokens_of(ENGINES[FOLDED], column) == expected
    assert tokens_of(ENGINES[FOLDED], pa.chunked_array([], pa.string())) == []
    with pytest.raises(ValueError, match="2 titles for 1 texts"):
        ENGINES[FOLDED].scan(["أ", "ب"], ["نص"])


def test_truncated_character_in_an_arrow_buffer_is_refused() -> None:
    array = pa.array(["قمة"])
    truncated = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 3], np.int32)), array.buffers()[2])
    with pytest.raises(pa.ArrowInvalid, match="UTF8"):
        ENGINES[FOLDED].scan([""], truncated)


def test_colliding_terms_are_counted_and_told_apart() -> None:
    """With 10 bits of hash many words collide; their checks differ."""
    words = [f"كلمة{i}" for i in range(2000)]
    narrow, wide = (build_engine(ngram_max=2, char_ngrams=(3, 3), hash_bits=bits) for bits in (10, 64))
    for engine in (narrow, wide):
        engine.learn(engine.scan([""], [" ".join(words)]))
    assert narrow.vocabulary.words.collisions > 1000
    assert not wide.vocabulary.words.collisions
    assert (narrow.vocabulary.words.n, narrow.vocabulary.chars.n) == (
        wide.vocabulary.words.n,
        wide.vocabulary.chars.n,
    )
    assert wide.vocabulary.words.n == 2000 + 1999


def test_forgetting_tokens_changes_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = build_engine(char_ngrams=(3, 4))
    texts = ["قمة في برلين", "مباراة في مدريد", "قمة في مدريد"]
    engine.learn(engine.scan([""] * 3, texts))
    words, chars = (
        np.arange(engine.vocabulary.words.n, dtype=np.int32),
        np.arange(engine.vocabulary.chars.n, dtype=np.int32),
    )
    engine.freeze(words, chars)
    weights = build_term_weights(
        np.ones(len(words)),
        np.ones(len(chars)),
        sublinear=True,
        norm="l2",
        word_weight=1,
        char_weight=1,
        lead_tokens=0,
        lead_weight=0,
    )
    (before,) = engine.rows(engine.scan([""] * 3, texts), weights)
    monkeypatch.setattr(engine_module, "MAX_TOKENS", 2)
    engine.scan([""], ["كلمات لم ترد من قبل"])
    (after,) = engine.rows(engine.scan([""] * 3, texts), weights)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))

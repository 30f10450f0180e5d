"""The compiled path against the plain one: the same tokens and places of any text, whatever stands in it."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference import engine as driver
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.kernel import BREAK
from newsdesk.inference.mentions import place_features
from newsdesk.inference.text import (
    CHARACTER_CLASSES,
    build_stemmer,
    char_ngrams,
    normalize,
    tokenize,
    tokenize_sentences,
    word_ngrams,
)
from tests.conftest import read_gazetteer

PLAIN = Normalization(**dict.fromkeys(Normalization.model_fields, False))
FOLDED = Normalization()
# letters with marks, ligatures, expansions, compositions, invisibles, other planes, ends of sentences
HOSTILE = (
    "ابتأإآةىيئؤءلگپچ٣۵_-.؟!\n ﻻﷺﷲ\u0651\u0654\u0653\u064b\u0670\u200c\u0640\u202b\ufeffeÉΣςİß\u0301\u0308\u0345"
    "가\u1100\u1161\u11a8𝔸𝒳😀½²™ﬁǅ\u1e9e\u0958\u09be\ud800\udfff\x00"
)
hostile = st.text(st.sampled_from(HOSTILE) | st.characters(), max_size=60)


def build_engine(normalization: Normalization = FOLDED, **extra) -> Engine:
    table = translation(build_table(normalization))

    def fold(text: str) -> str:
        return normalize(text, table)

    given = {"ngram_max": 1, "sentences": False, "char_ngrams": None, "title_weight": 1, "stem": None}
    return Engine(normalize=fold, maps=build_maps(fold, CHARACTER_CLASSES), **given | extra)


ENGINES = {n: build_engine(n, sentences=True) for n in (FOLDED, PLAIN)}


def tokens_of(engine: Engine, texts) -> list[list[list[str]]]:
    """Tokens by text and sentence, as the compiled path finds them."""
    engine.forget()
    spans = engine.scan([""] * len(texts), texts).spans
    spelled, found = engine.cache.spellings.strings(), []
    for start, stop in zip(spans.starts, spans.stops, strict=True):
        own: list[list[str]] = [[]]
        for token in spans.text[start:stop].tolist():
            if token == BREAK:
                own.append([])
            else:
                own[-1].append(spelled[token])
        found.append([sentence for sentence in own if sentence])
    return found


def reference(normalization: Normalization, texts) -> list[list[list[str]]]:
    table = translation(build_table(normalization))
    cut = (tokenize_sentences(normalize(text, table), scope="sentence") for text in texts)
    return [[sentence for sentence in of_text if sentence] for of_text in cut]


@pytest.mark.parametrize("normalization", ENGINES, ids=["folded", "plain"])
def test_every_character_in_its_place(normalization: Normalization) -> None:
    """Each code point behind, between and before letters that marks compose with."""
    texts = [f"{chr(c)}وا{chr(c)}يب {chr(c)}e{chr(c)}" for c in range(0x30000) if not 0xD800 <= c < 0xE000]
    for lo in range(0, len(texts), 1 << 15):
        some = texts[lo : lo + (1 << 15)]
        assert tokens_of(ENGINES[normalization], some) == reference(normalization, some)


@pytest.mark.parametrize("normalization", ENGINES, ids=["folded", "plain"])
@settings(max_examples=300, deadline=None)
@given(texts=st.lists(hostile, max_size=4))
def test_hostile_texts(normalization: Normalization, texts: list[str]) -> None:
    assert tokens_of(ENGINES[normalization], texts) == reference(normalization, texts)


def test_arrow_of_any_layout() -> None:
    texts = ["قمة في برلين", None, "", "مباراة 😀 مدريد", "قمة باريس"]
    expected = reference(FOLDED, [text or "" for text in texts])
    array = pa.array(texts)
    for column in (
        array, array.cast(pa.large_string()), array.cast(pa.string_view()), array.dictionary_encode(),
        pa.chunked_array([array[:2], array[2:]]), pa.array(["حشو كثير", *texts])[1:],
    ):  # fmt: skip
        assert tokens_of(ENGINES[FOLDED], column) == expected
    assert tokens_of(ENGINES[FOLDED], pa.chunked_array([], pa.string())) == []
    with pytest.raises(ValueError, match="2 titles for 1 texts"):
        ENGINES[FOLDED].scan(["أ", "ب"], ["نص"])


def test_a_cut_character_in_an_arrow_buffer_is_refused() -> None:
    whole = pa.array(["قمة"])
    cut = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 3], np.int32)), whole.buffers()[2])
    with pytest.raises(pa.ArrowInvalid, match="UTF8"):
        ENGINES[FOLDED].scan([""], cut)


def test_terms_of_equal_hash_are_counted_and_kept_apart() -> None:
    """With 10 bits of hash many words share one; their checks tell them apart."""
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


def test_what_is_remembered_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = build_engine(char_ngrams=(3, 4))
    texts = ["قمة في برلين", "مباراة في مدريد", "قمة في مدريد"]
    engine.learn(engine.scan([""] * 3, texts))
    words, chars = (
        np.arange(engine.vocabulary.words.n, dtype=np.int32),
        np.arange(engine.vocabulary.chars.n, dtype=np.int32),
    )
    engine.freeze(words, chars)
    weights = driver.build_term_weights(
        np.ones(len(words)), np.ones(len(chars)), sublinear=True, norm="l2", word_weight=1, char_weight=1
    )
    (before,) = engine.rows(engine.scan([""] * 3, texts), weights)
    monkeypatch.setattr(driver, "MAX_TOKENS", 2)
    engine.scan([""], ["كلمات لم ترد من قبل"])
    (after,) = engine.rows(engine.scan([""] * 3, texts), weights)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def expected_places(titles, texts, *, lead_tokens: int = 60) -> np.ndarray:
    table = translation(build_table(FOLDED))

    def read(text: str) -> list[str]:
        return tokenize(normalize(text, table))

    pairs = zip(titles, texts, strict=True)
    gazetteer = read_gazetteer()
    return np.array([place_features(*map(read, pair), gazetteer, lead_tokens=lead_tokens) for pair in pairs])


@cache
def place_engine(*, hash_bits: int, lead_tokens: int = 60) -> Engine:
    """Sentences end in it, which a place must not notice; of 20 bits of hash, thousands of names share one."""
    engine = build_engine(
        sentences=True, stem=build_stemmer("snowball"), hash_bits=hash_bits,
        gazetteer=read_gazetteer(), lead_tokens=lead_tokens,
    )  # fmt: skip
    engine.vocabulary.set_terms([], [])
    return engine


ARTICLES = {
    "dateline": ("", "جنيف: هبة السعيد تراجعت مبيعات السيارات في البرازيل"),
    "dateline before the newspaper": ("", "لندن: «الشرق الأوسط» قالت الحكومة البريطانية"),
    "area behind a conjunction": ("", "لندن والشرق الأوسط في قمة"),
    "dateline of two cities": ("", "باريس لندن رويترز قالت ألمانيا"),
    "dateline of a country": ("", "قطر الشرق الأوسط قال وزير"),
    "too late for a dateline": ("", "قال وزير من لندن الشرق الأوسط"),
    "newspaper and its people": ("", "ذكرت نيويورك تايمز الأميركية أن الصين وعدت"),
    "media in the title": ("رويترز", "لندن - رويترز: أعلنت فرنسا"),
    "rule within a sentence": ("", "عبر نهر الأردن إلى الضفة"),
    "rule over a break": ("", "عبر النهر. الأردن. جورجيا! ولاية؟ جورجيا\nنهر\nالأردن"),
    "name over a break": ("كوريا. الشمالية", "كوريا\nالشمالية تهدد كوريا"),
    "clubs": ("الهلال يفوز", "فاز نادي الهلال على النصر في الرياض"),
    "clubs without support": ("الهلال يهل", "رأى النصر قريبا"),
    "ambiguous, settled by the title": ("فنزويلا تنتخب", "في فالنسيا وقرطبة ومالقة"),
    "ambiguous, equal support": ("", "طرابلس وقرطاج وجورجيا وتبليسي وأتلانتا"),
    "slow path": ("قمة e\u0301 في Straße ﷺ", "زار é\u0301 برلين ثم ﷲ باريس، الصين"),
    "no letters": ("", " \n."),
    "lead": ("", "كلمة " * 59 + "فرنسا ألمانيا " + "كلمة " * 5000 + "الصين " * 300),
    "many": ("مصر " * 700, "الهند " * 5000 + "رويترز " * 10),
}


@pytest.mark.parametrize("hash_bits", [64, 20])
@pytest.mark.parametrize("lead_tokens", [0, 60])
def test_places_of_articles(hash_bits: int, lead_tokens: int) -> None:
    titles, texts = zip(*ARTICLES.values(), strict=True)
    engine = place_engine(hash_bits=hash_bits, lead_tokens=lead_tokens)
    expected = expected_places(titles, texts, lead_tokens=lead_tokens)
    for engine.threads in (1, 3):
        found = engine.place_features(engine.scan(titles, texts))
        for name, own, wanted in zip(ARTICLES, found, expected, strict=True):
            assert own.tobytes() == wanted.tobytes(), name


@cache
def named() -> st.SearchStrategy[str]:
    """Texts of spellings of all sorts, of beginnings of them, of words of the rules and of others."""
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


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_places_of_any_text(data: st.DataObject) -> None:
    titles, texts = (data.draw(st.lists(named(), min_size=3, max_size=3)) for _ in range(2))
    expected = expected_places(titles, texts)
    for hash_bits in (64, 20):
        engine = place_engine(hash_bits=hash_bits)
        assert engine.place_features(engine.scan(titles, texts)).tobytes() == expected.tobytes()


def test_places_are_described_anew_with_the_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = place_engine(hash_bits=64)
    expected = expected_places(["قمة برلين"], ["كوريا الشمالية ونهر الأردن"])
    monkeypatch.setattr(driver, "MAX_TOKENS", 2)
    for _ in range(2):
        engine.scan([""], ["كلمات لم ترد من قبل"])
        found = engine.place_features(engine.scan(["قمة برلين"], ["كوريا الشمالية ونهر الأردن"]))
        assert found.tobytes() == expected.tobytes()


def test_runs() -> None:
    """scikit-learn's `char_wb` counts a word that is shorter than the runs once."""
    assert word_ngrams(["أ", "ب", "ج"], ngram_max=2) == ["أ", "ب", "ج", "أ ب", "ب ج"]
    assert word_ngrams(["أ"], ngram_max=0) == []
    assert char_ngrams("في", shortest=5, longest=7) == [" في "]
    assert char_ngrams("في", shortest=3, longest=5) == [" في", "في ", " في "]
    assert tokenize("قمة، في ب 20") == ["قمة", "في", "20"]

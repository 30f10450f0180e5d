"""Explanations: they add up to the score, and each stands where it says in the article as it was given."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.files import SHIPPED
from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference.alignment import AlignedText, align, char_ngram_positions, token_spans
from newsdesk.inference.explain import Contribution, Explanation, explain, explanations
from newsdesk.inference.mentions import find_article_mentions, place_feature_names
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.storage import PackagedModel
from newsdesk.inference.text import (
    CHAR_PREFIX,
    char_ngrams,
    normalize,
    tokenize,
    tokenize_sentences,
    word_ngrams,
)
from tests.conftest import ROOT, run
from tests.inference.test_engine import hostile

TABLE = translation(build_table(Normalization()))
TITLE = "هجومٌ إرهــابيّ في بـاريـس 😀"
TEXT = (
    "بروكسل - أعلنت الشرطة الفرنسية في باريس أن «داعش» تبنّى الهجوم على محطة باريس.\n"
    "وقال مسؤول أميركي في واشنطن إنّ الهجوم 😀 نفذه تنظيم داعش، ونقلت عنه لندن ﷺ ﻻ إله"
)


@cache
def shipped() -> Scorer:
    return Scorer.load(SHIPPED)


@cache
def starter() -> list[tuple[str, str]]:
    lines = (ROOT / "data/starter/st1.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["title"], row["text"]) for row in map(json.loads, lines)]


@cache
def random_model() -> Scorer:
    """All kinds of terms that there are, with coefficients of chance."""
    model, rng = shipped(), np.random.default_rng(0)
    words: set[str] = set()
    chars: set[str] = set()
    for part in (part for article in (*starter()[:40], (TITLE, TEXT)) for part in article):
        for tokens in tokenize_sentences(normalize(part, TABLE), scope="sentence"):
            words |= set(word_ngrams(tokens, ngram_max=2))
            chars |= {
                CHAR_PREFIX + run for token in tokens for run in char_ngrams(token, shortest=1, longest=3)
            }
    features = model.info["features"] | {
        "stem": None, "ngram_max": 2, "ngram_scope": "sentence", "char_ngrams": [1, 3], "char_weight": 0.7,
        "norm": "l1", "sublinear_tf": False,
    }  # fmt: skip
    terms = [*sorted(words), *sorted(chars)]
    heads = [
        {"task": "region", "labels": ["europe", "us"], "thresholds": [0.4, 0.5]},
        {"task": "topic", "labels": ["terrorism"], "thresholds": [0.6]},
    ]
    for head in heads:
        head["profiles"] = dict.fromkeys(("high_precision", "high_recall"), head["thresholds"])
    n_labels = 3
    gazetteer = model.model.gazetteer
    assert gazetteer is not None
    n_rows = len(terms) + len(place_feature_names(gazetteer.regions))
    weights = {
        "coef": rng.normal(size=(n_rows, n_labels)).astype(np.float32), "idf": rng.uniform(1, 9, len(terms)),
        "intercept": rng.normal(size=n_labels), "slope": rng.uniform(1, 3, n_labels),
        "offset": rng.normal(size=n_labels),
    }  # fmt: skip
    info = model.info | {"features": features, "heads": heads}
    return Scorer(PackagedModel.build(info, terms, weights, gazetteer))


def check(scorer: Scorer, title: str, text: str) -> list[Explanation]:
    """What holds of every explanation."""
    explained = explanations(scorer, title, text)
    probabilities, (reason,) = scorer.predict_proba([title], [text])
    labels = [(head.task, label) for head in scorer.heads for label in head.labels]
    assert [(e.task, e.label) for e in explained] == ([] if reason else labels)
    for e, probability in zip(explained, probabilities[0], strict=False):
        assert abs(e.intercept + sum(c.value for c in e.contributions) - e.score) < 1e-9
        assert abs(1 / (1 + math.exp(-e.score)) - e.probability) < 1e-12
        assert e.probability == probability
        weights = [abs(c.value) for c in e.contributions]
        assert weights == sorted(weights, reverse=True)
        for c in e.contributions:
            if c.part:  # what no mention answers for stands nowhere
                assert {"title": title, "text": text}[c.part][c.start : c.end] == c.surface != ""
    return explained


def stretches(explanation: Explanation, kind: str) -> Iterator[Contribution]:
    return (c for c in explanation.contributions if c.kind == kind)


@pytest.mark.parametrize("model", [shipped, random_model])
def test_contributions_and_intercept_are_the_score(model) -> None:
    for title, text in [*starter()[:8], (TITLE, TEXT), ("", TEXT), (TITLE * 3, "")]:
        assert check(model(), title, text)


@settings(max_examples=40, deadline=None)
@given(title=hostile, text=hostile, joint=st.sampled_from(["", " ", "\u200c", "\u0654", "\u0640"]))
def test_whatever_stands_in_the_article(title: str, text: str, joint: str) -> None:
    """Between real sentences, so that there is something to explain."""
    check(random_model(), TITLE + joint + title, text + joint + TEXT)
    check(random_model(), title, text)


def surface(aligned: AlignedText, start: int, stop: int) -> str:
    begin, end = aligned.span(start, stop)
    return aligned.original[begin:end]


@settings(max_examples=200, deadline=None)
@given(hostile)
def test_a_token_comes_from_its_own_stretch(text: str) -> None:
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
        ("قال ﷺ لهم", ["قال", "ﷺ", "ﷺ", "ﷺ", "ﷺ", "لهم"]),  # one sign, four words
        ("ΟΔΥΣΣΕΥΣ İstanbul ﬁne", ["ΟΔΥΣΣΕΥΣ", "stanbul", "ﬁne"]),  # the dot of İ is no letter
        ("#عاجل_الآن ١٤ شخصا", ["عاجل", "الآن", "١٤", "شخصا"]),
    ],
)
def test_shown_on_the_original_spelling(text: str, surfaces: list[str]) -> None:
    aligned = align(text, TABLE)
    found = [surface(aligned, *s) for s in token_spans(aligned.normalized, scope="text")[0]]
    assert found == surfaces


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=8), st.integers(1, 4), st.integers(0, 4))
def test_runs_of_characters_are_the_scorers(token: str, shortest: int, more: int) -> None:
    runs = list(char_ngram_positions(token, shortest=shortest, longest=shortest + more))
    assert [run for run, _ in runs] == char_ngrams(token, shortest=shortest, longest=shortest + more)
    assert all(f" {token} "[at + 1 :].startswith(run) for run, at in runs)


def test_a_term_is_shared_by_where_it_stands() -> None:
    """«الهجوم» stands once in the title, which counts three times, and twice in the text."""
    (e,) = explanations(
        shipped(), "الهجوم", "خبر عن الهجوم الكبير ثم الهجوم في المدينة", labels=["terrorism"]
    )
    title, *text = sorted(
        (c for c in stretches(e, "word") if c.surface == "الهجوم"), key=lambda c: c.part != "title"
    )
    assert title.part == "title"
    assert [c.value for c in text] == pytest.approx([title.value / 3] * 2)


def test_places_answer_for_what_their_region_adds() -> None:
    """Every mention that counts is shown, and together they are what the values of places add."""
    scorer = shipped()
    title, text = "قمة في باريس", TEXT
    tokens = [tokenize(normalize(part, TABLE)) for part in (title, text)]
    named = Counter(m.region for part in find_article_mentions(*tokens, scorer.model.gazetteer) for m in part)
    columns, values = scorer.reference.row([tokens[0]], [tokens[1]])
    own = columns >= len(scorer.terms)
    for column, e in enumerate(explanations(scorer, title, text)):
        shown = list(stretches(e, "place"))
        added = (values[own] * scorer.model.coef[columns[own], column]).sum() * scorer.model.slope[column]
        assert sum(c.value for c in shown) == pytest.approx(added)
        assert all(c.part for c in shown)
        if e.task == "region":  # no topic of this model heeds places
            assert Counter(c.term for c in shown) == named
            assert {"باريس", "الفرنسية", "بروكسل", "واشنطن"} <= {c.surface for c in shown}


def test_the_weightiest_and_one_remainder() -> None:
    (whole,) = explanations(shipped(), TITLE, TEXT, labels=["terrorism"])
    (short,) = explanations(shipped(), TITLE, TEXT, labels=["terrorism"], top=3)
    assert short.contributions[:3] == whole.contributions[:3]
    rest = short.contributions[3:]
    assert [(c.kind, c.part, c.term) for c in rest] == [
        ("remainder", None, f"{len(whole.contributions) - 3} more")
    ]
    assert short.intercept + sum(c.value for c in short.contributions) == pytest.approx(short.score, abs=1e-9)
    (told,) = json.loads(json.dumps(explain(shipped(), TITLE, TEXT, labels=["terrorism"], top=3)))
    assert told == asdict(short) | {"contributions": [asdict(c) for c in short.contributions]}
    assert len(explain(shipped(), TITLE, TEXT)[0]["contributions"]) == 21


def test_thresholds_are_the_models_or_those_given() -> None:
    (own,) = explanations(shipped(), TITLE, TEXT, labels=["us"])
    (given_,) = explanations(shipped(), TITLE, TEXT, labels=["us"], thresholds={"region": [0.9] * 7})
    assert own.threshold == shipped().heads[0].thresholds[1]
    assert given_.threshold == 0.9


def test_no_such_label() -> None:
    with pytest.raises(ValueError, match="the model has no label 'weather'; it has africa, americas"):
        explanations(shipped(), TITLE, TEXT, labels=["weather"])


@pytest.mark.parametrize(
    ("title", "text"), [(None, None), ("خبر", "عاجل"), ("", "The summit would be held next week.")]
)
def test_nothing_is_explained_where_nothing_is_scored(title: str | None, text: str | None) -> None:
    assert explanations(shipped(), title, text) == []


@pytest.mark.integration
def test_at_the_terminal(tmp_path: Path) -> None:
    """The evidence of what `predict` says, as a table and as JSON; a wrong label is one line."""
    (tmp_path / "a.jsonl").write_text(json.dumps({"title": TITLE, "text": f"&quot;{TEXT}"}), encoding="utf-8")
    told = run("newsdesk", "explain", "a.jsonl", "--format", "json", cwd=tmp_path)
    row = json.loads(told.stdout)
    assert row["text"].startswith('"')  # mended, and counted in so
    assert {"terrorism", "europe"} <= {e["label"] for e in row["evidence"]}
    for c in (c for e in row["evidence"] for c in e["contributions"] if c["part"]):
        assert row[c["part"]][c["start"] : c["end"]] == c["surface"]
    table = run("newsdesk", "explain", "a.jsonl", "--label", "terrorism", "--top", "2", cwd=tmp_path).stdout
    assert "terrorism: probability 1.0000 >= " in table
    assert "remainder (" in table
    wrong = run("newsdesk", "explain", "a.jsonl", "--label", "weather", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith("newsdesk: the model has no label 'weather'")

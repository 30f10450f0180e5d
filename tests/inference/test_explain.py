"""Explanations: they add up to the score, and name spans of the article as it was given."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.files import SHIPPED
from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference.explain import Contribution, Explanation, explain, explanations
from newsdesk.inference.home import home_feature_names
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
from tests import ROOT
from tests.inference.articles import ENGLISH, hostile

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
    """A model with terms of all kinds and random coefficients."""
    model, rng = shipped(), np.random.default_rng(0)
    words: set[str] = set()
    chars: set[str] = set()
    for part in (part for article in (*starter()[:40], (TITLE, TEXT)) for part in article):
        for tokens in tokenize_sentences(normalize(part, TABLE), scope="sentence"):
            words |= set(word_ngrams(tokens, ngram_max=2))
            chars |= {
                CHAR_PREFIX + ngram for token in tokens for ngram in char_ngrams(token, shortest=1, longest=3)
            }
    features = model.info["features"] | {
        "stem": None, "ngram_max": 2, "ngram_scope": "sentence", "char_ngrams": [1, 3], "char_weight": 0.7,
        "norm": "l1", "sublinear_tf": False, "lead_tokens": 9, "lead_weight": 0.6,
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
    n_rows = 2 * len(terms) + sum(
        len(names(gazetteer.regions)) for names in (place_feature_names, home_feature_names)
    )
    weights = {
        "coef": rng.normal(size=(n_rows, 2 * n_labels)).astype(np.float32), "idf": rng.uniform(1, 9, len(terms)),
        "intercept": rng.normal(size=2 * n_labels), "slope": rng.uniform(1, 3, n_labels),
        "offset": rng.normal(size=n_labels),
    }  # fmt: skip
    info = model.info | {"features": features, "heads": heads}
    return Scorer(PackagedModel.build(info, terms, weights, gazetteer))


def check(scorer: Scorer, title: str, text: str) -> list[Explanation]:
    """Explain an article and check what must hold for every explanation."""
    explained = explanations(scorer, title, text)
    probabilities, (reason,) = scorer.predict_proba([title], [text])
    labels = [(head.task, label) for head in scorer.heads for label in head.labels]
    assert [(e.task, e.label) for e in explained] == ([] if reason else labels)
    for e, probability in zip(explained, probabilities[0], strict=False):
        assert abs(e.intercept + sum(c.value for c in e.contributions) - e.score) < 1e-9
        assert abs(1 / (1 + math.exp(-e.score)) - e.probability) < 1e-12
        assert e.probability == probability
        sizes = [abs(c.value) for c in e.contributions]
        assert sizes == sorted(sizes, reverse=True)
        for c in e.contributions:
            if c.part:  # None for place features that count no mention
                assert {"title": title, "text": text}[c.part][c.start : c.end] == c.surface != ""
    return explained


def of_kind(explanation: Explanation, kind: str) -> Iterator[Contribution]:
    return (c for c in explanation.contributions if c.kind == kind)


@pytest.mark.parametrize("model", [shipped, random_model])
def test_contributions_and_intercept_add_up_to_the_score(model: Callable[[], Scorer]) -> None:
    for title, text in [*starter()[:8], (TITLE, TEXT), ("", TEXT), (TITLE * 3, "")]:
        assert check(model(), title, text)


@settings(max_examples=40)
@given(title=hostile, text=hostile, joint=st.sampled_from(["", " ", "\u200c", "\u0654", "\u0640"]))
def test_hostile_texts(title: str, text: str, joint: str) -> None:
    """Between sentences that the model knows, and alone."""
    check(random_model(), TITLE + joint + title, text + joint + TEXT)
    check(random_model(), title, text)


def test_contribution_of_a_term_is_divided_among_its_occurrences() -> None:
    """«الهجوم» occurs once in the title, where it counts three times, and twice in the text."""
    (e,) = explanations(
        shipped(), "الهجوم", "خبر عن الهجوم الكبير ثم الهجوم في المدينة", labels=["terrorism"]
    )
    title, *text = sorted(
        (c for c in of_kind(e, "word") if c.surface == "الهجوم"), key=lambda c: c.part != "title"
    )
    assert title.part == "title"
    assert [c.value for c in text] == pytest.approx([title.value / 3] * 2)


def test_words_of_the_lead_are_weighed_apart() -> None:
    """In `random_model` the lead is nine words, so the second «باريس» is in it and the third is not."""
    said = {}
    for text in (TEXT, " ".join([*["كلمة"] * 9, TEXT])):
        (e,) = explanations(random_model(), "", text, labels=["terrorism"])
        said[text] = [c for c in of_kind(e, "word") if c.surface == "باريس"]
    in_lead, later = (sorted(found, key=lambda c: c.start) for found in said.values())
    assert [c.in_lead for c in in_lead] == [True, False]
    assert [c.in_lead for c in later] == [False, False]
    assert in_lead[0].value != in_lead[1].value
    assert later[0].value == later[1].value


def test_contributions_of_mentions_add_up_to_those_of_the_place_features() -> None:
    scorer = shipped()
    title, text = "قمة في باريس", TEXT
    tokens = [tokenize(normalize(part, TABLE)) for part in (title, text)]
    mentioned = Counter(
        m.region for part in find_article_mentions(*tokens, scorer.model.gazetteer) for m in part
    )
    columns, values = scorer.reference.row([tokens[0]], [tokens[1]])
    own = columns >= scorer.model.n_term_columns
    for column, e in enumerate(explanations(scorer, title, text)):
        shown = list(of_kind(e, "place"))
        added = (values[own] * scorer.model.coef[columns[own], column]).sum() * scorer.model.slope[column]
        assert sum(c.value for c in shown) == pytest.approx(added)
        assert all(c.part for c in shown)
        if e.task == "region":  # in this model, places have no weight for topics
            assert Counter(c.term for c in shown) == mentioned
            assert {"باريس", "الفرنسية", "بروكسل", "واشنطن"} <= {c.surface for c in shown}


def test_largest_contributions_and_one_remainder() -> None:
    (whole,) = explanations(shipped(), TITLE, TEXT, labels=["terrorism"])
    (short,) = explanations(shipped(), TITLE, TEXT, labels=["terrorism"], top=3)
    assert short.contributions[:3] == whole.contributions[:3]
    rest = short.contributions[3:]
    assert [(c.kind, c.part, c.term) for c in rest] == [
        ("remainder", None, f"{len(whole.contributions) - 3} more")
    ]
    assert short.intercept + sum(c.value for c in short.contributions) == pytest.approx(short.score, abs=1e-9)
    (as_json,) = json.loads(json.dumps(explain(shipped(), TITLE, TEXT, labels=["terrorism"], top=3)))
    assert as_json == asdict(short) | {"contributions": [asdict(c) for c in short.contributions]}
    assert len(explain(shipped(), TITLE, TEXT)[0]["contributions"]) == 21


def test_thresholds_are_those_given_or_of_the_model() -> None:
    (own,) = explanations(shipped(), TITLE, TEXT, labels=["us"])
    (given_,) = explanations(shipped(), TITLE, TEXT, labels=["us"], thresholds={"region": [0.9] * 7})
    assert own.threshold == shipped().heads[0].thresholds[1]
    assert given_.threshold == 0.9


def test_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="the model has no label 'weather'; it has africa, americas"):
        explanations(shipped(), TITLE, TEXT, labels=["weather"])


@pytest.mark.parametrize(("title", "text"), [(None, None), ("خبر", "عاجل"), ("", ENGLISH)])
def test_article_that_is_not_scored_has_no_explanation(title: str | None, text: str | None) -> None:
    assert explanations(shipped(), title, text) == []

"""Shortcuts: bylines, and terms that name an outlet."""

import pytest

from newsdesk.base.normalization import Normalization
from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus
from newsdesk.evaluation.inner_validation.shortcuts import (
    rank_terms,
    select_media,
    strip_bylines,
    without_bylines,
    without_places,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("دبي - رويترز - قال الوزير إن الحكومة ستعلن قرارها غدا", "قال الوزير ان الحكومه ستعلن قرارها غدا"),
        (
            "قال الوزير إن الحكومة ستعلن قرارها غدا وفق ما نقلت رويترز عنه أمس",
            "قال الوزير ان الحكومه ستعلن قرارها غدا وفق ما نقلت عنه امس",
        ),
        (
            "قال الوزير إن الحكومة ستعلن قرارها غدا\nالمصدر: سكاي نيوز عربية",
            "قال الوزير ان الحكومه ستعلن قرارها غدا",
        ),
        ("قال الوزير إن الحكومة ستعلن قرارها", "قال الوزير ان الحكومه ستعلن قرارها"),
    ],
)
def test_bylines_are_removed(corpus: ValidationCorpus, text: str, expected: str) -> None:
    media = select_media(corpus.read_gazetteer(Normalization()))
    assert " ".join(strip_bylines(text, media, Normalization()).replace("-", " ").split()) == expected


def test_a_term_that_names_an_agency_is_marked(corpus: ValidationCorpus) -> None:
    found = {row["term"]: row for row in rank_terms(corpus)["region"]}
    assert found["رويترز"]["names"]
    assert found["رويترز"]["outlet"] == "south"
    assert found["رويترز"]["share"] == 1
    assert not found["باريس"]["names"]
    assert found["باريس"]["share"] < 0.5


def test_variants_without_shortcuts(corpus: ValidationCorpus) -> None:
    texts = without_bylines(corpus).labelled.articles["text"].to_pylist()
    assert not any("رويترز" in text for text in texts)
    placeless = without_places(corpus)
    assert placeless.labelled.targets == corpus.labelled.targets[:1], "only the region head uses places"
    assert placeless.weigh_places("region") is None

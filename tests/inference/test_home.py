"""Homes of sources: the same bits by both implementations, and none without a home."""

import json
import shutil
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.inference.explain import explanations
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.home import HOME_NAMES, home_feature_names, home_values
from newsdesk.inference.mentions import place_features
from newsdesk.inference.scorer import Scorer
from tests.home_model import UNNAMED
from tests.inference.articles import ARABIC, MENTIONS, NEWS

HOMES = ["SA", "MA", None, "dz", "US", "AQ", None, "EG"]


@cache
def load(folder: Path, *, compiled: bool, threads: int = 1) -> Scorer:
    scorer = Scorer.load(folder)
    scorer.compile_from, scorer.threads = 0 if compiled else sys.maxsize, threads
    return scorer


def repeat_homes(n: int) -> list[str | None]:
    return (HOMES * (n // len(HOMES) + 1))[:n]


def test_implementations_give_the_same_bits(home_model: Path, tiny_run: Path) -> None:
    """For every article of the corpus and hand-made ones, as lists and as Arrow columns."""
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet")
    titles = [*articles["title"].to_pylist(), *(title for title, _ in MENTIONS.values()), ""]
    texts = [*articles["text"].to_pylist(), *(text for _, text in MENTIONS.values()), NEWS]
    homes = repeat_homes(len(texts))
    expected, reasons = load(home_model, compiled=False).predict_proba(titles, texts, homes)
    for threads in (1, 3):
        scorer = load(home_model, compiled=True, threads=threads)
        for given in (homes, pa.array(homes)):
            found, why = scorer.predict_proba(titles, texts, given)
            assert found.tobytes() == expected.tobytes()
            assert why == reasons


@pytest.mark.parametrize("compiled", [False, True])
def test_without_a_home_scores_are_those_of_the_model_without(
    home_model: Path, tiny_model: Path, tiny_run: Path, *, compiled: bool
) -> None:
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet").slice(0, 199)
    texts = ["", *articles["title"].to_pylist()], [UNNAMED, *articles["text"].to_pylist()]
    expected, _ = load(tiny_model, compiled=compiled).predict_proba(*texts)
    for homes in (None, [None] * 200, ["AQ"] * 200):  # Antarctica belongs to no region
        found, _ = load(home_model, compiled=compiled).predict_proba(*texts, homes)
        assert found.tobytes() == expected.tobytes()
    with_home, _ = load(home_model, compiled=compiled).predict_proba(*texts, ["SA", *[None] * 199])
    assert (with_home[0] != expected[0]).any()
    assert with_home[1:].tobytes() == expected[1:].tobytes()


def test_a_model_without_home_features_ignores_homes(tiny_model: Path) -> None:
    scorer = Scorer.load(tiny_model)
    assert scorer.predict([""], [ARABIC], homes=["DZ"]) == scorer.predict([""], [ARABIC])


@pytest.mark.parametrize("code", ["XX", "Algeria", "", "DZA", 12])
def test_unknown_country_is_refused(home_model: Path, code: object) -> None:
    with pytest.raises(ValueError, match=f"home: expected the ISO 3166-1 code .* found {code!r}"):
        Scorer.load(home_model).predict([""], [ARABIC], homes=[code])


def test_unequal_numbers_of_homes_and_texts_are_refused(home_model: Path) -> None:
    with pytest.raises(ValueError, match="1 homes for 2 texts"):
        Scorer.load(home_model).predict(["", ""], [ARABIC, ARABIC], homes=["DZ"])


@pytest.mark.parametrize(
    ("title", "text", "true"),
    [
        ("", "وصل الوزير", {"home_unnamed", "home_no_place"}),
        ("", "الرياض: وصل الوزير", {"home_unnamed", "home_no_place"}),
        ("باريس", "وصل الوزير", set()),
        ("السعودية", "وصل الوزير إلى باريس", {"home_named"}),
        ("", "كلمة " * 60 + "باريس", {"home_unnamed"}),
        ("باريس", "كلمة " * 60 + "السعودية", set()),
    ],
)
def test_values(gazetteer: Gazetteer, title: str, text: str, true: set[str]) -> None:
    tokens = [part.replace("ة", "ه").replace(":", " ").split() for part in (title, text)]
    places = np.array([place_features(*tokens, gazetteer)])
    region = np.array([gazetteer.regions.index("middle_east")])
    [values] = home_values(places, region, len(gazetteer.regions))
    assert dict(zip(HOME_NAMES, values.tolist(), strict=True)) == {n: float(n in true) for n in HOME_NAMES}
    assert len(home_feature_names(gazetteer.regions)) == len(gazetteer.regions) * len(HOME_NAMES)


def test_explanations_name_the_home_and_add_up(home_model: Path) -> None:
    scorer = load(home_model, compiled=False)
    for title, text in [("", ARABIC), *MENTIONS.values()]:
        probabilities, (reason,) = scorer.predict_proba([title], [text], ["dz"])
        explained = explanations(scorer, title, text, home="dz")
        assert bool(reason) == (not explained)
        for e, probability in zip(explained, probabilities[0], strict=False):
            assert e.probability == probability
            assert abs(e.intercept + sum(c.value for c in e.contributions) - e.score) < 1e-9
            for home in (c for c in e.contributions if c.kind == "home"):
                assert (home.term, home.part, home.surface) == ("DZ", None, "")
    for e in explanations(scorer, "", UNNAMED, home="dz"):
        assert sum(c.kind == "home" for c in e.contributions) == 1
    assert not any(c.kind == "home" for e in explanations(scorer, "", ARABIC) for c in e.contributions)


def test_regions_of_places_and_taxonomy_must_agree(home_model: Path, tmp_path: Path) -> None:
    shutil.copytree(home_model, tmp_path / "model")
    file = tmp_path / "model/model.json"
    info = json.loads(file.read_text(encoding="utf-8"))
    info["taxonomy"]["regions"].reverse()
    file.write_text(json.dumps(info), encoding="utf-8")
    with pytest.raises(ValueError, match=r"of places for .* of the taxonomy"):
        Scorer.load(tmp_path / "model")

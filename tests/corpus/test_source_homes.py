"""The home countries of sources, and which home an article gets."""

from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.settings import Clean
from newsdesk.corpus.cleaning import clean
from newsdesk.corpus.source_homes import read_source_homes
from tests.corpus.test_cleaning import TAXONOMY, article

ROOT = Path(__file__).parents[2]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("source\toutlet\thome", *lines)), encoding="utf-8")
    return path


def test_homes_are_codes_in_capitals_and_empty_ones_are_none(tmp_path: Path) -> None:
    registry = write(tmp_path / "s.tsv", "a\tA\tdz", "b\tB\t", "c\tC")
    assert read_source_homes(registry, TAXONOMY) == {"a": "DZ"}


def test_the_registry_of_the_project() -> None:
    homes = read_source_homes(ROOT / "data/sources.tsv", TAXONOMY)
    assert homes["okaz"] == "SA"
    assert not {"skynews", "alarabiya", "almayadeen", "aawsat", "starter"} & homes.keys()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("a\tA\tXX",), r"s.tsv:2: home of a: expected the ISO 3166-1 code .* found 'XX'"),
        (("a\tA\tDZ", "a\tA\tDZ"), "s.tsv:3: a is listed twice"),
    ],
)
def test_mistakes_name_the_line(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(NewsdeskError, match=message):
        read_source_homes(write(tmp_path / "s.tsv", *lines), TAXONOMY)


def test_missing_column_and_file(tmp_path: Path) -> None:
    registry = tmp_path / "s.tsv"
    with pytest.raises(NewsdeskError, match="not readable"):
        read_source_homes(registry, TAXONOMY)
    registry.write_text("source\toutlet\na\tA\n", encoding="utf-8")
    with pytest.raises(NewsdeskError, match="no column home"):
        read_source_homes(registry, TAXONOMY)


@pytest.mark.parametrize(
    ("own", "expected"), [(None, "SA"), ("dz", "DZ"), ("AQ", "AQ"), ("Algeria", "SA"), ("", "SA")]
)
def test_the_home_of_the_record_goes_before_that_of_its_source(own: str | None, expected: str) -> None:
    records = [article("a", home=own), article("b", source="other", home=own)]
    found = clean(records, Clean(), TAXONOMY, {}, homes={"outlet": "SA"}).articles["home"].to_pylist()
    assert found[0] == expected
    assert found[1] == (expected if expected != "SA" else None)

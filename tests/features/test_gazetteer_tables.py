"""Tables of places: checked, and expanded into the spellings that text shows."""

import shutil
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.features.gazetteer_tables import inflect_demonym, read_places, spell_name
from tests import ROOT

TABLES = ROOT / "data" / "places"


def test_inflections() -> None:
    assert set(inflect_demonym("قطري")) >= {
        "قطري",
        "القطري",
        "قطرية",
        "القطرية",
        "قطريا",
        "القطريون",
        "قطريتين",
    }
    assert "القطريا" not in inflect_demonym("قطري")
    assert list(inflect_demonym("أتراك")) == ["أتراك", "الأتراك", "أتراكا"]


def test_proclitics() -> None:
    assert set(spell_name(["الصين"])) >= {"والصين", "بالصين", "للصين", "وللصين"}
    assert list(spell_name(["ليون"], bare=True)) == ["ليون"]
    assert "لكوريا الشماليه" in spell_name(["كوريا", "الشماليه"])


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("cities.tsv", "XX\tمدينة", "line 1: expected a country or region of the taxonomy or -, found 'XX'"),
        ("cities.tsv", "FR\tباريس\nFR\tليون, باريس", "«باريس»: expected it once under FR, found it in"),
        ("cities.tsv", "FR باريس", "line 1: expected 2 cells separated by tabs, found 1"),
        ("cities.tsv", "FR\tحي س", "«حي س»: expected words of two letters or more, as tokens are, found 'س'"),
        ("cities.tsv", "FR\tقد طال هذا الاسم كثيرا جدا هنا", "expected 6 words at most, found 7"),
        ("rules.tsv", "باريس\tnear\tمدينة", "expected one of after, before, not_after, not_before, named, bare, found 'near'"),
        ("rules.tsv", "أتلانتس\tnamed\t-", "expected a name of the tables, found «أتلانتس»"),
        ("rules.tsv", "فرنسا\tafter\t@rivers", "expected the name of a list in words.tsv, found '@rivers'"),
        ("rules.tsv", "فرنسا\tafter\tعلى ضفة", "expected single words of two letters or more, found «على ضفة»"),
    ],
)  # fmt: skip
def test_errors_name_the_line(file: str, line: str, message: str, taxonomy: Taxonomy, tmp_path: Path) -> None:
    folder = tmp_path / "places"
    shutil.copytree(TABLES, folder)
    for table in folder.glob("*.tsv"):
        table.write_text("", encoding="utf-8")
    (folder / file).write_text(line, encoding="utf-8")
    with pytest.raises(NewsdeskError) as error:
        read_places(folder, taxonomy, Normalization())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_rules_hold_for_every_spelling(taxonomy: Taxonomy) -> None:
    """«انستغرام» of a rule is the tables' «إنستغرام» also where settings tell the two apart."""
    apart = read_places(TABLES, taxonomy, Normalization(fold_alef=False))
    rule = apart.forms["إنستغرام"].rule
    assert rule is not None
    assert rule.named
    assert "عبر" in rule.not_after
    assert "انستغرام" not in apart.forms
    assert "وإنستغرام" not in apart.forms, "bare"
    opposite = Normalization(**{switch: not is_on for switch, is_on in Normalization()})
    assert read_places(TABLES, taxonomy, opposite).forms


def test_missing_table(taxonomy: Taxonomy, tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=r"countries\.tsv: expected a table, found: No such file"):
        read_places(tmp_path, taxonomy, Normalization())

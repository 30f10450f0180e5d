"""The taxonomy: countries of the regions, look-ups by printed name, errors."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from ruamel.yaml import YAML

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import NOT_COUNTRIES, Taxonomy, fold_name, read_taxonomy, taxonomy_rows

ROOT = Path(__file__).parents[2]
FILE = ROOT / "data" / "taxonomy.yaml"

# The countries that Al Mayadeen prints in 2023-24.
ALMAYADEEN = {
    "europe": (
        "ألمانيا، أوكرانيا، إيطاليا، اسبانيا، البرتغال، البوسنة والهرسك، الدنمارك، السويد، المجر، المملكة "
        "المتحدة، النرويج، النمسا، اليونان، ايرلندا، بلجيكا، بولندا، جمهورية التشيك، روسيا، روسيا البيضاء، "
        "رومانيا، سلوفاكيا، سلوفينيا، سويسرا، صربيا، فرنسا، فنلندا، قبرص، كرواتيا، لوكسمبورغ، ليتوانيا، "
        "مولدوفا، هولندا"
    ),
    "us": "الولايات المتحدة الأميركية",
    "asia": (
        "أذربيجان، أرمينيا، أفغانستان، أوزبكستان، الصين، الفلبين، الهند، اليابان، اندونيسيا، باكستان، "
        "بنغلاديش، تايلاند، تايوان، سري لانكا، سنغافورة، طاجيكستان، فيتنام، قيرغيزستان، كازاخستان، كمبوديا، "
        "كوريا الجنوبية، كوريا الشمالية، ماليزيا، ميانمار، نيبال"
    ),
    "middle_east": (
        "إيران، الأردن، الإمارات العربية المتحدة، البحرين، العراق، الكويت، المملكة العربية السعودية، اليمن، "
        "تركيا، سوريا، عمان، فلسطين، فلسطين المحتلة، قطر، لبنان، مصر"
    ),
    "africa": (
        "أوغندا، إثيوبيا، الجزائر، السنغال، السودان، الصومال، الغابون، الكاميرون، الكونغو، المغرب، النيجر، "
        "بنين، بوركينا فاسو، تشاد، تنزانيا، تونس، جمهورية أفريقيا الوسطى، جنوب أفريقيا، جنوب السودان، "
        "رواندا، زيمبابوي، كوت ديفوار، كينيا، ليبيا، مالي، موريتانيا، موزمبيق، نيجيريا"
    ),
    "americas": (
        "أوروغواي، الأرجنتين، الإكوادور، البرازيل، المكسيك، باراغواي، بوليفيا، بيرو، تشيلي، جامايكا، "
        "غواتيمالا، فنزويلا، كندا، كوبا، كولومبيا، هايتي، هندوراس"
    ),
    "oceania": "أستراليا، نيوزيلندا",
}

# UN M49: areas of the guidelines, and territories that are easily misplaced.
PLACED = {
    "europe": "CY RU UA BY XK AX GI FO SJ VA NO",
    "us": "US",
    "asia": "AM AZ GE KZ AF PK TW HK TL",
    "middle_east": "IR TR EG IL PS YE SY",
    "africa": "LY SD MA TN DZ MR EH RE YT SH IO TF",
    "americas": "GL PR VI CA MX BM FK GS BV PM",
    "oceania": "GU AS MP UM HM CX CC NF PF AU",
}

# Section label or feed name: region, topic.
SECTIONS = {
    "أوروبا": ("europe", None),
    "اوربا": ("europe", None),
    "الولايات المتحدة الامريكية": ("us", None),
    "أميركا اللاتينية": ("americas", None),
    "اسيا": ("asia", None),
    "شؤون إقليمية": ("middle_east", None),
    "المشرق العربي": ("middle_east", None),
    "المغرب العربي": ("africa", None),
    "رياضة سعودية": ("middle_east", "sport"),
    "رياضة عربية": (None, "sport"),
    "تكنولوجيا": (None, "science_tech"),
    "كتب": (None, "culture"),
    "accidents": (None, "crime_law"),
    "middleEast": ("middle_east", None),
    "internationalNews": (None, None),
    " أخبار منوعة": (None, None),
    "شمال أفريقيا": (None, None),
    "العالم العربي": (None, None),
    "خاص": (None, None),
    "الشرق الأوسط": (None, None),  # the newspaper
    "": (None, None),
}


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return read_taxonomy(FILE)


def test_labels_are_in_the_order_of_the_guidelines(taxonomy: Taxonomy) -> None:
    assert " ".join(taxonomy.region_ids) == "europe us asia middle_east africa americas oceania"
    assert " ".join(taxonomy.topic_ids) == (
        "terrorism conflict politics economy crime_law disaster society health science_tech culture sport"
        " environment"
    )
    assert [(t.id, t.parent) for t in taxonomy.topics if t.iptc is None] == [("terrorism", "conflict")]


def test_every_iso_country_is_listed_once(taxonomy: Taxonomy) -> None:
    # CLDR's two-letter entries without what is no country: the 249 of ISO 3166-1 and Kosovo.
    names = Locale("en").territories
    iso = {code for code in names if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES}
    listed = Counter(
        [code for region in taxonomy.regions for code in region.countries] + [*taxonomy.unassigned]
    )
    assert set(listed) == iso
    assert len(iso - {"XK"}) == 249
    assert set(listed.values()) == {1}
    assert taxonomy.region_of_country("AQ") is None


@pytest.mark.parametrize(
    ("region", "code"), [(r, code) for r, codes in PLACED.items() for code in codes.split()]
)
def test_territories_follow_m49(taxonomy: Taxonomy, region: str, code: str) -> None:
    assert taxonomy.region_of_country(code) == region


@pytest.mark.parametrize(("region", "names"), ALMAYADEEN.items())
def test_printed_country_names_resolve(taxonomy: Taxonomy, region: str, names: str) -> None:
    assert {name: taxonomy.region_of_country(name) for name in names.split("، ")} == dict.fromkeys(
        names.split("، "), region
    )


@pytest.mark.parametrize(
    ("spelling", "region"),
    [
        ("المانيا", "europe"),  # hamza
        ("أَلْمَانِيَا", "europe"),  # marks
        ("ســـوريا", "middle_east"),  # tatweel
        ("سوريه", "middle_east"),  # ta marbuta and ha
        ("سعودية", "middle_east"),  # «ال»
        ("اﻟﯿﻤﻦ", "middle_east"),  # presentation forms
        ("«الكونغو»", "africa"),  # punctuation
        (" us ", "us"),
        ("أطلانتس", None),
        ("", None),
    ],
)
def test_spelling_of_country_names_is_ignored(taxonomy: Taxonomy, spelling: str, region: str | None) -> None:
    assert taxonomy.region_of_country(spelling) == region


@pytest.mark.parametrize(("section", "labels"), SECTIONS.items())
def test_labels_of_sections(taxonomy: Taxonomy, section: str, labels: tuple[str | None, str | None]) -> None:
    assert (taxonomy.region_of_section(section), taxonomy.topic_of_section(section)) == labels


def test_sections_are_sorted_by_length_and_include_the_starter_pages(taxonomy: Taxonomy) -> None:
    lines = (ROOT / "tests/pages_expected.jsonl").read_text(encoding="utf-8").splitlines()
    printed = {teaser["section"] for line in lines for teaser in json.loads(line)["teasers"]}
    assert printed <= set(taxonomy.sections)
    assert [len(s) for s in taxonomy.sections] == sorted(map(len, taxonomy.sections), reverse=True)
    assert taxonomy.sections.index("العالم العربي") < taxonomy.sections.index("العالم")
    assert not [s for s in taxonomy.sections if "مقالات ذات صلة".startswith(s)]


def test_folding_is_idempotent(taxonomy: Taxonomy) -> None:
    folded = [fold_name(section) for section in taxonomy.sections]
    assert [fold_name(key) for key in folded] == folded


def test_new_region_is_one_entry(tmp_path: Path) -> None:
    document = plain()
    asia = document["regions"][2]
    asia["countries"] = [code for code in asia["countries"] if code not in {"AM", "AZ", "GE"}]
    document["regions"].append(
        {
            "id": "caucasus",
            "english": "Caucasus",
            "arabic": "القوقاز",
            "m49": {"include": ["051", "031", "268"]},
            "description": "Armenia, Azerbaijan and Georgia.",
            "countries": ["AM", "AZ", "GE"],
            "sections": ["القوقاز"],
        }
    )
    taxonomy = read_taxonomy(written(document, tmp_path))
    assert taxonomy.region_ids[7:] == ("caucasus",)
    assert taxonomy.region_of_country("أرمينيا") == taxonomy.region_of_section("القوقاز") == "caucasus"
    assert taxonomy_rows(taxonomy)[7] == {
        "head": "region",
        "id": "caucasus",
        "english": "Caucasus",
        "arabic": "القوقاز",
        "code": "051 + 031 + 268",
        "parent": "",
    }


def test_as_dict_reads_back(taxonomy: Taxonomy, tmp_path: Path) -> None:
    assert read_taxonomy(written(taxonomy.as_dict(), tmp_path)) == taxonomy


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("regions.1.id", "europe", "regions: id 'europe': expected a unique id, found it twice"),
        ("topics.1.id", "none", "topics: id 'none': expected a unique id, found the word for no label"),
        ("regions.1.countries.0", "FR", "us: country FR: expected it once, found it in europe too"),
        ("unassigned", ["US"], "unassigned: country US: expected it once, found it in us too"),
        ("regions.1.countries.0", "QQ", "us: country: expected an ISO 3166-1 alpha-2 code, found 'QQ'"),
        ("regions.1.countries.0", "EU", "us: country: expected an ISO 3166-1 alpha-2 code, found 'EU'"),
        (
            "regions.1.countries.0",
            False,  # what YAML 1.1 makes of NO
            "regions[1] (us).countries[0]: expected text (quote a code of digits), found False",
        ),
        ("regions.1.sections.0", "آسيا", "regions: section «آسيا»: expected one label, found us and asia"),
        (
            "topics.2.sections.0",
            "صحة",
            "topics: section «صحة»: expected one label, found politics and health",
        ),
        (
            "sections_without_label.0",
            "اسيا",
            "sections_without_label: section «اسيا»: expected no label, found asia",
        ),
        ("topics.0.parent", "war", "topics: terrorism: parent: expected the id of a topic, found 'war'"),
        (
            "topics.0.parent",
            "terrorism",
            "topics: terrorism: parent: expected a topic without a parent, found 'terrorism'",
        ),
        ("topics.0.parent", None, "topics: terrorism: expected an iptc code or a parent, found neither"),
        (
            "regions.0.arabic",
            "",
            "regions[0] (europe).arabic: expected text matching [\\u0621-\\u064a], found ''",
        ),
        (
            "topics.3.iptc",
            4000000,
            "topics[3] (economy).iptc: expected text (quote a code of digits), found 4000000",
        ),
        ("regions.0.m49.include", [], "regions[0] (europe).m49.include: expected an entry or more, found []"),
        (
            "regions.0.capital",
            "Brussels",
            "regions[0] (europe).capital: expected no such key, found 'Brussels'",
        ),
        ("regions", "europe", "regions: expected a list, found 'europe'"),
        (
            "country_aliases",
            {"QQ": ["كوكو"]},
            "country_aliases: expected the code of a country listed above, found 'QQ'",
        ),
        (
            "country_aliases",
            {"FR": ["الصين"]},
            "country_aliases: CN: «الصين»: expected one region, found europe and asia",
        ),
    ],
)
def test_wrong_entry_is_named_in_one_line(where: str, value: object, message: str, tmp_path: Path) -> None:
    document = plain()
    *steps, last = [int(step) if step.isdigit() else step for step in where.split(".")]
    entry: Any = document
    for step in steps:
        entry = entry[step]
    entry[last] = value
    path = written(document, tmp_path)
    with pytest.raises(NewsdeskError) as raised:
        read_taxonomy(path)
    assert str(raised.value) == f"{path}: {message}"


def test_missing_name_is_named_in_one_line(tmp_path: Path) -> None:
    document = plain()
    del document["topics"][4]["arabic"]
    path = written(document, tmp_path)
    with pytest.raises(NewsdeskError) as raised:
        read_taxonomy(path)
    assert str(raised.value) == f"{path}: topics[4] (crime_law).arabic: expected a value, found nothing"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"regions: [a, b\n", "not readable as YAML in line 2: expected ',' or ']', but got '<stream end>'"),
        (b"a: 1\na: 2\n", 'not readable as YAML in line 2: found duplicate key "a" with value "2"'),
        (b"a: \x07\n", "not readable as YAML: unacceptable character #x0007"),
        (b"a: \xe3\n", "expected UTF-8, found other bytes at 3"),
        (b"- europe\n", "expected a mapping with regions and topics, found ['europe']"),
        (b"", "expected a mapping with regions and topics, found None"),
        (None, "no such file; give a taxonomy file"),
    ],
)
def test_other_file_is_named_in_one_line(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NewsdeskError) as raised:
        read_taxonomy(path)
    assert str(raised.value).startswith(f"{path}: {message}")
    assert "\n" not in str(raised.value)


@pytest.mark.shared
def test_every_country_of_almayadeen_resolves(taxonomy: Taxonomy) -> None:
    folder = Path(os.environ.get("NEWSDESK_SHARED", ROOT.parent / "shared")) / "raw" / "almayadeen"
    files = sorted(folder.glob("*.json"))
    if not files:
        pytest.skip(f"no corpus in {folder}; set NEWSDESK_SHARED")
    classes = [c for f in files for row in json.loads(f.read_text("utf-8")) for c in row["classes"]]
    names = {c["value"] for c in classes if c["mapping"] == "country"}
    assert len(names) == 121
    assert [name for name in sorted(names) if taxonomy.region_of_country(name) is None] == []


def plain() -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))


def written(document: object, folder: Path) -> Path:
    path = folder / "taxonomy.yaml"
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")  # JSON is YAML 1.2
    return path

"""Places: the tables, the spellings that they grow into, the mentions found and the features made of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization, normalize
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.features.gazetteer_tables import inflect_demonym, read_places, spell_name
from newsdesk.inference.gazetteer import Form, Gazetteer
from newsdesk.inference.mentions import (
    find_article_mentions,
    find_mentions,
    place_feature_names,
    place_features,
)
from newsdesk.inference.text import tokenize
from tests.conftest import ROOT

TABLES = ROOT / "data" / "places"


def tokens(text: str) -> list[str]:
    return tokenize(normalize(text, Normalization()))


def named(text: str, gazetteer: Gazetteer) -> list[str]:
    return [mention.place for mention in find_mentions(tokens(text), gazetteer)]


# One row a phenomenon: a sentence and the codes that it names, in order.
GOLDEN = {
    "country of CLDR": ("زلزال يضرب اليابان", ["JP"]),
    "spellings of one country": ("أميركا وأمريكا وامريكا", ["US", "US", "US"]),
    "conjunction": ("قمة تجمع فرنسا وألمانيا", ["FR", "DE"]),
    "preposition": ("لقاء ببرلين ثم عودة لباريس", ["DE", "FR"]),
    "article under lam": ("دعم للعراق وللأردن", ["IQ", "JO"]),
    "article under lam, name in lam": ("إمدادات للاذقية", ["SY"]),
    "article under a preposition": ("حرائق بالجزائر وبالمغرب", ["DZ", "MA"]),
    "demonym, masculine and feminine": ("وزير سويدي ووزيرة نرويجية", ["SE", "NO"]),
    "demonym, definite": ("الجيش الأوكراني والمقاتلات الروسية", ["UA", "RU"]),
    "demonym, sound plurals": ("كينيون وسنغاليين وأرجنتينيات", ["KE", "SN", "AR"]),
    "demonym, dual": ("صحافيان بلجيكيان وطالبتان هولنديتان", ["BE", "NL"]),
    "demonym, tanwin": ("قتل جندياً أميركياً وأسر آخر فرنسيًا", ["US", "FR"]),
    "demonym, broken plural": ("أتراك وروس وأفغان", ["TR", "RU", "AF"]),
    "demonym under lam": ("رسالة للبريطانيين", ["GB"]),
    "longest name wins": ("بابوا غينيا الجديدة", ["PG"]),
    "south and north": ("كوريا الشمالية وكوريا الجنوبية", ["KP", "KR"]),
    "state that is a country's name": ("عاصفة تجتاح ولاية جورجيا", ["US"]),
    "country that is a state's name": ("احتجاجات في جورجيا أمام برلمان تبليسي", ["GE", "GE"]),
    "state's name by its company": ("ناخبو جورجيا الأميركية", ["US", "US"]),
    "river of a country's name": ("على ضفاف نهر الأردن", []),
    "article and country": ("جنوب السودان وغينيا الاستوائية", ["SS", "GQ"]),
    "Cyrillic name in two spellings": ("خاركيف وخاركوف", ["UA", "UA"]),
    "ng in two spellings": ("هونغ كونغ أو هونج كونج", ["HK", "HK"]),
    "joined servant of God": ("السيسي عبدالفتاح السيسي", ["EG", "EG"]),
    "given name before a demonym": ("قال المحامي محمد المصري", []),
    "name that is a demonym": ("هنأ تركي آل الشيخ الفائز", ["SA"]),
    "newspaper after the desk": ("لندن: «الشرق الأوسط» أعلنت شركة", []),
    "newspaper after a verb": ("وقال لـ«الشرق الأوسط» إن المفاوضات تعثرت", []),
    "the Middle East itself": ("السلام في الشرق الأوسط", ["middle_east"]),
    "agency after the desk": ("القاهرة - رويترز: ارتفع الجنيه", []),
    "city and area": ("القاهرة والشرق الأوسط", ["EG", "middle_east"]),
    "country that speaks to an agency": ("روسيا تبلغ رويترز", ["RU"]),
    "demonym of a newspaper": ("ذكرت صحيفة نيويورك تايمز الأميركية", []),
    "metonyms": ("الكرملين يرد على البنتاغون", ["RU", "US"]),
    "body of a region": ("الاتحاد الأوروبي والاتحاد الأفريقي", ["europe", "africa"]),
    "world body": ("مجلس الأمن والأمم المتحدة", []),
    "treaty of a city's name": ("انسحبت من اتفاق باريس للمناخ", []),
    "armed group": ("هجوم لبوكو حرام", ["NG"]),
    "surname": ("ماكرون يهاتف بوتين", ["FR", "RU"]),
    "adjective that is a country": ("تقرير مالي عن السوق", []),
    "country that is an adjective": ("انقلاب في مالي", ["ML"]),
    "club by its neighbour": ("مدرب الهلال يستقيل", ["SA"]),
    "crescent": ("رؤية الهلال غدا", []),
    "club by another club": ("نادي النصر يواجه الشباب", ["SA", "SA"]),
    "youth": ("توظيف الشباب", []),
    "town that is a word": ("تسلم الخبر السار", []),
    "word before a town": ("في محافظة الخبر", ["SA"]),
    "servant of the Majestic": ("شكر عبد الجليل", []),
    "no letters": ("١٢ ٣٤", []),
}


@pytest.mark.parametrize(("text", "codes"), GOLDEN.values(), ids=GOLDEN.keys())
def test_golden(text: str, codes: list[str], gazetteer: Gazetteer) -> None:
    assert named(text, gazetteer) == codes


def test_title_and_text_settle_each_other(gazetteer: Gazetteer) -> None:
    title, text = find_article_mentions(tokens("الهلال يفوز"), tokens("فاز نادي الهلال على النصر"), gazetteer)
    assert [mention.place for mention in title] == ["SA"]
    assert [mention.place for mention in text] == ["SA", "SA"]


def test_every_country_is_found_in_its_region(gazetteer: Gazetteer, taxonomy: Taxonomy) -> None:
    for region in taxonomy.regions:
        for code in region.countries:
            name = taxonomy.names_of_country(code)[0]
            found = find_mentions(tokens(f"حكومة {name}"), gazetteer)
            assert [mention.region for mention in found] == [region.id], name


def test_gazetteer_survives_json(gazetteer: Gazetteer) -> None:
    """But for the places' own names: no two of one code, region and kind are left."""
    read = Gazetteer.from_dict(json.loads(json.dumps(gazetteer.as_dict())))
    assert read.as_dict() == gazetteer.as_dict()
    assert len(set(read.places)) == len(read.places) < len(gazetteer.places)

    def meant(form: Form, of: Gazetteer) -> tuple[object, ...]:
        return (*(of.places[i][:3] for i in form.places), form.rule)

    assert read.forms.keys() == gazetteer.forms.keys()
    assert all(meant(form, read) == meant(gazetteer.forms[s], gazetteer) for s, form in read.forms.items())


SMALL = {
    "regions": ["europe", "asia"],
    "places": [["FR", "europe", "country"], ["-", None, "media"]],
    "rules": [[["نهر"], [], [], [], False]],
    "forms": [[[0], None, ["فرنسا"]], [[1], 0, ["رويترز"]]],
}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"regions": ["europe", "europe"]}, "are not distinct names"),
        ({"regions": "europe"}, "are not distinct names"),
        ({"places": [["FR", "europe"]]}, "not enough values"),
        ({"places": [["FR", "africa", "country"]]}, "'FR' is not a place in one of the regions"),
        ({"places": [["FR", "europe", "media"]]}, "'FR' has kind 'media', which has no region"),
        ({"rules": [["نهر", [], [], [], False]]}, "a rule is not four lists of words"),
        ({"rules": [[[""], [], [], [], False]]}, "a rule is not four lists of words"),
        ({"rules": [[[], [], [], [], 1]]}, "a rule is not four lists of words"),
        ({"forms": [[[2], None, ["فرنسا"]]]}, r"a spelling means place \[2\] of 2"),
        ({"forms": [[[], None, ["فرنسا"]]]}, r"a spelling means place \[\] of 2"),
        ({"forms": [[[-1], None, ["فرنسا"]]]}, "a spelling means place"),
        ({"forms": [[[0], 1, ["فرنسا"]]]}, "a spelling has rule 1 of 1"),
        ({"forms": [[[0], None, [7]]]}, "a spelling is not a string"),
        ({"forms": [[[0], None, "فرنسا"]]}, "a spelling is not a string"),
        ({"forms": [[[0], None, ["فرنسا"]], [[1], None, ["فرنسا"]]]}, "a spelling is listed twice"),
    ],
)
def test_damaged_gazetteers(damage: dict[str, object], message: str) -> None:
    assert len(Gazetteer.from_dict(SMALL).forms) == 2
    with pytest.raises(ValueError, match=message):
        Gazetteer.from_dict(SMALL | damage)


VOCABULARY = tokens("بوتين وروسيا الهلال نادي مالي في كوريا الشمالية نهر الأردن جورجيا قال ولاية رويترز لندن")
words = st.lists(st.sampled_from(VOCABULARY))


@given(data=st.data())
def test_mentions_lie_in_order_and_apart(data: st.DataObject, gazetteer: Gazetteer) -> None:
    text = tokens(" ".join(data.draw(words)))
    found = find_mentions(text, gazetteer)
    assert found == find_mentions(text, gazetteer)
    edges = [edge for mention in found for edge in (mention.start, mention.stop)]
    assert edges == sorted(edges)
    assert all(0 <= mention.start < mention.stop <= len(text) for mention in found)


@given(data=st.data())
def test_features_are_finite_and_as_many_as_their_names(data: st.DataObject, gazetteer: Gazetteer) -> None:
    title, text = (tokens(" ".join(data.draw(words))) for _ in range(2))
    values = place_features(title, text, gazetteer)
    assert len(values) == len(place_feature_names(gazetteer.regions))
    assert all(value >= 0 for value in values)
    shares = [
        v
        for name, v in zip(place_feature_names(gazetteer.regions), values, strict=True)
        if name.endswith(":share")
    ]
    assert sum(shares) == pytest.approx(1) or not any(shares)


def features(title: str, text: str, gazetteer: Gazetteer, **kwargs: int) -> dict[str, float]:
    names: Sequence[str] = place_feature_names(gazetteer.regions)
    return dict(zip(names, place_features(tokens(title), tokens(text), gazetteer, **kwargs), strict=True))


def test_features_of_an_article(gazetteer: Gazetteer) -> None:
    found = features("طوكيو تتحدى", "قالت وزارة الدفاع اليابانية إن سفنا روسية عبرت المضيق ثم ابتعدت عن موسكو", gazetteer, lead_tokens=8)  # fmt: skip
    # weights: the title's 4 and the lead's 2 for asia, the lead's 2 and the body's 1 for europe
    assert found["asia:share"] == pytest.approx(6 / 9)
    assert found["europe:share"] == pytest.approx(3 / 9)
    assert (found["asia:rank"], found["europe:rank"], found["us:rank"]) == (1.0, 0.5, 0.0)
    assert (found["asia:title"], found["asia:first"], found["europe:title"]) == (1.0, 1.0, 0.0)


def test_city_that_opens_the_text_is_a_dateline(gazetteer: Gazetteer) -> None:
    found = features("", "جنيف: هبة السعيد تراجعت مبيعات السيارات في البرازيل", gazetteer)
    assert (found["europe:opening_city"], found["europe:share"], found["americas:share"]) == (1.0, 0.0, 1.0)


def test_article_without_places(gazetteer: Gazetteer) -> None:
    found = features("فوائد النوم", "ينصح الأطباء بثماني ساعات", gazetteer)
    assert not any(found.values())


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
        ("cities.tsv", "FR باريس", "line 1: expected 2 cells between tabs, found 1"),
        ("cities.tsv", "FR\tحي س", "«حي س»: expected words of two letters or more, as tokens are, found 'س'"),
        ("cities.tsv", "FR\tقد طال هذا الاسم كثيرا جدا هنا", "expected 6 words at most, found 7"),
        ("rules.tsv", "باريس\tnear\tمدينة", "expected one of after, before, not_after, not_before, named, bare, found 'near'"),
        ("rules.tsv", "أتلانتس\tnamed\t-", "expected a name of the tables, found «أتلانتس»"),
        ("rules.tsv", "فرنسا\tafter\t@rivers", "expected the name of a list in words.tsv, found '@rivers'"),
        ("rules.tsv", "فرنسا\tafter\tعلى ضفة", "expected single words of two letters or more, found «على ضفة»"),
    ],
)  # fmt: skip
def test_errors(file: str, line: str, message: str, taxonomy: Taxonomy, tmp_path: Path) -> None:
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
    for switch, is_on in Normalization():
        assert read_places(TABLES, taxonomy, Normalization(**{switch: not is_on})).forms


def test_missing_table(taxonomy: Taxonomy, tmp_path: Path) -> None:
    with pytest.raises(
        NewsdeskError, match=r"countries\.tsv: expected a table of places, found: No such file"
    ):
        read_places(tmp_path, taxonomy, Normalization())

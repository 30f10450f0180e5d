"""Mentions of places, and the features of regions computed from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.normalization import Normalization, normalize
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.mentions import (
    find_article_mentions,
    find_mentions,
    place_feature_names,
    place_features,
)
from newsdesk.inference.text import tokenize


def tokens(text: str) -> list[str]:
    return tokenize(normalize(text, Normalization()))


def codes_in(text: str, gazetteer: Gazetteer) -> list[str]:
    return [mention.place for mention in find_mentions(tokens(text), gazetteer)]


# a sentence and the codes of the places that it mentions, in order
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
    "kingdom in doubt": ("قرار جديد في المملكة", ["SA"]),
    "kingdom of the article's country": ("وزير الخارجية في الرباط يشيد بجهود المملكة", ["MA", "MA"]),
    "authority of one country": ("بلاغ المديرية العامة لمراقبة التراب الوطني", ["MA"]),
    "small town with its kind": ("حريق بمدينة تزنيت", ["MA"]),
    "no letters": ("١٢ ٣٤", []),
}


@pytest.mark.parametrize(("text", "codes"), GOLDEN.values(), ids=GOLDEN.keys())
def test_mentions_of_a_sentence(text: str, codes: list[str], gazetteer: Gazetteer) -> None:
    assert codes_in(text, gazetteer) == codes


def test_title_and_text_resolve_each_other(gazetteer: Gazetteer) -> None:
    title, text = find_article_mentions(tokens("الهلال يفوز"), tokens("فاز نادي الهلال على النصر"), gazetteer)
    assert [mention.place for mention in title] == ["SA"]
    assert [mention.place for mention in text] == ["SA", "SA"]


def test_every_country_is_found_in_its_region(gazetteer: Gazetteer, taxonomy: Taxonomy) -> None:
    for region in taxonomy.regions:
        for code in region.countries:
            name = taxonomy.names_of_country(code)[0]
            found = find_mentions(tokens(f"حكومة {name}"), gazetteer)
            assert [mention.region for mention in found] == [region.id], name


VOCABULARY = tokens("بوتين وروسيا الهلال نادي مالي في كوريا الشمالية نهر الأردن جورجيا قال ولاية رويترز لندن")
words = st.lists(st.sampled_from(VOCABULARY))


@given(data=st.data())
def test_mentions_are_in_order_and_do_not_overlap(data: st.DataObject, gazetteer: Gazetteer) -> None:
    text = tokens(" ".join(data.draw(words)))
    found = find_mentions(text, gazetteer)
    assert found == find_mentions(text, gazetteer)
    edges = [edge for mention in found for edge in (mention.start, mention.stop)]
    assert edges == sorted(edges)
    assert all(0 <= mention.start < mention.stop <= len(text) for mention in found)


@given(data=st.data())
def test_features_are_not_negative_and_shares_add_up(data: st.DataObject, gazetteer: Gazetteer) -> None:
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
    names = place_feature_names(gazetteer.regions)
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

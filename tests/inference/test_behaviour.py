"""What the model that newsdesk comes with must do, whatever it was trained on; all texts are our own."""

import pytest

from newsdesk.base.files import SHIPPED
from newsdesk.inference.decision import Prediction
from newsdesk.inference.scorer import Scorer

SUMMIT = "رئيس {country} يفتتح جلسة البرلمان"
SPEECH = (
    "افتتح رئيس {country} اليوم جلسة البرلمان بخطاب دعا فيه الأحزاب إلى التوافق على قانون الانتخابات الجديد، "
    "وقال إن حكومة {country} ستجري الانتخابات في موعدها، فيما أعلنت المعارضة أنها ستصوت ضد الحكومة."
)
MATCH = (
    "قاد خط الهجوم الفريق إلى الفوز في المباراة النهائية، إذ شن اللاعبون هجوما مرتدا في الدقيقة الأخيرة وسجل "
    "المهاجم هدفا قاتلا في مرمى الحارس، وتوج النادي بكأس الدوري بعد معركة كروية أمام جماهيره في الملعب."
)
COUNTRIES = [
    ("ألمانيا", "europe"), ("فرنسا", "europe"), ("إيطاليا", "europe"), ("اليابان", "asia"), ("الهند", "asia"),
    ("العراق", "middle_east"), ("لبنان", "middle_east"), ("كينيا", "africa"), ("تونس", "africa"),
    ("البرازيل", "americas"), ("المكسيك", "americas"), ("الولايات المتحدة", "us"),
]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Scorer:
    return Scorer.load(SHIPPED)


def ask(model: Scorer, title: str, text: str) -> Prediction:
    (said,) = model.predict([title], [text])
    return said


@pytest.mark.parametrize(("country", "region"), COUNTRIES)
def test_the_country_moves_the_region_and_not_the_topic(model: Scorer, country: str, region: str) -> None:
    said = ask(model, SUMMIT.format(country=country), SPEECH.format(country=country))
    assert said.labels == {"region": [region], "topic": ["politics"]}


def mark(text: str) -> str:
    """A fatha and a shadda on each meem, as a careful printer might set them."""
    return text.replace("م", "م\u0651\u064e")


def stretch(text: str) -> str:
    return text.replace("ال", "الـ")


@pytest.mark.parametrize(
    ("name", "spell"),
    [
        ("marks", mark),
        ("tatweel", stretch),
        ("alef with hamza", lambda text: text.replace("أ", "ا").replace("إ", "ا")),
        ("teh marbuta as heh", lambda text: text.replace("ة", "ه")),
        ("alef maksura", lambda text: text.replace("ي ", "ى ")),
        ("keheh and farsi yeh", lambda text: text.replace("ك", "ک").replace("ي", "ی")),
        ("zero-width marks", lambda text: text.replace(" ", " \u200f")),
    ],
)
def test_a_spelling_changes_nothing(model: Scorer, name: str, spell: object) -> None:
    assert callable(spell)
    title, text = (
        SUMMIT.format(country="فرنسا"),
        SPEECH.format(country="فرنسا") + " وبلغ عدد النواب 577 نائبا.",
    )
    assert spell(text) != text
    assert ask(model, spell(title), spell(text)).scores == ask(model, title, text).scores


def test_digits_of_either_script_are_the_same(model: Scorer) -> None:
    text = SPEECH.format(country="فرنسا") + " وبلغ عدد النواب {} نائبا."
    assert ask(model, "", text.format("577")).scores == ask(model, "", text.format("٥٧٧")).scores


def test_a_newspaper_s_name_gives_no_region(model: Scorer) -> None:
    plain = SPEECH.format(country="اليابان")
    said = ask(model, SUMMIT.format(country="اليابان"), f"لندن: «الشرق الأوسط»\n{plain}")
    assert said.labels["region"] == ["asia"]


@pytest.mark.parametrize(
    ("title", "text", "topic"),
    [
        ("هجوم الفريق يحسم الكأس", MATCH, "sport"),
        (
            "ناقد سينمائي: الفيلم قنبلة الموسم",
            "وصف ناقد سينمائي الفيلم الجديد بأنه قنبلة فنية فجرت شباك التذاكر، وقال إن المخرج شن هجوما على "
            "تقاليد السينما، وإن الممثلة خطفت الأنظار في المهرجان وفازت بجائزة أفضل ممثلة عن دورها في المسلسل.",
            "culture",
        ),
        (
            "انفجار في أسعار النفط",
            "شهدت الأسواق انفجارا في أسعار النفط وحربا بين الشركات على الأسهم، وقال محللون في البورصة إن البنوك "
            "تواجه معركة مع التضخم بعد هجوم المستثمرين على الذهب وتراجع الأرباح في الربع الأول.",
            "economy",
        ),
    ],
)
def test_words_of_terror_as_metaphor(model: Scorer, title: str, text: str, topic: str) -> None:
    topics = ask(model, title, text).labels["topic"]
    assert topic in topics
    assert not {"terrorism", "conflict"} & {*topics}


def test_terrorism_is_told_from_war(model: Scorer) -> None:
    bomb = (
        "أعلن تنظيم داعش مسؤوليته عن تفجير انتحاري استهدف سوقا شعبية وأسفر عن مقتل عشرين مدنيا، وقالت الشرطة إن "
        "الانتحاري فجر حزامه الناسف وسط المتسوقين وإنها اعتقلت إرهابيين من الخلية."
    )
    war = (
        "قصفت مدفعية الجيش مواقع على خط الجبهة وتقدمت الدبابات نحو البلدة، وأعلنت وزارة الدفاع إسقاط طائرتين "
        "مسيرتين، فيما تبادل الجيشان القصف رغم اتفاق وقف إطلاق النار."
    )
    assert "terrorism" in ask(model, "تفجير انتحاري في سوق", bomb).labels["topic"]
    assert ask(model, "قصف متبادل على الجبهة", war).labels["topic"] == ["conflict"]

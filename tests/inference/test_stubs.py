"""Stubs: pages in place of an article, on both paths of scoring and in `clean`."""

from pathlib import Path

import pytest

from newsdesk.inference.scorer import Scorer
from newsdesk.inference.stubs import is_stub

STUBS = [
    ("عذراً، الصفحة غير موجودة", "ربما حذفت الصفحة التي تبحث عنها. يمكنك الرجوع إلى الصفحة الرئيسية."),
    ("", "404\nلم يتم العثور على الصفحة"),
    ("", "هذا المقال متاح للمشتركين فقط. اشترك الآن لمتابعة القراءة."),
    ("الوادي", "وصلت إلى الحد المجاني من المقالات هذا الشهر.\nاشترك لمواصلة القراءة\nلديك حساب؟ سجّل الدخول"),
    ("", "تسجيل الدخول\nاسم المستخدم\nكلمة المرور\nنسيت كلمة المرور؟"),
    ("", "نستعمل ملفات تعريف الارتباط لتحسين تجربتك، وبمتابعة التصفح فإنك توافق على سياسة الخصوصية."),
    ("", "تحقق من أنك إنسان. قد يستغرق ذلك بضع ثوانٍ."),
    ("", "جارٍ التحقق من متصفحك قبل الدخول إلى الموقع، يرجى الانتظار…"),
    ("نتائج البحث", "لا توجد نتائج تطابق بحثك. جرّب كلمات أخرى."),
    ("", "حدث خطأ غير متوقع، يرجى المحاولة مرة أخرى لاحقاً."),
    ("", "الموقع تحت الصيانة، سنعود قريباً."),
    ("Page not found", "Sorry, the page you are looking for does not exist. Go back to the home page."),
    ("يرجى إيقاف مانع الإعلانات", "الإعلانات تموّل عملنا. عطّل الأداة ثم حدّث الصفحة."),
    ("هل عمرك 18 عاماً أو أكثر؟", "هذه الصفحة للبالغين فقط. نعم، دخول"),
    ("هذا المحتوى غير متوفر في بلدك", "لا تسمح حقوق البث بعرضه في منطقتك."),
    ("Page introuvable", "عذراً. Retour à l'accueil"),
    ("Article réservé aux abonnés", "Déjà abonné ? Connectez-vous. سجل الدخول"),
    ("Oops! That page can’t be found.", ""),
    # without a phrase of the list
    ("بعد قليل", "عاود تحميلها من فضلك، فخوادم موقعنا مزدحمة ونعتذر عن تأخر الخدمة."),
    ("", "Please verify you are human. This may take a few seconds."),
    ("", "You have reached your limit of free articles. Subscribe to continue reading."),
    (
        "",
        "We use cookies to improve your experience. By clicking Accept all you agree to our privacy policy.",
    ),
]
ARTICLES = [
    (
        "صحف تلجأ إلى الاشتراك المدفوع",
        "قالت صحيفة «الوادي» إنها ستفرض اشتراكاً شهرياً على قراء موقعها. وأضافت أن خمسة مقالات تبقى مجانية.",
    ),
    (
        "متصفح يستغني عن ملفات تعريف الارتباط",
        "أعلنت الشركة أنها ستوقف دعم ملفات تعريف الارتباط نهاية العام. ويقول خبراء إن القرار يغير سوق الإعلان.",
    ),
    (
        "برامج تجتاز اختبار «أنا لست روبوتاً»",
        "أظهرت دراسة أن برامج الذكاء الاصطناعي تجتاز الاختبار أسرع من الإنسان. ودعا الباحثون إلى وسائل جديدة.",
    ),
    (
        "عطل في مواقع التواصل",
        "شكا آلاف المستخدمين من رسالة «حدث خطأ ما» عند تسجيل الدخول إلى حساباتهم صباح اليوم. وقالت الشركة"
        " إن مهندسيها يعملون على إصلاح العطل، وإن الخدمة عادت في معظم المدن بعد ساعتين من انقطاعها.",
    ),
    ("ليس لديك حساب بنكي؟", "المصرف المركزي يتيح فتح الحسابات عبر الهاتف من دون زيارة فرع."),
    ("خطأ 404 في موقع الوزارة", "واجه زوار موقع الوزارة رسالة «الصفحة غير موجودة» ساعتين قبل إصلاح العطل."),
    ("التحقق من العمر", "تلزم أستراليا المنصات بالتحقق من العمر ابتداء من الشهر المقبل."),
    ("منصة الحج", "دعت الوزارة المواطنين إلى تسجيل الدخول إلى المنصة وإدخال كلمة المرور."),
    ("زلزال في اليابان", "لا توجد أنباء عن ضحايا."),
    ("قمة في برلين", "بحث المستشار الألماني مع نظيره الفرنسي في برلين سبل دعم الاقتصاد الأوروبي."),
    ("", ""),
]


@pytest.mark.parametrize(("title", "text"), STUBS)
def test_stubs(title: str, text: str) -> None:
    assert is_stub(title, text)


@pytest.mark.parametrize(("title", "text"), ARTICLES)
def test_short_articles_are_none(title: str, text: str) -> None:
    assert not is_stub(title, text)


def test_no_length_alone_decides() -> None:
    stub, sentence = "الصفحة التي تبحث عنها غير موجودة. ", "بحث الوزيران في برلين سبل دعم الاقتصاد. "
    assert not is_stub("", sentence)
    assert is_stub("", stub + 2 * sentence)
    assert not is_stub("", stub + 4 * sentence), "an article that begins with a line of the site"
    assert not is_stub("", stub * 40), "too long for a stub"


def test_spelling_variants_are_one() -> None:
    for text in ("الصّفحة غير مَوجودة", "الصفحـــة غير موجوده", "والصفحة غير موجودة", "PAGE NOT FOUND"):
        assert is_stub("", text), text


def test_both_paths_agree(tiny_model: Path) -> None:
    scorer = Scorer.load(tiny_model)
    rows = [*STUBS, *ARTICLES]
    titles, texts = [title for title, _ in rows], [text for _, text in rows]
    reference = scorer.predict_proba(titles, texts)[1]
    assert reference[: len(STUBS)] == ["stub"] * len(STUBS)
    assert "stub" not in reference[len(STUBS) :]
    scorer.compile_from = len(rows)
    repeated = 3
    predictions = scorer.predict(titles * repeated, texts * repeated)
    assert scorer.compiled is not None
    reasons = [None if prediction.scores["topic"] else prediction.reason for prediction in predictions]
    assert reasons == reference * repeated
    assert not any(p.labels["topic"] or p.labels["region"] for p in predictions if p.reason == "stub")

"""Texts that several tests use, all of them invented."""

import html
import unicodedata

from hypothesis import strategies as st

ARABIC = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."
ENGLISH = "The government said that the summit would be held next week."
PERSIAN = "دولت ایران اعلام کرد که نشست سران هفتهٔ آینده برگزار می‌شود و چند وزیر شرکت می‌کنند."
OTHER_LANGUAGES = {
    "Persian": PERSIAN,
    "Persian with Arabic phrases": (
        "آیت‌الله کریمی امام جمعه گفت: حجت‌الاسلام والمسلمین احمدی به نمایندگی از بیت‌المال در کنگره بین‌المللی دارالعلم "
        "شرکت کرد و علی علیه السلام را الگوی همه دانست. وی بعد از نماز به حرم مطهر رفت."
    ),
    "Persian on an Arabic keyboard": (
        "دولت اعلام كرد كه گزارش نشست پنج كشور هفته آينده چاپ مي شود و چند وزير در آن شركت مي كنند."
    ),
    "Dari": "ریاست‌جمهوری گفته است که هیأت افغانستان در نشست شرکت می‌کند و والی هرات نیز با هیأت است.",
    "Urdu": "حکومت نے اعلان کیا ہے کہ وزیر اعلیٰ علی احمد اور چیف جسٹس بین الاقوامی اجلاس میں شریک ہوں گے۔",
    "Pashto": "د ښوونې وزارت وايي چې په سږکال کې به په ټولو ولسوالیو کې نوي ښوونځي جوړ شي او الحاج شیخ به یې پرانیزي.",
    "Sorani": "وەزارەتی پەروەردە ڕایگەیاند کە ئەمساڵ قوتابخانەی نوێ لە هەموو شارەکان دەکرێتەوە و وەزیر سەردانیان دەکات.",
    "Uyghur": "مائارىپ مىنىستىرلىكى بۇ يىل ھەممە شەھەردە يېڭى مەكتەپ ئاچىدىغانلىقىنى ئېلان قىلدى.",
    "Sindhi": "تعليم کاتي چيو آهي ته هن سال سڀني شهرن ۾ نوان اسڪول کوليا ويندا ۽ وزير انهن جو افتتاح ڪندو.",
}  # fmt: skip

# spellings of Arabic by keyboard, and what hides letters from a reader of characters
PRESENTATION_FORMS = {
    ord(char): chr(form)
    for form in range(0xFB50, 0xFEFD)
    if (parts := unicodedata.decomposition(chr(form)).split())[:1] == ["<isolated>"]
    and len(char := "".join(chr(int(part, 16)) for part in parts[1:])) == 1
}
NEWS = (
    "وقال الوزير في كلمة ألقاها أمس إن الحكومة ستفتح مدارس جديدة في كل المدن هذا العام، وإن كلفتها كبيرة.\n"
    "وأضاف أن هيئة التعليم كلفت شركة هندية بتصميمها."
)
SPELLINGS = {
    "as it is": lambda text: text,
    "Persian yeh and kaf": lambda text: text.translate(str.maketrans("يىك", "ییک")),
    "Urdu heh": lambda text: text.translate(str.maketrans("يكه", "یکہ")),
    "heh doachashmee": lambda text: text.translate(str.maketrans("يكه", "یکھ")),
    "without hamza and teh marbuta": lambda text: text.translate(str.maketrans("أإآةيك", "اااهیک")),
}
DISGUISES = {
    "as it is": lambda text: text,
    "tatweel": lambda text: "".join(f"{c}ـ" if c.isalpha() else c for c in text),
    "marks": lambda text: "".join(f"{c}\u064e" if c.isalpha() else c for c in text),
    "tatweel and marks": lambda text: "".join(f"{c}ـ\u0651\u0650" if c.isalpha() else c for c in text),
    "zero-width joiners": lambda text: "".join(f"{c}\u200d" if c.isalpha() else c for c in text),
    "presentation forms": lambda text: text.translate(PRESENTATION_FORMS),
}

# what is `ARABIC` once it is repaired
POST = f"<style>.a > b {{color: red}}</style><p class='x'>{ARABIC}</p><script>if (a<b) c('</p>')</script>"
DIRTY = {
    "post": POST,
    "post that was escaped": html.escape(POST),
    "post that was escaped twice": html.escape(html.escape(POST)),
    "numeric entities": "".join(f"&#{ord(char)};" for char in ARABIC),
    "numeric entities that were escaped": "".join(f"&amp;#x{ord(char):x};" for char in ARABIC),
}

# letters with marks, ligatures, expansions, compositions, invisible characters, other planes, sentence ends
HOSTILE = (
    "ابتأإآةىيئؤءلگپچ٣۵_-.؟!\n ﻻﷺﷲ\u0651\u0654\u0653\u064b\u0670\u200c\u0640\u202b\ufeffeÉΣςİß\u0301\u0308\u0345"
    "가\u1100\u1161\u11a8𝔸𝒳😀½²™ﬁǅ\u1e9e\u0958\u09be\ud800\udfff\x00"
)
hostile = st.text(st.sampled_from(HOSTILE) | st.characters(), max_size=60)

# title and text by what they contain
MENTIONS = {
    "dateline": ("", "جنيف: هبة السعيد تراجعت مبيعات السيارات في البرازيل"),
    "dateline before the newspaper": ("", "لندن: «الشرق الأوسط» قالت الحكومة البريطانية"),
    "area after a conjunction": ("", "لندن والشرق الأوسط في قمة"),
    "dateline of two cities": ("", "باريس لندن رويترز قالت ألمانيا"),
    "dateline of a country": ("", "قطر الشرق الأوسط قال وزير"),
    "too late for a dateline": ("", "قال وزير من لندن الشرق الأوسط"),
    "newspaper and its demonym": ("", "ذكرت نيويورك تايمز الأميركية أن الصين وعدت"),
    "agency in the title": ("رويترز", "لندن - رويترز: أعلنت فرنسا"),
    "rule within a sentence": ("", "عبر نهر الأردن إلى الضفة"),
    "rule across a sentence end": ("", "عبر النهر. الأردن. جورجيا! ولاية؟ جورجيا\nنهر\nالأردن"),
    "name across a sentence end": ("كوريا. الشمالية", "كوريا\nالشمالية تهدد كوريا"),
    "clubs": ("الهلال يفوز", "فاز نادي الهلال على النصر في الرياض"),
    "clubs without support": ("الهلال يهل", "رأى النصر قريبا"),
    "ambiguous, resolved by the title": ("فنزويلا تنتخب", "في فالنسيا وقرطبة ومالقة"),
    "ambiguous, equal support": ("", "طرابلس وقرطاج وجورجيا وتبليسي وأتلانتا"),
    "characters that the map cannot normalize": ("قمة e\u0301 في Straße ﷺ", "زار é\u0301 برلين ثم ﷲ باريس، الصين"),
    "no letters": ("", " \n."),
    "long lead": ("", "كلمة " * 59 + "فرنسا ألمانيا " + "كلمة " * 5000 + "الصين " * 300),
    "many mentions": ("مصر " * 700, "الهند " * 5000 + "رويترز " * 10),
}  # fmt: skip

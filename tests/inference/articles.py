"""Texts that several tests use, all of them invented."""

from hypothesis import strategies as st

ARABIC = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."
ENGLISH = "The government said that the summit would be held next week."
PERSIAN = "دولت ایران اعلام کرد که نشست سران هفتهٔ آینده برگزار می‌شود و چند وزیر شرکت می‌کنند."

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

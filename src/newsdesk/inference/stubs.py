"""Recognize stubs: pages that stand in place of an article, such as a paywall, a login form or an error."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

from .text import tokenize

PHRASES = "stub_phrases.txt"
MAX_STUB_WORDS = 120  # a longer text is no stub
MAX_SENTENCE_WORDS = 40  # longer sentences are prose that quotes a phrase
MIN_SHARE = 0.5  # of the words, in sentences that hold a phrase
MIN_SHARE_AFTER_LEAD = 0.25  # where one of the first two sentences holds one that only stubs use
GAP, END = "*", "$"
STRONG, WEAK, REPORT, ADDRESS, SITE = "", "~", "!", "@", "="  # marks of phrases
MAX_ADDRESS_WORDS = 50  # of a text without a phrase that speaks to the reader of a site
MIN_ADDRESSED = 3  # number of such words and of words for parts of a site
MIN_ADDRESS_SHARE = 0.3  # share of both
MAX_GAP_WORDS = 4
FOLDS = str.maketrans("أإآٱىیکةھ’`´", "اااايىكهه'''", "ـًٌٍَُِّْٰ\u200c\u200d\u200e\u200f")
SENTENCE_BREAK = re.compile(r"[.!?؟…؛;:\n|•·()\[\]«»]+")
WORD = re.compile(r"[^\W_](?:['’`´](?=\w)|[\w\u0610-\u061a\u064b-\u065f\u0670\u200c-\u200f])*")
# Words of the phrases that many articles hold, from frequent to rare: phrases are looked up by rarer ones.
FREQUENT_WORDS = (
    "a the of to in is this you have be by we has was are no not an لا لم ما من في علي ان الي عن التي "
    "الذي خلال تم هذه قد هذا عدد كل اكد اداره غير اثناء اخري جميع جديده عليها تحت ضبط الان يتم وجود "
    "الخبر البحث عده شهر يكون يمكن حركه حاليا عنه برنامج هل سيتم تكون نتيجه المزيد اعاده مختلفه يجب فقط "
    "جديد تسجيل حد ليس الموقع بلغت عنها وصول كامل العثور بحث نقله سجل افضل مرور نحن الموضوع خطه استخدام "
    "مره وصلت خاص رفض التاكد يعد مجددا قريبا يوجد المرور الخدمه خدمه يجري معنا تعد ليست اخبار انا كلمه "
    "حدث انشاء جديدا الدخول التقرير قيد تجربه حظر لقد حاول انتهت حساب الوصول لك عنوان"
    " جدد لاستكمال الاتصال التحقق "
)
RANKS = {word: rank for rank, word in enumerate(FREQUENT_WORDS.split())}
N_REMEMBERED_WORDS = 50_000

Patterns = dict[str, str]  # regular expressions by word; most are never looked for, so compiled later
_compile = cache(re.compile)


def is_stub(title: str, text: str) -> bool:
    """Return whether a title and a text are those of a paywall, login, cookie, CAPTCHA, error or empty page.

    At least one sentence must hold a phrase of `stub_phrases.txt` that only such pages use, and half of the
    words must be in sentences with a phrase; a quarter if one of the first two sentences holds one. What
    reports, by a phrase of its own, counts as news. So a short article about paywalls is none.

    Examples
    --------
    >>> is_stub("", "عذراً، الصفحة التي تبحث عنها غير موجودة.")
    True
    >>> is_stub("", "أعلنت الصحيفة أن موقعها سيكون للمشتركين بدءاً من الشهر المقبل.")
    False
    """
    head, body = split_sentences(title), split_sentences(text)
    return holds_phrases(head, body) or is_address([*head, *body])


def is_report(line: str) -> bool:
    """Return whether a line holds a phrase with which news reports what others say or do."""
    reports = read_phrases()[REPORT]
    return any(holds_phrase(words, reports) for words in split_sentences(line))


def is_site_line(line: str) -> bool:
    """Return whether a line of an article is of the site, as those of paywalls are."""
    return holds_phrases([], split_sentences(line)) and not is_report(line)


def is_address(sentences: list[list[str]]) -> bool:
    """Return whether a short text without a report speaks to the reader of a site, of little but the site."""
    words = [word for sentence in sentences for word in sentence]
    if len(words) > MAX_ADDRESS_WORDS:
        return False
    phrases = read_phrases()
    n_address = sum(word in phrases[ADDRESS] for word in words)
    n_site = sum(word in phrases[SITE] for word in words)
    least = max(MIN_ADDRESSED, MIN_ADDRESS_SHARE * len(words))
    if not (n_address and n_site and n_address + n_site >= least):
        return False
    return not any(holds_phrase(found, phrases[REPORT]) for found in sentences)


def holds_phrases(head: list[list[str]], body: list[list[str]]) -> bool:
    """Return whether enough of a title and a text is in sentences that hold a phrase of a stub."""
    sentences = [*head, *body]
    n_words = sum(map(len, sentences))
    if n_words > MAX_STUB_WORDS:
        return False
    phrases = read_phrases()
    strong, weak, reports = phrases[STRONG], phrases[WEAK], phrases[REPORT]
    is_strong = [holds_phrase(words, strong) and not holds_phrase(words, reports) for words in sentences]
    if not any(is_strong):
        return False
    is_known = [
        known or (holds_phrase(words, weak) and not holds_phrase(words, reports))
        for words, known in zip(sentences, is_strong, strict=True)
    ]
    n_stub = sum(len(words) for words, known in zip(sentences, is_known, strict=True) if known)
    site = {*phrases[ADDRESS], *phrases[SITE]}
    text = [  # that a headline alone does not decide
        known or not (site.isdisjoint(words) or holds_phrase(words, reports))
        for words, known in zip(sentences, is_known, strict=True)
    ][len(head) if body else 0 :]
    has_lead = any(is_strong[:2]) and any(text)
    return n_stub >= (MIN_SHARE_AFTER_LEAD if has_lead else MIN_SHARE) * n_words


def split_sentences(text: str) -> list[list[str]]:
    """Return the folded words of each sentence that has any."""
    sentences = (WORD.findall(part) for part in SENTENCE_BREAK.split(text))
    return [[fold(word) for word in words] for words in sentences if words]


@lru_cache(N_REMEMBERED_WORDS)
def fold(word: str) -> str:
    """Return one spelling of a word, without marks and in lower case."""
    return word.translate(FOLDS).lower()


def holds_phrase(words: list[str], patterns: Patterns) -> bool:
    """Return whether a sentence holds a phrase."""
    found = {word for word in words if word in patterns}
    if not found or len(words) > MAX_SENTENCE_WORDS:
        return False
    joined = f" {' '.join(words)} "
    return any(_compile(patterns[word]).search(joined) for word in found)


@cache
def read_phrases() -> dict[str, Patterns]:
    """Return the patterns of the phrases with each mark, by a word that each of their matches holds."""
    marks = (STRONG, WEAK, REPORT, ADDRESS, SITE)
    found: dict[str, defaultdict[str, list[str]]] = {mark: defaultdict(list) for mark in marks}
    lines = (Path(__file__).parent / PHRASES).read_text(encoding="utf-8").splitlines()
    for phrase in filter(None, (line.partition("#")[0].strip() for line in lines)):
        mark = phrase[0] if phrase[0] in found else STRONG
        groups = [fold(group).split("/") for group in phrase.removeprefix(mark).split()]
        named = [group for group in groups if group not in ([GAP], [END])]
        for word in max(named, key=_rarity):
            for key in (word, f"و{word}"):
                found[mark][key].append(_build_pattern(groups))
    return {mark: _join(patterns) for mark, patterns in found.items()}


def stub_tokens(normalize: Callable[[str], str]) -> frozenset[str]:
    """Return tokens of normalized text of which each stub holds one."""
    words = {*read_phrases()[STRONG], *read_phrases()[ADDRESS]}
    return frozenset(token for word in words for token in tokenize(normalize(word)))


def _rarity(group: list[str]) -> int:
    return min(RANKS.get(word, len(RANKS)) for word in group)


def _build_pattern(groups: list[list[str]]) -> str:
    anything = {GAP: rf"(?:\S+ ){{0,{MAX_GAP_WORDS}}}", END: "$"}
    return "".join(anything.get(group[0], f"و?(?:{'|'.join(map(re.escape, group))}) ") for group in groups)


def _join(patterns: dict[str, list[str]]) -> Patterns:
    return {key: f" (?:{'|'.join(dict.fromkeys(found))})" for key, found in patterns.items()}

"""Recognize stubs: pages that stand in place of an article, such as a paywall, a login form or an error."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, lru_cache
from pathlib import Path

PHRASES = "stub_phrases.txt"
MAX_STUB_WORDS = 120  # a longer text is no stub
MAX_SENTENCE_WORDS = 40  # longer sentences are prose that quotes a phrase
MIN_SHARE = 0.5  # of the words, in sentences that hold a phrase
MIN_SHARE_AFTER_LEAD = 0.25  # where one of the first two sentences holds one that only stubs use
GAP = "*"
MAX_GAP_WORDS = 4
FOLDS = str.maketrans("أإآٱىیکةھ’`´", "اااايىكهه'''", "ـًٌٍَُِّْٰ\u200c\u200d\u200e\u200f")
SENTENCE_BREAK = re.compile(r"[.!?؟…؛;:\n|•·()\[\]«»]+")
WORD = re.compile(r"[^\W_]['\w\u0610-\u061a\u064b-\u065f\u0670\u200c-\u200f]*")
# words by which no phrase is looked up, since most articles hold one
COMMON = frozenset(
    {"لا", "لم", "ما", "من", "في", "علي", "الي", "او", "ان", "قد", "لقد", "تم", "هذا", "هذه", "التي", "الذي"}
    | {"ليس", "ليست", "نحن", "عن", "لك", "عدد", "اكد", "اداره", "غير", "ضبط", "وجود", "يتم", "يمكن", "يكون"}
    | {"حركه", "برنامج", "يجب", "هل", "سيتم", "تكون", "تسجيل", "بلغت", "سجل", "خاص", "يوجد", "وصلت", "حاول"}
    | {
        "جاري",
        "يجري",
        "جدد",
        "انتهت",
        "لاستكمال",
        "قم",
        "حق",
        "الخبر",
        "الموقع",
        "الخدمه",
        "الموضوع",
        "البحث",
    }
    | {"a", "an", "the", "this", "is", "are", "was", "be", "has", "have", "of", "to", "in", "by", "you", "we"}
    | {"no", "not", "اخري", "تحت", "اعاده", "بحث", "اخبار", "مره", "مختلفه", "يعد", "تعد", "نقله"}
)
N_REMEMBERED_WORDS = 50_000

Patterns = dict[str, re.Pattern[str]]


def is_stub(title: str, text: str) -> bool:
    """Return whether a title and a text are those of a paywall, login, cookie, CAPTCHA, error or empty page.

    At least one sentence must hold a phrase of `stub_phrases.txt` that only such pages use, and half of the
    words must be in sentences with a phrase; a quarter if one of the first two sentences holds one. So a
    short article about paywalls is none.

    Examples
    --------
    >>> is_stub("", "عذراً، الصفحة التي تبحث عنها غير موجودة.")
    True
    >>> is_stub("", "أعلنت الصحيفة أن موقعها سيكون للمشتركين بدءاً من الشهر المقبل.")
    False
    """
    whole = f"{title}\n{text}"
    if not any(map(may_hold_phrase().__getitem__, whole.split())):
        return False
    sentences = split_sentences(whole)
    n_words = sum(map(len, sentences))
    if n_words > MAX_STUB_WORDS:
        return False
    strong, weak = read_phrases()
    is_strong = [holds_phrase(words, strong) for words in sentences]
    if not any(is_strong):
        return False
    n_stub = sum(
        len(w) for w, known in zip(sentences, is_strong, strict=True) if known or holds_phrase(w, weak)
    )
    return n_stub >= (MIN_SHARE_AFTER_LEAD if any(is_strong[:2]) else MIN_SHARE) * n_words


class MayHoldPhrase(dict[str, bool]):
    """Whether a piece of text without spaces holds a word by which a phrase is looked up, remembered."""

    def __missing__(self, piece: str) -> bool:
        if len(self) > N_REMEMBERED_WORDS:
            self.clear()
        strong, _ = read_phrases()
        self[piece] = any(fold(word) in strong for word in WORD.findall(piece))
        return self[piece]


@cache
def may_hold_phrase() -> MayHoldPhrase:
    """Return the memory that all calls share."""
    return MayHoldPhrase()


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
    found = patterns.keys() & set(words)
    if not found or len(words) > MAX_SENTENCE_WORDS:
        return False
    joined = f" {' '.join(words)} "
    return any(patterns[word].search(joined) for word in found)


@cache
def read_phrases() -> tuple[Patterns, Patterns]:
    """Return the patterns of strong and of weak phrases, by a word that each of their matches holds."""
    strong: defaultdict[str, list[str]] = defaultdict(list)
    weak: defaultdict[str, list[str]] = defaultdict(list)
    lines = (Path(__file__).parent / PHRASES).read_text(encoding="utf-8").splitlines()
    for phrase in filter(None, (line.partition("#")[0].strip() for line in lines)):
        groups = [fold(group).split("/") for group in phrase.removeprefix("~").split()]
        named = [group for group in groups if group != [GAP]]
        for word in min(named, key=lambda group: len(COMMON.intersection(group))):
            for key in (word, f"و{word}"):
                (weak if phrase.startswith("~") else strong)[key].append(_build_pattern(groups))
    return _join(strong), _join(weak)


def _build_pattern(groups: list[list[str]]) -> str:
    parts = [
        rf"(?:\S+ ){{0,{MAX_GAP_WORDS}}}" if group == [GAP] else f"و?(?:{'|'.join(map(re.escape, group))}) "
        for group in groups
    ]
    return "".join(parts)


def _join(patterns: dict[str, list[str]]) -> Patterns:
    return {key: re.compile(f" (?:{'|'.join(dict.fromkeys(found))})") for key, found in patterns.items()}

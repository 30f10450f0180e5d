"""Recognize the captions of pictures in the text of a page."""

from __future__ import annotations

import re

# Contents of a final «(…)» that are not a credit: the second name of a month, a weekday, a number.
MONTHS = (
    "كانون الثاني|شباط|آذار|نيسان|أيار|حزيران|تموز|آب|أيلول|تشرين الأول|تشرين الثاني|كانون الأول|"
    "يناير|فبراير|مارس|أبريل|إبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر"
)
WEEKDAYS = "السبت|الأحد|الاثنين|الإثنين|الثلاثاء|الأربعاء|الخميس|الجمعة"
DATE = re.compile(rf"(?:(?:{MONTHS}|{WEEKDAYS}|أمس|اليوم|غداً|\d+)[\s\-/،%]*)+")
FINAL_PARENTHESIS = re.compile(r"^(?P<before>.*\S)\s*\((?P<inside>[^()]{1,60})\)$")
SENTENCE_END = re.compile(r"[.؟!…:؛](?:[»\"”’')\]]*)$")
SENTENCE_BREAK = re.compile(r"[.؟!][»\"”')\]]*\s")
FULL_STOP = re.compile(r"(?<!\.)\.[»\"”’)]*$")  # a title may end in three dots, never in one

# A paragraph starts with a verb, or with «و» and nearly any word; a caption starts with a noun or a name.
VERB_START = re.compile(
    r"و?(?:قال|أعلن|أكد|أضاف|أوضح|أشار|ذكر|كان|أفاد|رأى|شدد|أصدر|بلغ|دعا|لفت|جاء)(?:ت|وا)?\b|و?[يت]قول\b"
)
NOUN_IN_WAW = (
    r"وزي?ر\w*|وزراء|وفد\w*|وفود|وحد\w*|ورش\w*|ورود|وردة|وسط|وسائل|وثيقة|وثائق|وجب\w*|وجوه|وقفة|ولي|ولادة|ولاية|"
    r"والد\w*|والي|واجهة|وادي|واحة|وكالة|وكيل\w*|وصول|وداع|وفاة|ورقة|واشنطن|وارسو"
)
WAW_START = re.compile(rf"(?!(?:{NOUN_IN_WAW})\b)و\w")
LIST_ITEM = re.compile(r"[*•\-–]|\d+ ?[-–.]")

# The set of agencies is open; these are recognized even after a caption of one to three words.
AGENCIES = frozenset(
    {"افب", "اب", "ابا", "دبا", "رويترز", "غيتي", "الشرقالاوسط", "واس", "الاناضول", "ارشيفية", "شينخوا"}
)
MIN_CAPTION_WORDS = 4


def is_caption(line: str, count: int, repeated_in_a_row: bool) -> bool:
    """Return whether a line that stands `count` times on the page is a caption."""
    is_repeated = repeated_in_a_row or (count > 1 and len(line.split()) >= MIN_CAPTION_WORDS)
    return not SENTENCE_END.search(line) and (is_repeated or has_credit(line))


def has_credit(line: str) -> bool:
    """Return whether a line ends in a photo credit, of a known agency or another source."""
    match = final_parenthesis(line)
    if not match or VERB_START.match(line):
        return False
    if names_agency(match["inside"]):
        return True
    if WAW_START.match(line) or LIST_ITEM.match(line) or SENTENCE_BREAK.search(match["before"]):
        return False
    return len(match["before"].split()) >= MIN_CAPTION_WORDS


def final_parenthesis(line: str) -> re.Match[str] | None:
    """Match a final «(…)» that is not a date."""
    match = FINAL_PARENTHESIS.match(line)
    return match if match and not DATE.fullmatch(match["inside"].strip()) else None


def names_agency(credit: str) -> bool:
    """Return whether a credit names a known agency."""
    parts = re.split(r"[-–/،]", credit.translate(str.maketrans("أإآ", "ااا")))
    return any(re.sub(r"[^\w]", "", part) in AGENCIES for part in parts)

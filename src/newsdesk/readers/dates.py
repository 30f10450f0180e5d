"""Read times of publication in ISO 8601, RFC 2822 and Arabic."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# by the number of the month: the names of the Gulf and Egypt, the Levant, Morocco, and Algeria and Tunisia
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "يناير|كانون الثاني|جانفي", "فبراير|شباط|فيفري", "مارس|آذار|اذار",
            "أبريل|ابريل|إبريل|نيسان|أفريل|افريل", "مايو|أيار|ايار|ماي", "يونيو|يونيه|حزيران|جوان",
            "يوليو|يوليه|تموز|يوليوز|جويلية",
            "أغسطس|اغسطس|آب|غشت|أوت|اوت", "سبتمبر|أيلول|ايلول|شتنبر",
            "أكتوبر|اكتوبر|تشرين الأول|تشرين الاول", "نوفمبر|تشرين الثاني|نونبر",
            "ديسمبر|كانون الأول|كانون الاول|دجنبر",
        ),
        start=1,
    )
    for name in names.split("|")
}  # fmt: skip
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ARABIC = re.compile(
    rf"(?<!\d)(\d{{1,2}})\s+({_NAMES})\s*(?:[/\\]\s*(?:{_NAMES})\s*)?[،,]?\s*(\d{{4}})(?!\d)"
    r"(?:\s*(?:[-–،,|]|الساعة)?\s*(\d{1,2}):(\d{2}))?"
)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})/(\d{1,2})/(\d{1,2})(?!\d)")  # also in a URL
_DAY_FIRST = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\d/])")  # as Arabic outlets write it
_MAX_CHARS = 1000


def parse_time(value: str) -> datetime | None:
    """Return a time in UTC to the second; without a zone it is UTC, unreadable None.

    Examples
    --------
    >>> str(parse_time("الجمعة 02 أكتوبر 2020 - 16:00"))
    '2020-10-02 16:00:00+00:00'
    """
    for parse in (datetime.fromisoformat, parsedate_to_datetime, _parse_arabic, _parse_numbers):
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            time = parse(value.strip()).replace(microsecond=0)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    return None


def _parse_arabic(value: str) -> datetime:
    """Return the first date in words; raise a ValueError if there is none."""
    if not (found := _ARABIC.search(value[:_MAX_CHARS])):
        raise ValueError
    day, month, year, hour, minute = found.groups()
    return datetime(int(year), _MONTHS[month], int(day), int(hour or 0), int(minute or 0))


def _parse_numbers(value: str) -> datetime:
    """Return the first date as `2022/08/03` or `03/08/2022`; raise a ValueError if there is none."""
    if found := _YEAR_FIRST.search(value[:_MAX_CHARS]):
        year, month, day = map(int, found.groups())
    elif found := _DAY_FIRST.search(value[:_MAX_CHARS]):
        day, month, year = map(int, found.groups())
    else:
        raise ValueError
    return datetime(year, month, day)

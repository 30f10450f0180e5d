"""Choose the headline of a page among its headings and the titles that its head declares."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SEPARATOR = re.compile(r"\s+(?:[-–—|•·»«~/]|::)\s+|\s*\|\s*")
_WORD = re.compile(r"\w+")
_MARKS = re.compile("[\u0640\u064b-\u0652]")
_SITE = re.compile(r"\b(?:صحيفة|جريدة|موقع|وكالة|قناة|شبكة|بوابة|مجلة|نيوز|للأخبار|الإخبارية?|news)\b", re.I)
_MAX_SITE_WORDS = 6
_MIN_WORDS = 3
_MAX_WORDS = 60


def choose_title(
    main: Sequence[str], others: Sequence[str], declared: Sequence[str], *, site: str | None = None
) -> str | None:
    """Return the headline, without the name of the site; None if there is none.

    Parameters
    ----------
    main, others : sequence of str
        Texts of the h1 elements, and of the h2 and h3 elements.
    declared : sequence of str
        Titles in the head, the best first: of JSON-LD, for social networks, for the browser.
    site : str, optional
        Name of the site.

    Examples
    --------
    >>> choose_title([], ["افتتاح متحف البحر"], ["صحيفة الوادي | افتتاح متحف البحر"])
    'افتتاح متحف البحر'
    >>> choose_title([], [], ["افتتاح متحف البحر - صحيفة الوادي"])
    'افتتاح متحف البحر'
    """
    declared = [text for text in declared if _words(text)]
    bare = [_strip_site(text, site) for text in declared]
    short = [heading for heading in main if _words(heading)]
    main, others = ([h for h in dict.fromkeys(found) if _is_headline(h, site)] for found in (main, others))
    if others and not any(map(_is_long, bare)):  # the head names the site alone, and so may a main heading
        main = [heading for heading in main if _is_long(heading) or not _SITE.search(heading)]
        if not main and (long := [heading for heading in others if _is_long(heading)]):
            return long[0]
    # a heading that a declared title holds; the longest, since a title can also hold site and section
    if agreed := [heading for heading in main if any(_holds(title, heading) for title in declared)]:
        return max(agreed, key=lambda heading: len(_words(heading)))
    # a heading that holds more than the title, such as a date
    if agreed := [
        title for title in bare if _is_headline(title, site) and any(_holds(h, title) for h in main)
    ]:
        return agreed[0]
    if len(main) == 1 and (_shares_words(main[0], bare) or not any(_is_long(title) for title in bare)):
        return main[0]
    if agreed := [heading for heading in others if any(_holds(title, heading) for title in declared)]:
        return max(agreed, key=lambda heading: len(_words(heading)))
    if not (bare or main or others):
        return short[0] if len(short) == 1 else None
    return next(iter([*bare, *main]), None)


def _words(text: str) -> list[str]:
    return _WORD.findall(_MARKS.sub("", text).lower())


def _is_headline(text: str, site: str | None) -> bool:
    words = _words(text)
    return _MIN_WORDS <= len(words) <= _MAX_WORDS and words != _words(site or "")


def _is_long(title: str) -> bool:
    """Return whether a title says more than the name of a site or section."""
    return len(_words(title)) > _MIN_WORDS


def _holds(title: str, heading: str) -> bool:
    """Return whether the words of a heading are the whole title or some of its parts between separators."""
    return f" {' '.join(_words(heading))} " in f" {' '.join(_words(title))} "


def _shares_words(heading: str, titles: Sequence[str]) -> bool:
    words = set(_words(heading))
    return any(2 * len(words & set(_words(title))) >= min(len(words), len(_words(title))) for title in titles)


def _strip_site(title: str, site: str | None) -> str:
    """Return a title without the name of the site, or without a short outer part."""
    parts = [part for part in _SEPARATOR.split(title) if part.strip()]
    name = _words(site or "")
    cuts = (
        [(title.index(parts[1]), len(title)), (0, title.rindex(parts[-2]) + len(parts[-2]))]
        if len(parts) > 1
        else []
    )
    for (start, stop), cut in zip(cuts, (parts[0], parts[-1]) if cuts else (), strict=True):
        if name and _words(cut) == name:
            return title[start:stop].strip()
    long = [part for part in parts if _is_long(part)]
    if len(parts) > 2 and len(long) == 1:
        return long[0].strip()
    if len(parts) > 1:
        first, last = len(_words(parts[0])), len(_words(parts[-1]))
        if last <= _MAX_SITE_WORDS and last < first:
            return title[slice(*cuts[1])].strip()
        if first <= _MAX_SITE_WORDS and first < last:
            return title[slice(*cuts[0])].strip()
    return title.strip()

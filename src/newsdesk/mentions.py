"""Find the places that a tokenized article names, and weigh its regions by where and how often.

It needs the standard library and nothing of this project, as `scorer` does: a packaged model can hold a copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log1p
from typing import Literal, NamedTuple

Kind = Literal[
    "country", "demonym", "area", "city", "institution", "person", "group", "company", "club", "media", "other"
]  # fmt: skip
Part = Literal["title", "lead", "body"]

KIND_GROUPS: dict[Kind, str] = {
    "country": "country", "demonym": "country", "area": "country", "city": "city", "institution": "institution",
    "person": "person", "group": "actor", "company": "actor", "club": "actor",
}  # fmt: skip
GROUPS = ("country", "city", "institution", "person", "actor")
PART_WEIGHTS: dict[Part, float] = {"title": 4.0, "lead": 2.0, "body": 1.0}
# A dateline names the reporter's desk: a city among the first words of the text, before an agency or a channel.
DATELINE_TOKENS = 3
SHARES = (0.2, 0.4, 0.6)


class Place(NamedTuple):
    """What a name stands for; `region` is None for names that only keep others from being read into them."""

    code: str
    region: str | None
    kind: Kind
    name: str


class Rule(NamedTuple):
    """When an ambiguous name counts.

    It never does next to a word of `not_after` and `not_before`. Where `after`, `before` or `named` is given,
    one of them has to hold: the word before it, the word after it, or another name of its country in the article.
    """

    after: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    not_before: frozenset[str] = frozenset()
    named: bool = False


class Form(NamedTuple):
    """A spelling: the places that it may mean, likeliest first, and the rule under which it counts."""

    places: tuple[int, ...]
    rule: Rule | None = None


@dataclass(frozen=True)
class Gazetteer:
    """Every spelling of every place.

    Attributes
    ----------
    regions : tuple of str
        In the order of the features.
    places : tuple of Place
    forms : mapping of str to Form
        Normalized tokens, joined by a space.
    """

    regions: tuple[str, ...]
    places: tuple[Place, ...]
    forms: Mapping[str, Form]

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Number of tokens of the longest spelling that begins with a token."""
        longest: dict[str, int] = {}
        for form in self.forms:
            tokens = form.split()
            longest[tokens[0]] = max(len(tokens), longest.get(tokens[0], 0))
        return longest


class Mention(NamedTuple):
    """A place named in `tokens[start:stop]`."""

    start: int
    stop: int
    place: str
    region: str
    kind: Kind


class _Candidate(NamedTuple):
    start: int
    stop: int
    form: Form
    sure: bool


def find_mentions(tokens: Sequence[str], gazetteer: Gazetteer, *, known: Sequence[str] = ()) -> list[Mention]:
    """Find the places named in a text, in its order and without overlap; the longest spelling wins.

    Parameters
    ----------
    tokens : sequence of str
        As `scorer.tokenize` gives them.
    known : sequence of str
        Codes of countries named elsewhere in the article, which settle ambiguous names.
    """
    candidates = _candidates(tokens, gazetteer)
    sure = [c.form.places[0] for c in candidates if c.sure and len(c.form.places) == 1]
    named = Counter([*known, *(_support(gazetteer.places[i]) for i in sure)])
    mentions = []
    for start, stop, form, is_sure in candidates:
        place = _settle([gazetteer.places[i] for i in form.places], named)
        if place.region is not None and (is_sure or named[_support(place)]):
            mentions.append(Mention(start, stop, place.code, place.region, place.kind))
    return mentions


def _candidates(tokens: Sequence[str], gazetteer: Gazetteer) -> list[_Candidate]:
    lengths, forms, places = gazetteer.lengths, gazetteer.forms, gazetteer.places
    found: list[_Candidate] = []
    media_stop = -1
    end, i = len(tokens), 0
    while i < end:
        longest = lengths.get(tokens[i])
        if longest is None:
            i += 1
            continue
        step = 1
        for stop in range(min(i + longest, end), i, -1):
            form = forms.get(tokens[i] if stop == i + 1 else " ".join(tokens[i:stop]))
            if form is None:
                continue
            sure = _check(form.rule, tokens, i, stop) if form.rule else True
            if sure is None:
                continue
            kind = places[form.places[0]].kind
            if kind == "media" or (kind == "area" and _is_dateline(found, places, i)):
                _drop_dateline(found, places, i)
                media_stop = stop
            elif not (kind == "demonym" and i == media_stop):
                found.append(_Candidate(i, stop, form, sure))
            step = stop - i
            break
        i += step
    return found


def _check(rule: Rule, tokens: Sequence[str], start: int, stop: int) -> bool | None:
    """Tell whether a name counts: surely, only where its country is named otherwise (False), or not (None)."""
    previous = tokens[start - 1] if start else ""
    following = tokens[stop] if stop < len(tokens) else ""
    if previous in rule.not_after or following in rule.not_before:
        return None
    if previous in rule.after or following in rule.before:
        return True
    if rule.named:
        return False
    return None if rule.after or rule.before else True


def _drop_dateline(found: list[_Candidate], places: Sequence[Place], start: int) -> None:
    if start <= DATELINE_TOKENS:
        found[:] = [c for c in found if places[c.form.places[0]].kind not in ("city", "country")]


def _is_dateline(found: Sequence[_Candidate], places: Sequence[Place], start: int) -> bool:
    """Tell whether an area follows the city that opens a text: «لندن: الشرق الأوسط», the newspaper's own name."""
    if not 0 < start <= DATELINE_TOKENS or not found:
        return False
    return found[-1].stop == start and places[found[-1].form.places[0]].kind == "city"


def _settle(places: Sequence[Place], named: Mapping[str, int]) -> Place:
    return places[0] if len(places) == 1 else max(places, key=lambda place: named.get(place.code, 0))


def _support(place: Place) -> str:
    """What one mention lends to another of its country: clubs only to clubs, whose names are common words."""
    return f"{place.code} {place.kind}" if place.kind == "club" else place.code


def feature_names(regions: Sequence[str]) -> list[str]:
    """Names of the values of `place_features`, in their order."""
    own = [
        *("title", "title_count", "lead_count", "body_count", "first", "first_in_text", "rank", "share", "lead_share"),
        "opening_city",
        *(f"share_over_{share}" for share in SHARES),
        *GROUPS,
    ]
    return [f"{region}:{name}" for region in regions for name in own] + [
        *(f"n_regions_{n}" for n in (0, 1, 2, 3)),
        "n_mentions",
    ]


def place_features(
    title_tokens: Sequence[str],
    text_tokens: Sequence[str],
    gazetteer: Gazetteer,
    *,
    lead_tokens: int = 60,
) -> list[float]:
    """Weigh the regions of an article by the places that it names, in the order of `feature_names`.

    Parameters
    ----------
    title_tokens, text_tokens : sequence of str
    lead_tokens : int
        Number of tokens at the beginning of the text that count as its lead.
    """
    text = find_mentions(text_tokens, gazetteer)
    opening = text.pop(0).region if text and text[0].start == 0 and text[0].kind == "city" else None
    title = find_mentions(title_tokens, gazetteer, known=[mention.place for mention in text])
    parts: list[tuple[Part, Mention]] = [("title", mention) for mention in title]
    parts += [("lead" if mention.start < lead_tokens else "body", mention) for mention in text]
    counts = Counter((part, mention.region) for part, mention in parts)
    by_group: Counter[tuple[str, str]] = Counter()
    for part, mention in parts:
        by_group[mention.region, KIND_GROUPS[mention.kind]] += 1 if part == "body" else 2
    weights = weigh_regions(counts, gazetteer.regions)
    total = sum(weights.values())
    n_lead = sum(counts["title", r] + counts["lead", r] for r in gazetteer.regions)
    order = sorted((r for r in gazetteer.regions if weights[r]), key=lambda r: -weights[r])
    values: list[float] = []
    for region in gazetteer.regions:
        share = weights[region] / total if total else 0.0
        n_title, n_in_lead, n_body = (counts[part, region] for part in ("title", "lead", "body"))
        values += [
            float(n_title > 0),
            log1p(n_title),
            log1p(n_in_lead),
            log1p(n_body),
            float(bool(parts) and parts[0][1].region == region),
            float(bool(text) and text[0].region == region),
            1.0 / (1 + order.index(region)) if region in order else 0.0,
            share,
            (n_title + n_in_lead) / n_lead if n_lead else 0.0,
            float(opening == region),
            *(float(share > least) for least in SHARES),
            *(log1p(by_group[region, group]) for group in GROUPS),
        ]
    values += [float(len(order) == n) for n in (0, 1, 2)] + [float(len(order) >= 3), log1p(len(parts))]
    return values


def weigh_regions(counts: Mapping[tuple[Part, str], int], regions: Sequence[str]) -> dict[str, float]:
    """One number a region: its mentions, those of the title and the lead counting more."""
    return {r: sum(weight * counts.get((part, r), 0) for part, weight in PART_WEIGHTS.items()) for r in regions}

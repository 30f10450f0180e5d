"""Find the places that a tokenized article names, and weigh its regions by where and how often.

It needs the standard library and nothing of this project, as `scorer` does: a packaged model can hold a copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log1p
from typing import Any, Literal, NamedTuple

Kind = Literal[
    "country", "area", "demonym", "city", "institution", "person", "group", "company", "club", "media",
    "other",
]  # fmt: skip

# Kinds whose mentions count together. An armed group, a company or a club is often far from home.
GROUP_BY_KIND: dict[Kind, str] = {
    "country": "country", "area": "country", "demonym": "country", "city": "city",
    "institution": "institution", "person": "person", "group": "actor", "company": "actor", "club": "actor",
}  # fmt: skip
GROUPS = tuple(dict.fromkeys(GROUP_BY_KIND.values()))
SHARES = (0.2, 0.4, 0.6)
# «لندن: «الشرق الأوسط»», «دبي - رويترز»: the reporter's desk ends within the first words of a text, before
# the name of an agency, or of a newspaper that is called like an area.
DATELINE_TOKENS = 3


class Place(NamedTuple):
    """What a name stands for; `region` is None where it stands for no place and only keeps others out."""

    code: str
    region: str | None
    kind: Kind
    name: str = ""


class Rule(NamedTuple):
    """When an ambiguous name counts.

    Never next to a word of `not_after` and `not_before`. Where `after`, `before` or `named` is given, one of
    them has to hold: the word before it, the word after it, or another name of its country in the article.
    """

    after: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    not_before: frozenset[str] = frozenset()
    named: bool = False


class Form(NamedTuple):
    """A spelling: the indices of the places that it may mean, likeliest first, and its rule."""

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
        By normalized tokens joined with a space.
    """

    regions: tuple[str, ...]
    places: tuple[Place, ...]
    forms: Mapping[str, Form]

    def as_dict(self) -> dict[str, Any]:
        """Lists and text, ready for JSON: what finds mentions, without the places' own names.

        Places of equal code, region and kind are one; spellings of the same places and rule stand together.
        """
        kept = {key: i for i, key in enumerate(dict.fromkeys(place[:3] for place in self.places))}
        place_numbers = [kept[place[:3]] for place in self.places]
        rules = sorted({form.rule for form in self.forms.values() if form.rule}, key=_rule_key)
        rule_numbers = {rule: i for i, rule in enumerate(rules)}
        groups: dict[tuple[tuple[int, ...], int | None], list[str]] = {}
        for spelling, form in self.forms.items():
            places = tuple(place_numbers[i] for i in form.places)
            groups.setdefault((places, rule_numbers[form.rule] if form.rule else None), []).append(spelling)
        return {
            "regions": list(self.regions),
            "places": [list(place) for place in kept],
            "rules": [[*map(sorted, rule[:4]), rule.named] for rule in rules],
            "forms": [[list(places), rule, spellings] for (places, rule), spellings in groups.items()],
        }

    @classmethod
    def from_dict(cls, info: Mapping[str, Any]) -> Gazetteer:
        """Make a gazetteer of what `as_dict` gave.

        Raises
        ------
        ValueError
            If it is not of that shape; KeyError or TypeError where a part is missing or of another type.
        """
        _check_gazetteer(info)
        places = tuple(Place(*place) for place in info["places"])
        rules = [
            Rule(frozenset(after), frozenset(before), frozenset(not_after), frozenset(not_before), named)
            for after, before, not_after, not_before, named in info["rules"]
        ]
        forms: dict[str, Form] = {}
        n_spellings = 0
        for indices, rule, spellings in info["forms"]:
            if not indices or not all(_is_index(i, places) for i in indices):
                raise ValueError(f"a spelling means place {indices!r} of {len(places)}")
            if rule is not None and not _is_index(rule, rules):
                raise ValueError(f"a spelling has rule {rule!r} of {len(rules)}")
            if not _is_list_of_words(spellings):
                raise ValueError("a spelling is no text")
            forms |= dict.fromkeys(spellings, Form(tuple(indices), None if rule is None else rules[rule]))
            n_spellings += len(spellings)
        if len(forms) != n_spellings:
            raise ValueError("a spelling stands twice")
        return cls(tuple(info["regions"]), places, forms)

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Number of tokens of the longest spelling that begins with a token."""
        longest: dict[str, int] = {}
        for form in self.forms:
            first = form.partition(" ")[0]
            longest[first] = max(form.count(" ") + 1, longest.get(first, 0))
        return longest


def _check_gazetteer(info: Mapping[str, Any]) -> None:
    regions = info["regions"]
    if not _is_list_of_words(regions) or len(set(regions)) != len(regions):
        raise ValueError(f"regions {regions!r} are not distinct names")
    for code, region, kind in info["places"]:
        named = isinstance(code, str) and isinstance(kind, str)
        if not named or (region is not None and region not in regions):
            raise ValueError(f"{code!r} is no place of the regions")
        if region is not None and kind not in GROUP_BY_KIND:
            raise ValueError(f"{code!r} is of kind {kind!r}, which has no region")
    for *lists, named in info["rules"]:
        if len(lists) != 4 or not all(map(_is_list_of_words, lists)) or not isinstance(named, bool):
            raise ValueError("a rule is not four lists of words and a truth value")


def _is_list_of_words(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) and value for value in values)


def _is_index(value: Any, values: Sequence[object]) -> bool:
    return type(value) is int and 0 <= value < len(values)


def _rule_key(rule: Rule) -> tuple[object, ...]:
    return (*map(sorted, rule[:4]), rule.named)


class Mention(NamedTuple):
    """A place named in `tokens[start:stop]`; `place` is a country's code or the region itself."""

    start: int
    stop: int
    place: str
    region: str
    kind: Kind


class _Candidate(NamedTuple):
    start: int
    stop: int
    places: tuple[Place, ...]
    sure: bool


def find_mentions(tokens: Sequence[str], gazetteer: Gazetteer) -> list[Mention]:
    """Find the places named in a text, in its order and without overlap; the longest spelling wins.

    Parameters
    ----------
    tokens : sequence of str
        As `scorer.tokenize` gives them.
    """
    candidates = _candidates(tokens, gazetteer)
    return _settle(candidates, _support(candidates))


def find_article_mentions(
    title_tokens: Sequence[str], text_tokens: Sequence[str], gazetteer: Gazetteer
) -> tuple[list[Mention], list[Mention]]:
    """Find the places named in title and text; what is clear in one settles the doubts of the other."""
    title, text = _candidates(title_tokens, gazetteer), _candidates(text_tokens, gazetteer)
    named = _support([*title, *text])
    return _settle(title, named), _settle(text, named)


def _candidates(tokens: Sequence[str], gazetteer: Gazetteer) -> list[_Candidate]:
    lengths = gazetteer.lengths
    found: list[_Candidate] = []
    media_stop = -1
    i = 0
    while i < len(tokens):
        longest = lengths.get(tokens[i])
        match = _longest_match(tokens, i, longest, gazetteer) if longest else None
        if match is None:
            i += 1
            continue
        kind = match.places[0].kind
        after_dateline = _ends_dateline(found, i)
        if kind == "media" or (kind == "area" and after_dateline and not tokens[i].startswith("و")):
            media_stop = match.stop
            if after_dateline:
                found.pop()
        elif not (kind == "demonym" and i == media_stop):  # «نيويورك تايمز الأميركية»
            found.append(match)
        i = match.stop
    return found


def _longest_match(
    tokens: Sequence[str], start: int, longest: int, gazetteer: Gazetteer
) -> _Candidate | None:
    for stop in range(min(start + longest, len(tokens)), start, -1):
        form = gazetteer.forms.get(tokens[start] if stop == start + 1 else " ".join(tokens[start:stop]))
        if form is None:
            continue
        sure = True if form.rule is None else _check(form.rule, tokens, start, stop)
        if sure is not None:
            return _Candidate(start, stop, tuple(gazetteer.places[i] for i in form.places), sure)
    return None


def _check(rule: Rule, tokens: Sequence[str], start: int, stop: int) -> bool | None:
    """Tell whether a name counts: surely, where its country is named otherwise (False), or not (None)."""
    previous = tokens[start - 1] if start else ""
    following = tokens[stop] if stop < len(tokens) else ""
    if previous in rule.not_after or following in rule.not_before:
        return None
    if previous in rule.after or following in rule.before:
        return True
    if rule.named:
        return False
    return None if rule.after or rule.before else True


def _ends_dateline(found: Sequence[_Candidate], stop: int) -> bool:
    """Tell whether a city or country right at the beginning ends here, as the reporter's desk does."""
    if stop > DATELINE_TOKENS or not found:
        return False
    return found[-1].stop == stop and found[-1].places[0].kind in ("city", "country")


def _support(candidates: Sequence[_Candidate]) -> Counter[str]:
    """How often each country is named beyond doubt; the clear names decide what the ambiguous ones mean."""
    sure = [c.places for c in candidates if c.sure]
    named = Counter(lends_to(places[0]) for places in sure if len(places) == 1)
    return named + Counter(lends_to(_likeliest(places, named)) for places in sure if len(places) > 1)


def lends_to(place: Place) -> str:
    """What a name lends support to: its country; a club's only to clubs, which are called by common words."""
    return f"{place.code} {place.kind}" if place.kind == "club" else place.code


def _likeliest(places: Sequence[Place], named: Mapping[str, int]) -> Place:
    return max(places, key=lambda place: named.get(lends_to(place), 0))


def _settle(candidates: Sequence[_Candidate], named: Mapping[str, int]) -> list[Mention]:
    mentions = []
    for start, stop, places, sure in candidates:
        place = places[0] if len(places) == 1 else _likeliest(places, named)
        if place.region is not None and (sure or named.get(lends_to(place), 0)):
            mentions.append(Mention(start, stop, place.code, place.region, place.kind))
    return mentions


def feature_names(regions: Sequence[str]) -> list[str]:
    """Names of the values of `place_features`, the same ones for each region."""
    own = [
        "title", "title_count", "lead_count", "body_count", "opening_city", "first", "rank", "share",
        "early_share", *(f"share_over_{share}" for share in SHARES), *GROUPS,
    ]  # fmt: skip
    return [f"{region}:{name}" for region in regions for name in own]


def place_features(
    title_tokens: Sequence[str], text_tokens: Sequence[str], gazetteer: Gazetteer, *, lead_tokens: int = 60
) -> list[float]:
    """Weigh the regions of an article by the places that it names, in the order of `feature_names`.

    Counts, also those of the kinds of places, are log(1 + n). `share` is that of all mentions, those of the
    title and the lead weighing more; `early_share` that of title and lead alone; `rank` is 1 for the region
    of the largest share and 1/2 for the next; `first` tells the region that is named first. A city that opens
    the text is most often a dateline: it counts as `opening_city` alone. Without mentions all values are 0.

    Parameters
    ----------
    title_tokens, text_tokens : sequence of str
    lead_tokens : int
        Number of tokens at the beginning of the text that count as its lead.
    """
    title, text = find_article_mentions(title_tokens, text_tokens, gazetteer)
    opening = text.pop(0).region if text and text[0].start == 0 and text[0].kind == "city" else None
    early = [*title, *(mention for mention in text if mention.start < lead_tokens)]
    mentions = [*title, *text]
    in_title, in_early, in_all = (Counter(m.region for m in part) for part in (title, early, mentions))
    of_kind = Counter(
        (m.region, GROUP_BY_KIND[m.kind]) for m in (*early, *mentions)
    )  # early ones count twice
    weights = {r: 2 * in_title[r] + in_early[r] + in_all[r] for r in gazetteer.regions}
    total, n_early = sum(weights.values()) or 1, len(early) or 1
    ranked = sorted((r for r in weights if weights[r]), key=lambda r: -weights[r])
    values: list[float] = []
    for region in gazetteer.regions:
        share = weights[region] / total
        values += [
            float(in_title[region] > 0),
            log1p(in_title[region]),
            log1p(in_early[region] - in_title[region]),
            log1p(in_all[region] - in_early[region]),
            float(opening == region),
            float(bool(mentions) and mentions[0].region == region),
            1 / (1 + ranked.index(region)) if region in ranked else 0.0,
            share,
            in_early[region] / n_early,
            *(float(share > least) for least in SHARES),
            *(log1p(of_kind[region, group]) for group in GROUPS),
        ]
    return values

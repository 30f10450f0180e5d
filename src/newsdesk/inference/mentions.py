"""Find the places that an article mentions, and compute features of its regions from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log1p
from typing import NamedTuple

from .gazetteer import GROUP_BY_KIND, GROUPS, Gazetteer, Kind, Place, Rule

SHARES = (0.2, 0.4, 0.6)
# «لندن: «الشرق الأوسط»», «دبي - رويترز»: a dateline ends within the first tokens of a text, before the name
# of an agency, or of a newspaper that has the name of an area.
DATELINE_TOKENS = 3


class Mention(NamedTuple):
    """A place mentioned in `tokens[start:stop]`; `place` is the code of a country or a region."""

    start: int
    stop: int
    place: str
    region: str
    kind: Kind


class _Candidate(NamedTuple):
    """A name that may be a mention; `sure` unless its rule needs another mention of its country."""

    start: int
    stop: int
    places: tuple[Place, ...]
    sure: bool


def find_mentions(tokens: Sequence[str], gazetteer: Gazetteer) -> list[Mention]:
    """Find the places mentioned in a text, in order and without overlap; the longest spelling wins.

    Parameters
    ----------
    tokens : sequence of str
        As `text.tokenize` returns them.
    gazetteer : Gazetteer

    Examples
    --------
    >>> content = {"regions": ["europe"], "places": [["FR", "europe", "country"]], "rules": []}
    >>> gazetteer = Gazetteer.from_dict(content | {"forms": [[[0], None, ["فرنسا"]]]})
    >>> find_mentions(["قمه", "فرنسا"], gazetteer)
    [Mention(start=1, stop=2, place='FR', region='europe', kind='country')]
    """
    candidates = _find_candidates(tokens, gazetteer)
    return _resolve(candidates, _count_support(candidates))


def find_article_mentions(
    title_tokens: Sequence[str], text_tokens: Sequence[str], gazetteer: Gazetteer
) -> tuple[list[Mention], list[Mention]]:
    """Find the places mentioned in title and text; clear names of one resolve ambiguous ones of the other."""
    title, text = _find_candidates(title_tokens, gazetteer), _find_candidates(text_tokens, gazetteer)
    support = _count_support([*title, *text])
    return _resolve(title, support), _resolve(text, support)


def _find_candidates(tokens: Sequence[str], gazetteer: Gazetteer) -> list[_Candidate]:
    candidates: list[_Candidate] = []
    media_stop = -1
    i = 0
    while i < len(tokens):
        begins_name = tokens[i] in gazetteer.forms or tokens[i] in gazetteer.longest
        match = _longest_match(tokens, i, gazetteer) if begins_name else None
        if match is None:
            i += 1
            continue
        kind = match.places[0].kind
        after_dateline = _ends_dateline(candidates, i)
        if kind == "media" or (kind == "area" and after_dateline and not tokens[i].startswith("و")):
            media_stop = match.stop
            if after_dateline:
                candidates.pop()
        elif not (kind == "demonym" and i == media_stop):  # «نيويورك تايمز الأميركية»
            candidates.append(match)
        i = match.stop
    return candidates


def _longest_match(tokens: Sequence[str], start: int, gazetteer: Gazetteer) -> _Candidate | None:
    longest = gazetteer.longest.get(tokens[start], 1)
    for stop in range(min(start + longest, len(tokens)), start, -1):
        form = gazetteer.forms.get(tokens[start] if stop == start + 1 else " ".join(tokens[start:stop]))
        if form is None:
            continue
        sure = True if form.rule is None else _apply_rule(form.rule, tokens, start, stop)
        if sure is not None:
            return _Candidate(start, stop, tuple(gazetteer.places[i] for i in form.places), sure)
    return None


def _apply_rule(rule: Rule, tokens: Sequence[str], start: int, stop: int) -> bool | None:
    """Return True if a name counts, False if it needs another mention of its country, None if it does not."""
    previous = tokens[start - 1] if start else ""
    following = tokens[stop] if stop < len(tokens) else ""
    if previous in rule.not_after or following in rule.not_before:
        return None
    if previous in rule.after or following in rule.before:
        return True
    if rule.named:
        return False
    return None if rule.after or rule.before else True


def _ends_dateline(candidates: Sequence[_Candidate], stop: int) -> bool:
    """Return whether a city or country at the beginning of the text ends here."""
    if stop > DATELINE_TOKENS or not candidates:
        return False
    return candidates[-1].stop == stop and candidates[-1].places[0].kind in ("city", "country")


def _count_support(candidates: Sequence[_Candidate]) -> Counter[str]:
    """Count the sure mentions by support key; names with one meaning first, they resolve the others."""
    sure = [c.places for c in candidates if c.sure]
    support = Counter(places[0].support_key for places in sure if len(places) == 1)
    return support + Counter(_likeliest(places, support).support_key for places in sure if len(places) > 1)


def _likeliest(places: Sequence[Place], support: Mapping[str, int]) -> Place:
    return max(places, key=lambda place: support.get(place.support_key, 0))


def _resolve(candidates: Sequence[_Candidate], support: Mapping[str, int]) -> list[Mention]:
    mentions = []
    for start, stop, places, sure in candidates:
        place = places[0] if len(places) == 1 else _likeliest(places, support)
        if place.region is not None and (sure or support.get(place.support_key, 0)):
            mentions.append(Mention(start, stop, place.code, place.region, place.kind))
    return mentions


def place_feature_names(regions: Sequence[str]) -> list[str]:
    """List the names of the values of `place_features`, the same ones for each region."""
    names = [
        "title", "title_count", "lead_count", "body_count", "opening_city", "first", "rank", "share",
        "early_share", *(f"share_over_{share}" for share in SHARES), *GROUPS,
    ]  # fmt: skip
    return [f"{region}:{name}" for region in regions for name in names]


def place_features(
    title_tokens: Sequence[str], text_tokens: Sequence[str], gazetteer: Gazetteer, *, lead_tokens: int = 60
) -> list[float]:
    """Compute the features of the regions of an article, named by `place_feature_names`, from its mentions.

    Counts are log(1 + n). `share` is the region's share of all mentions, where one in the title weighs four
    times and one in the lead twice as much as another; `early_share` is that of the mentions in title and
    lead; `rank` is 1 for the largest share, 1/2 for the next. A city that opens the text is usually a
    dateline: it counts as `opening_city` only.
    """
    title, text = find_article_mentions(title_tokens, text_tokens, gazetteer)
    opening = text.pop(0).region if text and text[0].start == 0 and text[0].kind == "city" else None
    early = [*title, *(mention for mention in text if mention.start < lead_tokens)]
    mentions = [*title, *text]
    in_title, in_early, in_all = (Counter(m.region for m in part) for part in (title, early, mentions))
    # early mentions are counted twice
    by_group = Counter((m.region, GROUP_BY_KIND[m.kind]) for m in (*early, *mentions))
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
            *(log1p(by_group[region, group]) for group in GROUPS),
        ]
    return values

"""Explain the score of a label: what each word and place of the article adds to it.

The score is linear, so nothing is estimated: the contributions and the intercept add up to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np

from .alignment import AlignedText, align, token_spans
from .decision import FloatArray
from .gazetteer import GROUP_BY_KIND, GROUPS
from .mentions import Mention, find_article_mentions, place_feature_names
from .scorer import Scorer
from .text import CHAR_PREFIX, char_ngrams

Part = Literal["title", "text"]
Kind = Literal["word", "chars", "place", "home", "remainder"]

TOP = 20  # contributions of a label in the JSON form


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one span of the article adds to a label's score."""

    part: Part | None  # None, as `start` and `end`, for a home, a remainder, and places that count no mention
    start: int | None
    end: int | None
    surface: str  # `part[start:end]`, in code points
    kind: Kind
    term: str  # a stem or word n-gram, a character n-gram, the region of a place, or the code of the home
    value: float
    in_lead: bool = False  # whether it is among the first words of the text, which the model weighs apart


@dataclass(frozen=True, slots=True)
class Explanation:
    """A label's score, the log-odds of its probability: the sum of `intercept` and all `contributions`."""

    task: str
    label: str
    score: float
    intercept: float
    probability: float
    threshold: float
    contributions: tuple[Contribution, ...]


def explain(
    scorer: Scorer, title: str | None, text: str | None, *, labels: Sequence[str] | None = None,
    top: int | None = TOP, thresholds: Mapping[str, Sequence[float]] | None = None, home: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the `explanations` of an article as dictionaries, ready for JSON."""
    explained = explanations(scorer, title, text, labels=labels, top=top, thresholds=thresholds, home=home)
    return [asdict(explanation) for explanation in explained]


def explanations(
    scorer: Scorer, title: str | None, text: str | None, *, labels: Sequence[str] | None = None,
    top: int | None = None, thresholds: Mapping[str, Sequence[float]] | None = None, home: str | None = None,
) -> list[Explanation]:  # fmt: skip
    """Explain the scores of an article's labels.

    What a term adds is divided among its occurrences, and what a place feature adds among the mentions that
    it counts, by the weights that the model gives them.

    Parameters
    ----------
    scorer : Scorer
    title, text : str or None
    labels : sequence of str, optional
        Labels of any task; all by default.
    top : int, optional
        Number of contributions of each label, the largest; the others are summed up as one remainder.
    thresholds : mapping of str to sequence of float, optional
        By task, one for each label; by default those of the model.
    home : str, optional
        The home country of the article's source, as in `Scorer.predict`.

    Returns
    -------
    list of Explanation
        In the order of the model's labels. Empty if the article is not scored.

    Raises
    ------
    ValueError
        If the model has no such label, or no such country is known.

    Examples
    --------
    >>> from newsdesk.base.files import SHIPPED
    >>> scorer, text = Scorer.load(SHIPPED), "بحث المستشار الألماني سبل دعم الاقتصاد الأوروبي"
    >>> [explanation] = explanations(scorer, "قمة في برلين", text, labels=["europe"])
    >>> explanation.contributions[0].surface
    'برلين'
    """
    _check_labels(scorer, labels or ())
    title, text = title or "", text or ""
    probabilities, (reason,) = scorer.predict_proba([title], [text], [home])
    if reason:
        return []
    scores, added, from_home = _added_scores(scorer, title, text, home)
    found, contributed = _contributions(scorer, title, text, added)
    if home:
        found = [*found, Contribution(None, None, None, "", "home", home.strip().upper(), 0.0)]
        contributed = np.vstack([contributed, from_home])
    intercepts = scorer.log_odds(np.zeros(len(scores)))
    explained = []
    for head in scorer.heads:
        columns = range(head.columns.start, head.columns.stop)
        limits = (thresholds or {}).get(head.task, head.thresholds)
        for column, label, threshold in zip(columns, head.labels, limits, strict=True):
            if labels is None or label in labels:
                largest = _largest(found, contributed[:, column], top)
                values = (scores[column], intercepts[column], probabilities[0, column], threshold)
                score, intercept, probability, limit = map(float, values)
                explained.append(Explanation(head.task, label, score, intercept, probability, limit, largest))
    return explained


def _check_labels(scorer: Scorer, labels: Sequence[str]) -> None:
    known = {label for head in scorer.heads for label in head.labels}
    if unknown := sorted(set(labels) - known):
        raise ValueError(f"the model has no label {unknown[0]!r}; it has {', '.join(sorted(known))}")


def _added_scores(
    scorer: Scorer, title: str, text: str, home: str | None
) -> tuple[FloatArray, dict[int, FloatArray], FloatArray]:
    """Return the scores of an article, and what each column and the home add to them, (n_labels,) each."""
    reference, slope, labels = scorer.reference, scorer.model.slope, slice(len(scorer.model.slope))
    parts = reference.tokenize(title), reference.tokenize(text)
    columns, values = reference.row(*parts)
    products = reference.products(columns, values)[:, labels]
    of_home = reference.home_products(*parts, scorer.countries.number(home))[:, labels]
    total = np.cumsum([*products, *of_home], axis=0)[-1]  # in the scorer's order of summation
    added = dict(zip(columns.tolist(), products * slope, strict=True))
    return scorer.log_odds(total), added, of_home.sum(axis=0) * slope


def _contributions(
    scorer: Scorer, title: str, text: str, added: Mapping[int, FloatArray]
) -> tuple[list[Contribution], FloatArray]:
    """Return the contributions, still without values, and these, of shape (n_contributions, n_labels)."""
    table = scorer.reference.table
    parts: dict[Part, AlignedText] = {"title": align(title, table), "text": align(text, table)}
    terms, from_terms = _term_contributions(scorer, parts, added)
    places, from_places = _place_contributions(scorer, parts, added)
    return [*terms, *places], np.array([*from_terms, *from_places])


def _largest(found: Sequence[Contribution], values: FloatArray, top: int | None) -> tuple[Contribution, ...]:
    """Return the largest contributions to one label, with their values, and the remainder."""
    order = [int(i) for i in np.argsort(-np.abs(values), kind="stable") if values[i]]
    largest = tuple(replace(found[i], value=float(values[i])) for i in order[:top])
    rest = order[len(largest) :]
    if not rest:
        return largest
    number = f"{len(rest)} more"
    return (*largest, Contribution(None, None, None, "", "remainder", number, float(values[rest].sum())))


def _locate(part: Part, aligned: AlignedText, start: int, stop: int, kind: Kind, term: str) -> Contribution:
    """Return a contribution, still without value, of the span `normalized[start:stop]` of a part."""
    begin, end = aligned.span(start, stop)
    return Contribution(part, begin, end, aligned.original[begin:end], kind, term, 0.0)


def _term_contributions(
    scorer: Scorer, parts: Mapping[Part, AlignedText], added: Mapping[int, FloatArray]
) -> tuple[list[Contribution], list[FloatArray]]:
    """Divide what terms add among their occurrences; `added` maps columns to arrays of shape (n_labels,)."""
    settings, n_terms = scorer.info["features"], len(scorer.terms)
    occurrences: dict[int, list[tuple[int, int]]] = {}
    contributions: list[Contribution] = []
    for name, aligned in parts.items():
        weight = settings["title_weight"] if name == "title" else 1
        for term, start, stop, last_token in _find_terms(scorer, aligned.normalized):
            column = scorer.reference.columns.get(term, -1)
            in_lead = name == "text" and last_token < settings["lead_tokens"]
            counted = [column]
            if settings["lead_weight"] and column >= 0 and (in_lead or name == "title"):
                counted.append(n_terms + column)
            if used := [each for each in counted if each in added]:
                kind: Kind = "chars" if term.startswith(CHAR_PREFIX) else "word"
                found = _locate(name, aligned, start, stop, kind, term.removeprefix(CHAR_PREFIX))
                for each in used:
                    occurrences.setdefault(each, []).append((len(contributions), weight))
                contributions.append(replace(found, in_lead=in_lead))
    values = [np.zeros(len(scorer.model.slope)) for _ in contributions]
    for column, own in occurrences.items():
        total = sum(weight for _, weight in own)
        for occurrence, weight in own:
            values[occurrence] += added[column] * (weight / total)
    return contributions, values


def _find_terms(scorer: Scorer, normalized: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield each term that the scorer counts, its span in the normalized text and its last token's number."""
    settings, stem = scorer.info["features"], scorer.reference.stem
    n_before = 0
    for sentence in token_spans(normalized, scope=settings["ngram_scope"]):
        tokens = [normalized[start:stop] for start, stop in sentence]
        stems = stem(tokens) if stem else tokens
        for n in range(1, settings["ngram_max"] + 1):
            for i in range(len(tokens) - n + 1):
                last = i + n - 1
                yield " ".join(stems[i : i + n]), sentence[i][0], sentence[last][1], n_before + last
        if settings["char_ngrams"]:
            shortest, longest = settings["char_ngrams"]
            for number, (token, (begin, end)) in enumerate(zip(tokens, sentence, strict=True), n_before):
                for _, of_a_length in groupby(char_ngrams(token, shortest=shortest, longest=longest), len):
                    for at, ngram in enumerate(of_a_length, start=begin - 1):  # from the space before it on
                        # the spaces around a token are not in the text: leave them out, but keep one letter
                        start = min(max(begin, at), end - 1)
                        stop = max(start + 1, min(end, at + len(ngram)))
                        yield CHAR_PREFIX + ngram, start, stop, number
        n_before += len(tokens)


_PartMention = tuple[Part, Mention]


def _place_contributions(
    scorer: Scorer, parts: Mapping[Part, AlignedText], added: Mapping[int, FloatArray]
) -> tuple[list[Contribution], list[FloatArray]]:
    """Divide what place features add among the mentions that they count."""
    first, gazetteer = scorer.model.n_term_columns, scorer.model.gazetteer
    columns = [column for column in added if column >= first]
    if gazetteer is None or not columns:
        return [], []
    spans = {name: token_spans(aligned.normalized, scope="text")[0] for name, aligned in parts.items()}
    tokens = {name: [parts[name].normalized[a:b] for a, b in own] for name, own in spans.items()}
    title, text = find_article_mentions(tokens["title"], tokens["text"], gazetteer)
    names, lead_tokens = place_feature_names(gazetteer.regions), scorer.info["features"]["lead_tokens"]
    by_mention: dict[_PartMention | str, FloatArray] = {}
    for column in columns:
        region, _, feature = names[column - first].rpartition(":")
        weights: Mapping[_PartMention | str, float] = _counted_mentions(
            feature, region, title, text, lead_tokens=lead_tokens
        ) or {region: 1.0}
        total = sum(weights.values())
        for counted, weight in weights.items():
            share = added[column] * (weight / total)
            by_mention[counted] = by_mention.get(counted, 0.0) + share
    contributions = []
    for counted in by_mention:
        if isinstance(counted, str):  # a region: the feature counts no mention
            contributions.append(Contribution(None, None, None, "", "place", counted, 0.0))
        else:
            name, mention = counted
            start, stop = spans[name][mention.start][0], spans[name][mention.stop - 1][1]
            found = _locate(name, parts[name], start, stop, "place", mention.region)
            in_lead = name == "text" and mention.start < lead_tokens
            contributions.append(replace(found, in_lead=in_lead))
    return contributions, list(by_mention.values())


def _counted_mentions(
    feature: str, region: str, title: Sequence[Mention], text: Sequence[Mention], *, lead_tokens: int
) -> dict[_PartMention | str, float]:
    """Return the mentions that a feature of a region counts, with the weights that `place_features` uses."""
    opens = bool(text) and text[0].start == 0 and text[0].kind == "city"
    if feature == "opening_city":
        return {("text", text[0]): 1.0} if opens and text[0].region == region else {}
    mentions: list[_PartMention] = [("title", m) for m in title]
    mentions += [("text", m) for m in (text[1:] if opens else text)]
    if feature == "first":
        mentions = mentions[:1]
    weights: dict[_PartMention | str, float] = {}
    for name, mention in mentions:
        position = "title" if name == "title" else "lead" if mention.start < lead_tokens else "body"
        if feature in GROUPS:
            is_counted = GROUP_BY_KIND[mention.kind] == feature
            weight = is_counted * {"title": 2.0, "lead": 2.0, "body": 1.0}[position]
        elif feature in ("title", "title_count", "lead_count", "body_count"):
            weight = float(feature.removesuffix("_count") == position)
        elif feature == "early_share":
            weight = float(position != "body")
        else:
            weight = {"title": 4.0, "lead": 2.0, "body": 1.0}[position]
        if mention.region == region and weight:
            weights[name, mention] = weight
    return weights

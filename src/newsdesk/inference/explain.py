"""Why a model gives an article a label: what each word and place adds, where it stands in the text.

The score of a label is linear, so nothing is estimated: what is told here adds up to it. It needs NumPy, of
this project only what stands beside `scorer.py`, and so can travel in a packaged model.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from .mentions import GROUP_BY_KIND, GROUPS, Mention, feature_names, find_article_mentions
from .scorer import CHAR_TERM, SENTENCE_END, TOKEN, Scorer, normalize, sentences

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Table = Mapping[int, int | str | None]
Part = Literal["title", "text"]

TOP = 20  # contributions of a label, where JSON is asked for
LOOKS = 32  # how many cuts of a stretch that is not spelled letter by letter are tried
WINDOW = 100  # characters around its middle in which they are looked for
TATWEEL = "\u0640"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one stretch of the article adds to a label's score.

    `part[start:end]` is `surface`, counted in code points as Python does. `term` is what the model counts
    there: a stem or a run of them, a run of characters, or a place's region. A remainder, and what no
    place in the text can be held to account for, stand nowhere: their `part`, `start` and `end` are None.
    """

    part: Part | None
    start: int | None
    end: int | None
    surface: str
    kind: Literal["word", "chars", "place", "remainder"]
    term: str
    value: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A label's score, the log-odds of its probability: `intercept` and all `contributions` added up."""

    task: str
    label: str
    score: float
    intercept: float
    probability: float
    threshold: float
    contributions: tuple[Contribution, ...]


def explain(
    scorer: Scorer,
    title: str | None,
    text: str | None,
    *,
    labels: Sequence[str] | None = None,
    top: int | None = TOP,
    thresholds: Mapping[str, Sequence[float]] | None = None,
) -> list[dict[str, Any]]:
    """What `explanations` tells, in the form that JSON takes."""
    told = explanations(scorer, title, text, labels=labels, top=top, thresholds=thresholds)
    return [asdict(explanation) for explanation in told]


def explanations(
    scorer: Scorer,
    title: str | None,
    text: str | None,
    *,
    labels: Sequence[str] | None = None,
    top: int | None = None,
    thresholds: Mapping[str, Sequence[float]] | None = None,
) -> list[Explanation]:
    """Tell what speaks for and against an article's labels.

    A term's contribution is shared evenly by the places where it stands, those of the title counting as
    often as the model counts them. What the places of a region add by one value (`mentions.place_features`)
    is shared by the mentions that this value counts, each with the weight that it has there.

    Parameters
    ----------
    scorer : Scorer
    title, text : str or None
    labels : sequence of str, optional
        Of any task; all of them unless told.
    top : int, optional
        How many contributions to tell of each label, the weightiest; the others become one remainder.
    thresholds : mapping of str to sequence of float, optional
        By task, one a label; those of the model unless told.

    Returns
    -------
    list of Explanation
        In the order of the model's labels, contributions by falling weight. Empty where the model gives the
        article no scores: too short, not Arabic, or without a term that it knows.

    Raises
    ------
    ValueError
        If the model has no such label.
    """
    known = {label for head in scorer.heads for label in head.labels}
    if unknown := sorted(set(labels or ()) - known):
        raise ValueError(f"the model has no label {unknown[0]!r}; it has {', '.join(sorted(known))}")
    title, text = title or "", text or ""
    probabilities, (reason,) = scorer.predict_proba([title], [text])
    if reason:
        return []
    parts: dict[Part, _Aligned] = {
        "title": align(title, scorer._table), "text": align(text, scorer._table),
    }  # fmt: skip
    scope = scorer._features["ngram_scope"]
    columns, in_row = scorer._row(*(sentences(part.normalized, scope=scope) for part in parts.values()))
    coef = scorer._coef[columns]
    total = np.cumsum(in_row[:, None] * coef, axis=0)[-1]  # in the scorer's own order of summing
    scores = scorer._slope * (total + scorer._intercept) + scorer._offset
    intercepts = scorer._slope * scorer._intercept + scorer._offset
    added = in_row[:, None] * coef * scorer._slope
    found, values = _evidence(scorer, parts, dict(zip(columns.tolist(), added, strict=True)))
    explained = []
    for head in scorer.heads:
        limits = (thresholds or {}).get(head.task, head.thresholds)
        for i, label in enumerate(head.labels):
            if labels is not None and label not in labels:
                continue
            column = head.columns.start + i
            explained.append(
                Explanation(
                    head.task,
                    label,
                    float(scores[column]),
                    float(intercepts[column]),
                    float(probabilities[0, column]),
                    float(limits[i]),
                    _weightiest(found, values[:, column], top),
                )
            )
    return explained


def _weightiest(
    found: Sequence[Contribution], values: FloatArray, top: int | None
) -> tuple[Contribution, ...]:
    order = [int(i) for i in np.argsort(-np.abs(values), kind="stable") if values[i]]
    shown = tuple(replace(found[i], value=float(values[i])) for i in order[:top])
    rest = order[len(shown) :]
    if not rest:
        return shown
    words = f"{len(rest)} more"
    return (*shown, Contribution(None, None, None, "", "remainder", words, float(values[rest].sum())))


def _evidence(
    scorer: Scorer, parts: Mapping[Part, _Aligned], added: Mapping[int, FloatArray]
) -> tuple[list[Contribution], FloatArray]:
    """Every stretch that counts, still without value, and its values, shape (n_found, n_labels).

    `added` is what each column of the article's row adds, shape (n_labels,).
    """
    terms, of_terms = _terms(scorer, parts, added)
    places, of_places = _places(scorer, parts, added)
    return [*terms, *places], np.array([*of_terms, *of_places])


# terms


def _terms(
    scorer: Scorer, parts: Mapping[Part, _Aligned], added: Mapping[int, FloatArray]
) -> tuple[list[Contribution], list[FloatArray]]:
    stands: dict[int, list[tuple[Contribution, int]]] = {}
    for name, aligned in parts.items():
        weight = scorer._features["title_weight"] if name == "title" else 1
        for term, start, stop in _runs(scorer, aligned.normalized):
            column = scorer._index.get(term, -1)
            if column in added:
                kind: Literal["word", "chars"] = "chars" if term.startswith(CHAR_TERM) else "word"
                stretch = aligned.contribution(name, start, stop, kind, term.removeprefix(CHAR_TERM))
                stands.setdefault(column, []).append((stretch, weight))
    found, values = [], []
    for column, stretches in stands.items():
        total = sum(weight for _, weight in stretches)
        for stretch, weight in stretches:
            found.append(stretch)
            values.append(added[column] * (weight / total))
    return found, values


def _runs(scorer: Scorer, normalized: str) -> Iterator[tuple[str, int, int]]:
    """Every run that the scorer counts, and where it stands in the normalized text."""
    features = scorer._features
    for sentence in _token_spans(normalized, scope=features["ngram_scope"]):
        tokens = [normalized[start:stop] for start, stop in sentence]
        stems = scorer._stem(tokens) if scorer._stem else tokens
        for n in range(1, features["ngram_max"] + 1):
            for i in range(len(tokens) - n + 1):
                yield " ".join(stems[i : i + n]), sentence[i][0], sentence[i + n - 1][1]
        if features["char_ngrams"]:
            shortest, longest = features["char_ngrams"]
            for token, (begin, end) in zip(tokens, sentence, strict=True):
                for run, at in _char_runs(token, shortest=shortest, longest=longest):
                    # an edge counts as a space, and shows as the letter beside it where it stands alone
                    start = min(max(begin, begin + at), end - 1)
                    yield CHAR_TERM + run, start, max(start + 1, min(end, begin + at + len(run)))


def _token_spans(normalized: str, *, scope: str) -> list[list[tuple[int, int]]]:
    """Where the tokens of `scorer.sentences` stand."""
    ends = [m.start() for m in SENTENCE_END.finditer(normalized)] if scope == "sentence" else []
    starts = [0, *(end + 1 for end in ends)]
    return [
        [match.span() for match in TOKEN.finditer(normalized, start, stop)]
        for start, stop in zip(starts, [*ends, len(normalized)], strict=True)
    ]


def _char_runs(token: str, *, shortest: int, longest: int) -> Iterator[tuple[str, int]]:
    """The runs of `scorer.char_runs` and where in the token they begin, -1 being the edge before it."""
    padded = f" {token} "
    for n in range(shortest, longest + 1):
        for i in range(max(1, len(padded) - n + 1)):
            yield padded[i : i + n], i - 1
        if len(padded) <= n:
            break


# places

_Named = tuple[Part, Mention]


def _places(
    scorer: Scorer, parts: Mapping[Part, _Aligned], added: Mapping[int, FloatArray]
) -> tuple[list[Contribution], list[FloatArray]]:
    first, gazetteer = len(scorer.terms), scorer._gazetteer
    columns = [column for column in added if column >= first]
    if gazetteer is None or not columns:
        return [], []
    spans = {name: _token_spans(aligned.normalized, scope="text")[0] for name, aligned in parts.items()}
    tokens = {
        name: [parts[name].normalized[start:stop] for start, stop in spans[name]]
        for name in ("title", "text")
    }
    title, text = find_article_mentions(tokens["title"], tokens["text"], gazetteer)
    names = feature_names(gazetteer.regions)
    by_mention: dict[_Named | str, FloatArray] = {}
    for column in columns:
        region, _, value = names[column - first].rpartition(":")
        counted: Mapping[_Named | str, float] = _counted(
            value, region, title, text, lead_tokens=scorer._features["lead_tokens"]
        ) or {region: 1.0}
        total = sum(counted.values())
        for named, weight in counted.items():
            share = added[column] * (weight / total)
            by_mention[named] = by_mention.get(named, 0.0) + share
    found = []
    for named in by_mention:
        if isinstance(named, str):  # a value that no mention was counted for
            found.append(Contribution(None, None, None, "", "place", named, 0.0))
        else:
            name, mention = named
            start, stop = spans[name][mention.start][0], spans[name][mention.stop - 1][1]
            found.append(parts[name].contribution(name, start, stop, "place", mention.region))
    return found, list(by_mention.values())


def _counted(
    value: str, region: str, title: Sequence[Mention], text: Sequence[Mention], *, lead_tokens: int
) -> dict[_Named | str, float]:
    """The mentions that one of a region's values counts, each with its weight there.

    As `mentions.place_features` counts: a city that opens the text counts for that alone, and of the shares
    a mention in the title weighs four times, one in the lead twice what one in the body does.
    """
    opens = bool(text) and text[0].start == 0 and text[0].kind == "city"
    if value == "opening_city":
        return {("text", text[0]): 1.0} if opens and text[0].region == region else {}
    named: list[_Named] = [("title", m) for m in title]
    named += [("text", m) for m in (text[1:] if opens else text)]
    if value == "first":
        named = named[:1]
    weights: dict[_Named | str, float] = {}
    for name, mention in named:
        place = "title" if name == "title" else "lead" if mention.start < lead_tokens else "body"
        if value in GROUPS:
            counts = GROUP_BY_KIND[mention.kind] == value
            weight = counts * {"title": 2.0, "lead": 2.0, "body": 1.0}[place]
        elif value in ("title", "title_count", "lead_count", "body_count"):
            weight = float(value.removesuffix("_count") == place)
        elif value == "early_share":
            weight = float(place != "body")
        else:
            weight = {"title": 4.0, "lead": 2.0, "body": 1.0}[place]
        if mention.region == region and weight:
            weights[name, mention] = weight
    return weights


# from the normalized text back to the original


@dataclass(frozen=True, slots=True)
class _Aligned:
    """A text, its normalized form, and which stretch of it each normalized character comes from."""

    text: str
    normalized: str
    starts: tuple[int, ...]
    stops: tuple[int, ...]

    def contribution(
        self, part: Part, start: int, stop: int, kind: Literal["word", "chars", "place"], term: str
    ) -> Contribution:
        """A contribution, still without value, of what `normalized[start:stop]` comes from."""
        begin, end = self.starts[start], self.stops[stop - 1]
        return Contribution(part, begin, end, self.text[begin:end], kind, term, 0.0)


def align(text: str, table: Table) -> _Aligned:
    """Normalize a text, and tell of each normalized character from where it comes.

    Normalization removes, composes and expands characters, so the text is cut into pieces whose normalized
    forms, joined, are that of the whole; all characters of a piece come from the whole piece. Marks and
    tatweels that are removed go with the letter before them.
    """
    normalized = normalize(text, table)
    starts: list[int] = []
    stops: list[int] = []
    at = 0
    for piece, form in _pieces(text, normalized, table, {}):
        end = at + len(piece)
        if form:
            starts += [at] * len(form)
            stops += [end] * len(form)
        elif stops and stops[-1] == at and _clings(piece):
            last = starts[-1]
            for i in range(len(stops) - 1, -1, -1):
                if starts[i] != last:
                    break
                stops[i] = end
        at = end
    return _Aligned(text, normalized, tuple(starts), tuple(stops))


def _clings(piece: str) -> bool:
    return all(c == TATWEEL or unicodedata.category(c).startswith("M") for c in piece)


def _pieces(text: str, form: str, table: Table, cache: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Cut a text, whose normalized form is given, into pieces and their forms, as small as can be."""
    forms = [cache[c] if c in cache else cache.setdefault(c, normalize(c, table)) for c in text]
    if "".join(forms) == form:
        yield from zip(text, forms, strict=True)
        return
    for cut in _cuts(text):
        before, after = normalize(text[:cut], table), normalize(text[cut:], table)
        if before + after == form:
            yield from _pieces(text[:cut], before, table, cache)
            yield from _pieces(text[cut:], after, table, cache)
            return
    yield text, form


def _cuts(text: str) -> list[int]:
    """Where to try to cut: at spaces first, near the middle, so that halves are halves."""
    middle = len(text) // 2
    near = range(max(1, middle - WINDOW), min(len(text), middle + WINDOW + 1))
    return sorted(near, key=lambda cut: (not text[cut].isspace(), abs(cut - middle)))[:LOOKS]

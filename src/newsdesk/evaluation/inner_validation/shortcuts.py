"""Shortcuts: terms that name an outlet or lean on one, and articles without bylines or places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from newsdesk.base.normalization import Normalization, normalize
from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.text import CHAR_PREFIX, TOKEN, build_stemmer, tokenize
from newsdesk.training.targets import IntArray

N_TERMS = 100  # terms of the largest weights of each label
BYLINE_TOKENS = 8  # a line of at most as many tokens that names an outlet or agency is a byline
NAMING_SHARE = 0.5  # of its articles in which a term must be part of such a name; a common word is not


class MediaMention(NamedTuple):
    """An outlet or agency named in `text[start:stop]`; `first_token` is the number of its first token."""

    start: int
    stop: int
    first_token: int
    tokens: tuple[str, ...]


def select_media(gazetteer: Gazetteer) -> Gazetteer:
    """Keep the names of newspapers, agencies and channels only."""
    kinds = [place.kind for place in gazetteer.places]
    forms = {name: form for name, form in gazetteer.forms.items() if kinds[form.places[0]] == "media"}
    return replace(gazetteer, forms=forms)


def find_media(normalized: str, media: Gazetteer) -> Iterator[MediaMention]:
    """Find outlets and agencies in a normalized text, the longest spelling at each place."""
    found = [*TOKEN.finditer(normalized)]
    tokens = [match.group() for match in found]
    i = 0
    while i < len(tokens):
        longest = min(i + media.longest.get(tokens[i], 1), len(tokens))
        stops = (stop for stop in range(longest, i, -1) if " ".join(tokens[i:stop]) in media.forms)
        if stop := next(stops, None):
            yield MediaMention(found[i].start(), found[stop - 1].end(), i, tuple(tokens[i:stop]))
        i = stop or i + 1


def strip_bylines(text: str, media: Gazetteer, normalization: Normalization) -> str:
    """Normalize a text, and remove bylines and the names of outlets and agencies.

    A byline is a line of at most `BYLINE_TOKENS` tokens that names an outlet or agency, and what precedes
    such a name within as many tokens from the start of the text («دبي - رويترز»).
    """
    lines = []
    for number, line in enumerate(normalize(text, normalization).split("\n")):
        mentions = [*find_media(line, media)]
        if not mentions or len(tokenize(line)) > BYLINE_TOKENS:
            lines.append(_strip_mentions(line, mentions, opening=0 if number else BYLINE_TOKENS))
    return "\n".join(lines)


def _strip_mentions(line: str, mentions: Iterable[MediaMention], *, opening: int = 0) -> str:
    """Remove names from a line, and what precedes a name that is among its first `opening` tokens."""
    kept, end = [], 0
    for mention in mentions:
        kept.append("" if mention.first_token < opening else line[end : mention.start])
        end = mention.stop
    return " ".join([*kept, line[end:]])


def without_bylines(corpus: ValidationCorpus) -> ValidationCorpus:
    """Apply `strip_bylines` to the texts of a corpus, and remove names of outlets from the titles."""
    normalization = corpus.settings.text
    media = select_media(corpus.read_gazetteer(normalization))
    articles = corpus.labelled.articles
    titles = [normalize(title, normalization) for title in articles["title"].to_pylist()]
    stripped = {
        "title": [_strip_mentions(title, find_media(title, media)) for title in titles],
        "text": [strip_bylines(text, media, normalization) for text in articles["text"].to_pylist()],
    }
    for column, texts in stripped.items():
        number = articles.schema.get_field_index(column)
        articles = articles.set_column(number, articles.schema.field(column), pa.array(texts, pa.string()))
    return replace(corpus, labelled=replace(corpus.labelled, articles=articles))


def without_places(corpus: ValidationCorpus) -> ValidationCorpus:
    """Keep the heads that use place features, and take these features from them."""
    settings = corpus.settings
    features = settings.features.model_copy(update={"places": False})
    targets = tuple(each for each in corpus.labelled.targets if each.task in settings.train.place_tasks)
    return replace(
        corpus,
        labelled=replace(corpus.labelled, targets=targets),
        settings=settings.model_copy(update={"features": features}),
    )


def rank_terms(corpus: ValidationCorpus) -> dict[str, list[dict[str, Any]]]:
    """Rank the terms of the largest weights by task: those that name an outlet or agency first, then by risk.

    Risk is the absolute weight times the share of the outlet in which the term is densest. Shares are of
    the rates of articles with the term, outlet by outlet, so that large and small outlets count alike.
    """
    every = np.ones(corpus.labelled.articles.num_rows, dtype=bool)
    whole = corpus.build_fold("none", train=every, held_out=~every)
    statistics = _TermStatistics(corpus, whole.terms)
    ranked = {}
    for targets in corpus.labelled.targets:
        X = whole.join_places(corpus.weigh_places(targets.task))
        field_weight = corpus.settings.train.field_weight_of(targets.task)
        coef, _ = whole.fit(corpus.fit, X, targets, field_weight=field_weight)
        rows = [
            {"task": targets.task, "label": label, "term": whole.term_names[column]}
            | statistics.describe(whole.term_names[column], column, weights[column])
            for label, weights in zip(targets.labels, coef[:, : whole.terms.shape[1]], strict=True)
            for column in np.argsort(-np.abs(weights), kind="stable")[:N_TERMS].tolist()
        ]
        ranked[targets.task] = sorted(rows, key=lambda row: (not row["names"], -row["risk"], row["term"]))
    return ranked


class _TermStatistics:
    """In which outlets a term is dense, and whether it names one."""

    def __init__(self, corpus: ValidationCorpus, X: sp.csr_matrix) -> None:
        outlets = corpus.labelled.columns.outlets.astype(str)
        self._outlets, self._codes, sizes = np.unique(outlets, return_inverse=True, return_counts=True)
        # an outlet with few articles has no rates
        self._sizes = np.where(sizes >= corpus.settings.train.min_positives, sizes, np.inf)
        self._columns = X.tocsc()
        self._articles_by_token = _find_media_tokens(corpus)
        tokens = [*self._articles_by_token]
        stem = build_stemmer(corpus.settings.features.stem) or (lambda tokens: tokens)
        self._stems = dict(zip(tokens, stem(tokens), strict=True))

    def describe(self, term: str, column: int, weight: float) -> dict[str, Any]:
        """Weight, densest outlet and risk of a term."""
        rows = self._columns.indices[self._columns.indptr[column] : self._columns.indptr[column + 1]]
        rates = np.bincount(self._codes[rows], minlength=len(self._outlets)) / self._sizes
        share = rates.max() / rates.sum() if rates.any() else 0.0
        return {
            "names": self._naming_share(term, rows) >= NAMING_SHARE,
            "weight": round(float(weight), 4),
            "outlet": str(self._outlets[rates.argmax()]),
            "share": round(float(share), 4),
            "n_articles": len(rows),
            "risk": round(float(abs(weight) * share), 4),
        }

    def _naming_share(self, term: str, rows: IntArray) -> float:
        """Share of the articles with a term in which it is part of the name of an outlet or agency."""
        if term.startswith(CHAR_PREFIX):
            run = term.removeprefix(CHAR_PREFIX)
            tokens = [token for token in self._articles_by_token if run in f" {token} "]
        else:
            tokens = [token for token, stem in self._stems.items() if stem == term]
        naming = set().union(*(self._articles_by_token[token] for token in tokens))
        return len(naming.intersection(rows.tolist())) / max(1, len(rows))


def _find_media_tokens(corpus: ValidationCorpus) -> dict[str, set[int]]:
    """Row numbers of the articles in which a token is part of the name of an outlet or agency, by token."""
    normalization = corpus.settings.text
    media = select_media(corpus.read_gazetteer(normalization))
    rows_by_token: dict[str, set[int]] = {}
    articles = corpus.labelled.articles
    columns = (articles[name].to_pylist() for name in ("title", "text"))
    for row, texts in enumerate(zip(*columns, strict=True)):
        for text in texts:
            for mention in find_media(normalize(text, normalization), media):
                for token in mention.tokens:
                    rows_by_token.setdefault(token, set()).add(row)
    return rows_by_token

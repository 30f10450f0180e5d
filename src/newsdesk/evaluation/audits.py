"""What labels, names, spellings and numbers of articles do to a model, told by outlets it never read.

All figures are of the inner validation (`validation`): no row of the test split or of an evaluation outlet
takes part.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from newsdesk.base.normalization import Normalization, normalize
from newsdesk.base.settings import Settings
from newsdesk.evaluation.cross_validation import (
    Fit,
    Fold,
    Scored,
    build_folds,
    calibrate,
    draw_mean_f1,
    score_outlets,
)
from newsdesk.evaluation.leave_one_outlet_out import Task
from newsdesk.evaluation.metrics import summarize_draws
from newsdesk.evaluation.splits import BoolArray, FloatArray, Rows
from newsdesk.features.lexical_fields import add_fields, field_matrix, spread_fields
from newsdesk.features.tfidf import ArabicTfidfVectorizer, place_matrix
from newsdesk.inference.mentions import Form, Gazetteer, feature_names, find_article_mentions
from newsdesk.inference.scorer import CHAR_TERM, TOKEN, stemmer, tokenize
from newsdesk.training.classifiers import fit_linear

DOUBT = 0.5  # a label of a lower quality is one that the model contradicts
READ = ("gold", "silver")  # origins of labels that somebody read an article for
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)  # of the learning curve
N_TERMS = 100  # of each label, those of the largest weights
N_EVIDENCE = 8  # terms shown of an error
BYLINE_TOKENS = 8  # a line as short, with an outlet or agency in it, is a byline; so is a text's beginning
NAMED_SHARE = 0.5  # of a term's articles that name an outlet by it: with fewer it is a word like any other
PLACE_TERM = "@"  # begins the name of a value of places, as "#" does that of a run of characters


@dataclass(frozen=True, slots=True)
class Study:
    """The labelled articles that may be read, and all that it takes to learn from them.

    Attributes
    ----------
    articles : table of shape (n_articles,)
    outlets : tuple of str
        Those that are left out in turn.
    fields : mapping
        Words by lexical field.
    read_gazetteer : callable
        Names of places, spelled as a normalization has them.
    """

    settings: Settings
    articles: pa.Table
    tasks: tuple[Task, ...]
    rows: Rows
    outlets: tuple[str, ...]
    fields: Mapping[str, Sequence[str]]
    read_gazetteer: Callable[[Normalization], Gazetteer]
    n_jobs: int = -1


@dataclass(frozen=True, slots=True)
class Outcome:
    """F1 by task as `validation.draw_mean_f1` gives it, and what it took.

    Attributes
    ----------
    n_train : dict of str to float
        Articles that trained a task, the mean over outlets; `n_terms`, the terms.
    seconds : float
        Processor time of featurizing all articles once for each outlet.
    """

    draws: dict[str, FloatArray]
    n_train: dict[str, float]
    n_terms: float
    seconds: float


def fold_study(study: Study) -> list[Fold]:
    """A fold for each outlet left out."""
    return build_folds(
        study.articles, study.rows, study.settings,
        outlets=study.outlets, fields=study.fields, n_jobs=study.n_jobs,
    )  # fmt: skip


def weigh_places(study: Study, task: str) -> sp.csr_matrix | None:
    """What the head of a task is told of places, shape (n_articles, n_values); None for nothing."""
    features = study.settings.features
    if not features.places or task not in study.settings.train.place_tasks:
        return None
    normalization = study.settings.text
    values = place_matrix(
        study.articles.select(["title", "text"]),
        study.read_gazetteer(normalization),
        normalization=normalization,
        lead_tokens=features.lead_tokens,
        n_jobs=study.n_jobs,
    )
    return features.place_weight * values


def fit_of(study: Study) -> Fit:
    """The classifier of the settings."""
    train = study.settings.train
    return lambda X, y, weights: fit_linear(
        X, y, sample_weight=weights,
        classifier=train.classifier, C=train.C, balanced=train.balanced, n_jobs=study.n_jobs,
    )  # fmt: skip


def score_study(study: Study, folds: Sequence[Fold], task: Task, fit: Fit | None = None) -> Scored:
    """Score a task on every outlet left out, by the classifier of the settings unless told."""
    return score_outlets(
        folds, task, fit or fit_of(study), groups=study.rows.groups,
        beside=weigh_places(study, task.name),
        field_weight=study.settings.train.field_weight_of(task.name),
    )  # fmt: skip


def try_study(study: Study) -> Outcome:
    """Featurize, train and measure every head on every outlet left out."""
    started = time.process_time()
    folds = fold_study(study)
    seconds = time.process_time() - started
    draws, n_train = {}, {}
    for task in study.tasks:
        scored = score_study(study, folds, task)
        _, said = calibrate(scored, **study.settings.train.decision_of(task.name))
        draws[task.name] = draw_mean_f1(scored, said, study.settings)
        n_train[task.name] = float(np.mean([(fold.train & (task.weights > 0)).sum() for fold in folds]))
    return Outcome(draws, n_train, float(np.mean([fold.terms.shape[1] for fold in folds])), seconds)


def tell_outcomes(outcomes: Mapping[str, Outcome], task: str, *, base: str) -> list[dict[str, Any]]:
    """A row a variant: F1 with intervals, and its change from the `base` with a paired interval."""
    rows = []
    for name, outcome in outcomes.items():
        if task in outcome.draws:
            change = outcome.draws[task] - outcomes[base].draws[task]
            rows.append(
                {"variant": name, "n_train": round(outcome.n_train[task]), "n_terms": round(outcome.n_terms)}
                | summarize_draws(outcome.draws[task])
                | summarize_draws(change, ("f1_macro_change", "f1_micro_change"))
            )
    return rows


# --- labels


def doubt_labels(study: Study, folds: Sequence[Fold], task: Task) -> tuple[list[dict[str, Any]], ...]:
    """Labels that a model which did not read the outlet contradicts, the surest contradictions first.

    The quality of a label is the probability that the model gives to what the label says, cleanlab's
    self-confidence, each label by itself. Sigmoids are those of trusted labels.

    Source: A. Thyagarajan et al., "Identifying incorrect annotations in multi-label classification data",
    2022.

    Parameters
    ----------
    folds : sequence of Fold
        Of `hold_all`, so that articles with labels of any origin are scored.

    Returns
    -------
    list of dict
        Article, label, whether it is given, probability and quality, and the title.
    list of dict
        Counts by origin and label, without text.
    """
    every = replace(task, trusted=task.weights > 0)
    scored = score_study(study, folds, every)
    probabilities, _ = calibrate(scored, known=task.trusted[scored.rows])
    quality = np.where(scored.y_true, probabilities, 1 - probabilities)
    quality[np.isnan(scored.scores)] = np.nan  # nothing was learned of the label
    origins = np.array(study.articles[f"{task.name}_origin"].to_pylist(), dtype=object)[scored.rows]
    titles = study.articles["title"].take(pa.array(scored.rows)).to_pylist()
    doubted = [
        {
            "article_id": study.rows.article_ids[scored.rows[i]],
            "outlet": scored.outlets[i],
            "task": task.name,
            "label": task.labels[j],
            "given": bool(scored.y_true[i, j]),
            "origin": origins[i],
            "probability": round(float(probabilities[i, j]), 4),
            "quality": round(float(quality[i, j]), 4),
            "title": titles[i],
        }
        for i, j in np.argwhere(quality < DOUBT)
    ]
    doubted.sort(key=lambda row: (row["quality"], row["article_id"], row["label"]))
    return doubted, [
        {"origin": origin, "label": label}
        | _count_doubts(scored.y_true[origins == origin, j], quality[origins == origin, j])
        for origin, (j, label) in product(sorted({*origins}), enumerate(task.labels))
    ]


def hold_all(study: Study) -> Study:
    """The study with every labelled article of an outlet held, not only those whose label is the truth."""
    return replace(study, rows=replace(study.rows, gold=study.rows.labelled & ~study.rows.barred))


def _count_doubts(given: BoolArray, quality: FloatArray) -> dict[str, int]:
    doubted = quality < DOUBT
    return {
        "n_given": int(given.sum()), "n_given_doubted": int((given & doubted).sum()),
        "n_not_given": int((~given).sum()), "n_not_given_doubted": int((~given & doubted).sum()),
    }  # fmt: skip


# --- shortcuts


class Named(NamedTuple):
    """An outlet or agency named in `text[start:stop]`, from the token of a number on."""

    start: int
    stop: int
    first_token: int
    tokens: tuple[str, ...]


def media_forms(gazetteer: Gazetteer) -> Gazetteer:
    """The names of newspapers, agencies and channels alone."""
    forms: dict[str, Form] = {
        spelling: form
        for spelling, form in gazetteer.forms.items()
        if gazetteer.places[form.places[0]].kind == "media"
    }
    return replace(gazetteer, forms=forms)


def find_media(normalized: str, media: Gazetteer) -> Iterator[Named]:
    """Outlets and agencies named in a normalized text, the longest spelling at each place."""
    found = [*TOKEN.finditer(normalized)]
    tokens = [match.group() for match in found]
    lengths = media.lengths
    i = 0
    while i < len(tokens):
        stop = next(
            (
                stop
                for stop in range(min(i + lengths.get(tokens[i], 0), len(tokens)), i, -1)
                if " ".join(tokens[i:stop]) in media.forms
            ),
            None,
        )
        if stop:
            yield Named(found[i].start(), found[stop - 1].end(), i, tuple(tokens[i:stop]))
        i = stop or i + 1


def strip_bylines(text: str, media: Gazetteer, normalization: Normalization) -> str:
    """A text, normalized, without the outlets and agencies that it names, nor its bylines.

    A byline is a line of at most `BYLINE_TOKENS` tokens that names one, and what stands before a name within
    as many tokens of the text's beginning («دبي - رويترز»).
    """
    lines = []
    for number, line in enumerate(normalize(text, normalization).split("\n")):
        named = [*find_media(line, media)]
        if named and len(tokenize(line)) <= BYLINE_TOKENS:
            continue
        kept, end = [], 0
        for name in named:
            opening = number == 0 and name.first_token < BYLINE_TOKENS
            kept.append("" if opening else line[end : name.start])
            end = name.stop
        lines.append(" ".join([*kept, line[end:]]))
    return "\n".join(lines)


def without_bylines(study: Study) -> Study:
    """The study of the same articles with `strip_bylines` of their texts; titles only lose the names."""
    normalization = study.settings.text
    media = media_forms(study.read_gazetteer(normalization))
    articles = study.articles
    for column, strip in (("title", _cut_names), ("text", strip_bylines)):
        stripped = [strip(text, media, normalization) for text in articles[column].to_pylist()]
        articles = articles.set_column(
            articles.schema.get_field_index(column),
            articles.schema.field(column),
            pa.array(stripped, pa.string()),
        )
    return replace(study, articles=articles)


def _cut_names(title: str, media: Gazetteer, normalization: Normalization) -> str:
    normalized = normalize(title, normalization)
    for name in reversed([*find_media(normalized, media)]):
        normalized = f"{normalized[: name.start]} {normalized[name.stop :]}"
    return normalized


def without_places(study: Study) -> Study:
    """The study with no head told of places, of the heads that are."""
    features = study.settings.features.model_copy(update={"places": False})
    tasks = tuple(task for task in study.tasks if task.name in study.settings.train.place_tasks)
    return replace(study, tasks=tasks, settings=study.settings.model_copy(update={"features": features}))


def rank_terms(study: Study) -> dict[str, list[dict[str, Any]]]:
    """The terms of the largest weights by task, those that name an outlet or agency first, then by risk.

    Risk is the weight, without its sign, times the share of the outlet in which the term is densest: of the
    shares of articles that hold it, outlet by outlet, so that a large outlet counts as much as a small one.
    A term `names` an outlet where `NAMED_SHARE` of its articles do so by a token that it comes from.
    Outlets with fewer than `train.min_positives` articles take no part.
    """
    settings = study.settings
    vectorizer = ArabicTfidfVectorizer(
        normalization=settings.text, n_jobs=study.n_jobs, **settings.features.terms
    )
    X = vectorizer.fit_transform(study.articles.select(["title", "text"]))
    terms = vectorizer.get_feature_names_out()
    fields = field_matrix(
        study.fields, terms.tolist(), normalization=settings.text, stem=settings.features.stem
    )
    held = X.tocsc()
    articles_by_token = _find_media_tokens(study)
    stem = stemmer(settings.features.stem) or (lambda tokens: tokens)
    stem_of = dict(zip(articles_by_token, stem([*articles_by_token]), strict=True))
    outlets, codes, sizes = np.unique(study.rows.outlets.astype(str), return_inverse=True, return_counts=True)
    sizes = np.where(sizes >= settings.train.min_positives, sizes, np.inf)
    ranked: dict[str, list[dict[str, Any]]] = {}
    for task in study.tasks:
        learn = task.weights > 0
        beside = weigh_places(study, task.name)
        features = X if beside is None else sp.hstack([X, beside], format="csr")
        field_weight = settings.train.field_weight_of(task.name)
        design = add_fields(features, X, fields, field_weight)
        coef, _ = fit_of(study)(design[learn], task.y[learn], task.weights[learn])
        coef = spread_fields(coef, fields, field_weight)
        rows = []
        for label, weights in zip(task.labels, coef[:, : len(terms)], strict=True):
            for column in np.argsort(-np.abs(weights), kind="stable")[:N_TERMS]:
                holding = held.indices[held.indptr[column] : held.indptr[column + 1]]
                rates = np.bincount(codes[holding], minlength=len(outlets)) / sizes
                share = rates.max() / rates.sum() if rates.any() else 0.0
                names = _named_share(terms[column], holding, articles_by_token, stem_of) >= NAMED_SHARE
                rows.append(
                    {
                        "task": task.name, "label": label, "term": terms[column], "names": names,
                        "weight": round(float(weights[column]), 4), "outlet": str(outlets[rates.argmax()]),
                        "share": round(float(share), 4), "n_articles": len(holding),
                        "risk": round(float(abs(weights[column]) * share), 4),
                    }
                )  # fmt: skip
        ranked[task.name] = sorted(rows, key=lambda row: (not row["names"], -row["risk"], row["term"]))
    return ranked


def _find_media_tokens(study: Study) -> dict[str, set[int]]:
    """The articles in which a token is part of the name of an outlet or agency, by token."""
    normalization = study.settings.text
    media = media_forms(study.read_gazetteer(normalization))
    articles: dict[str, set[int]] = {}
    for row, texts in enumerate(
        zip(study.articles["title"].to_pylist(), study.articles["text"].to_pylist(), strict=True)
    ):
        for text in texts:
            for name in find_media(normalize(text, normalization), media):
                for token in name.tokens:
                    articles.setdefault(token, set()).add(row)
    return articles


def _named_share(
    term: str, holding: Sequence[int], articles_by_token: Mapping[str, set[int]], stem_of: Mapping[str, str]
) -> float:
    """Share of the articles that hold a term in which it is part of the name of an outlet or agency."""
    if term.startswith(CHAR_TERM):
        tokens = [token for token in articles_by_token if term.removeprefix(CHAR_TERM) in f" {token} "]
    else:
        tokens = [token for token, stem in stem_of.items() if stem == term]
    naming = set().union(*(articles_by_token[token] for token in tokens))
    return len(naming.intersection(np.asarray(holding).tolist())) / max(1, len(holding))


# --- normalization and learning curve


def switch_spellings(study: Study) -> Iterator[tuple[str, Study]]:
    """The study with each switch of the normalization set to its other value in turn."""
    for name, value in study.settings.text.model_dump().items():
        changed = study.settings.text.model_copy(update={name: not value})
        yield (
            f"{name}: {str(not value).lower()}",
            replace(study, settings=study.settings.model_copy(update={"text": changed})),
        )


def thin_study(study: Study, share: float, *, seed: int) -> Study:
    """The study with a share of the groups that somebody read; labels of other origins all stay.

    Groups are taken in the order of their hash, so that a larger share holds a smaller one; what is tested
    stays as it is.
    """
    origins = {
        task.name: np.isin(np.array(study.articles[f"{task.name}_origin"].to_pylist(), dtype=object), READ)
        for task in study.tasks
    }
    groups = {*study.rows.groups[np.any([*origins.values()], axis=0)].tolist()}
    order = sorted(groups, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
    left = np.isin(study.rows.groups, order[round(share * len(order)) :])
    tasks = tuple(
        replace(task, weights=np.where(left & origins[task.name], 0.0, task.weights)) for task in study.tasks
    )
    labelled = np.any([task.weights > 0 for task in tasks], axis=0)
    return replace(study, tasks=tasks, rows=replace(study.rows, labelled=labelled))


# --- errors


def explain_errors(study: Study, folds: Sequence[Fold], task: Task) -> tuple[list[dict[str, Any]], ...]:
    """Wrong labels with the text and the evidence, and the pairs of labels that they make.

    Returns
    -------
    list of dict
        A row a wrong label of an article, the surest first: probability, the terms of the largest coefficient
        times value (those of places begin with "@"), and the places named.
    list of dict
        How often one label was `missed` and another `spurious`, without text; `none` where an article has
        errors of one kind alone.
    """
    beside = weigh_places(study, task.name)
    coefs: list[FloatArray] = []
    fit = fit_of(study)

    def keep_coef(X: sp.csr_matrix, y: BoolArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        coef, intercept = fit(X, y, weights)
        coefs.append(coef)
        return coef, intercept

    scored = score_study(study, folds, task, keep_coef)
    probabilities, said = calibrate(scored, **study.settings.train.decision_of(task.name))
    gazetteer = study.read_gazetteer(study.settings.text)
    place_terms = [] if beside is None else [PLACE_TERM + name for name in feature_names(gazetteer.regions)]
    wrong = scored.y_true != said
    rows = []
    field_weight = study.settings.train.field_weight_of(task.name)
    for fold, coef_of_fields in zip(folds, coefs, strict=True):
        coef = spread_fields(coef_of_fields, fold.fields, field_weight)
        own = np.flatnonzero((scored.outlets == fold.outlet) & wrong.any(axis=1))
        terms = np.array([*_terms_of(study, fold), *place_terms], dtype=object)
        X = fold.terms if beside is None else sp.hstack([fold.terms, beside], format="csr")
        for i in own:
            x = X[scored.rows[i]]
            article = study.articles.slice(int(scored.rows[i]), 1).to_pylist()[0]
            described = {
                "article_id": article["article_id"], "outlet": fold.outlet, "task": task.name,
                "truth": ";".join(_named(task.labels, scored.y_true[i])),
                "said": ";".join(_named(task.labels, said[i])),
                "probabilities": _join_values(task.labels, probabilities[i]),
            }  # fmt: skip
            found = {"places": _describe_places(article, gazetteer, study.settings.text)}
            texts = {"title": article["title"], "text": article["text"]}
            for j in np.flatnonzero(wrong[i]):
                values = x.data * coef[j, x.indices]
                strongest = np.argsort(-np.abs(values), kind="stable")[:N_EVIDENCE]
                evidence = {
                    "label": task.labels[j], "error": "spurious" if said[i, j] else "missed",
                    "probability": round(float(probabilities[i, j]), 4),
                    "terms": _join_values(terms[x.indices[strongest]], values[strongest]),
                }  # fmt: skip
                rows.append(described | evidence | found | texts)
    rows.sort(key=lambda row: (_rightness(row), row["article_id"], row["label"]))
    return rows, pair_errors(scored, said, task.labels)


def pair_errors(scored: Scored, said: BoolArray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """How many articles had a label missed and another said in its place, the commonest pair first."""
    pairs: Counter[tuple[str, str]] = Counter()
    for truth, told in zip(scored.y_true, said, strict=True):
        missed, spurious = truth & ~told, told & ~truth
        if missed.any() or spurious.any():
            pairs.update(product(_named(labels, missed) or ["none"], _named(labels, spurious) or ["none"]))
    return [
        {"missed": missed, "spurious": spurious, "n": n, "pair": f"{missed} / {spurious}"}
        for (missed, spurious), n in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    ]


def _rightness(row: Mapping[str, Any]) -> float:
    """The probability that the model gave to what is true of the label."""
    probability = float(row["probability"])
    return 1 - probability if row["error"] == "spurious" else probability


def _terms_of(study: Study, fold: Fold) -> list[str]:
    """Terms of a fold's columns; counted once more, since a fold keeps their values alone."""
    settings = study.settings
    vectorizer = ArabicTfidfVectorizer(
        normalization=settings.text, n_jobs=study.n_jobs, **settings.features.terms
    )
    texts = study.articles.select(["title", "text"]).filter(pa.array(fold.train))
    return list(vectorizer.fit(texts).get_feature_names_out())


def _describe_places(article: Mapping[str, Any], gazetteer: Gazetteer, normalization: Normalization) -> str:
    title, text = (tokenize(normalize(article[column], normalization)) for column in ("title", "text"))
    found = zip((title, text), find_article_mentions(title, text, gazetteer), strict=True)
    counts = Counter(
        f"{' '.join(own[m.start : m.stop])}={m.place}/{m.region}" for own, mentions in found for m in mentions
    )
    return "; ".join(f"{name} x{n}" if n > 1 else name for name, n in counts.most_common())


def _named(labels: Sequence[str], held: BoolArray) -> list[str]:
    return [label for label, is_held in zip(labels, held, strict=True) if is_held]


def _join_values(names: Sequence[str], values: FloatArray) -> str:
    return "; ".join(f"{name} {value:+.2f}" for name, value in zip(names, values, strict=True))

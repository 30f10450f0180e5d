"""Score articles: text in, regions and topics out.

`ReferenceFeatures`, in plain Python, and `CompiledFeatures`, for many articles if numba is installed, compute
linear scores that are equal to the last bit.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .decision import BALANCED, PROFILES, BoolArray, FloatArray, Prediction, sigmoid
from .home import NO_HOME, HomeBlock, HomeCountries, IntArray
from .locks import create_lock
from .mentions import place_feature_names, place_features
from .storage import UNREADABLE, PackagedModel, describe_error, read_model_folder, warn_of_other_code
from .stubs import MAX_STUB_WORDS, is_stub, stub_tokens
from .text import (
    CHAR_PREFIX,
    build_stemmer,
    char_ngrams,
    is_arabic,
    normalize,
    take_tokens,
    tokenize_sentences,
    word_ngrams,
)

COMPILE_FROM = 1000  # by then the plain implementation has taken as long as loading compiled code does
WARM_UP = ("قمة في باريس", "أعلنت الشرطة في باريس اليوم أن الهجوم على محطة القطارات لم يوقع ضحايا")
BATCH = 1024

Homes = Sequence[str | None] | None  # or an Arrow array of strings
Scores = tuple[FloatArray, list[str | None]]


class Scorer:
    """A packaged model, which threads may share; each process loads its own.

    Attributes
    ----------
    info : dict
        The content of `model.json`.
    heads : tuple of Head
    terms : tuple of str, shape (n_terms,)
    threads : int
        Threads of the compiled implementation, 1 unless set.
    compile_from : int
        Number of articles from which the compiled implementation pays. A call with so many loads it first.
        After so many in smaller calls a thread loads it, while the plain implementation answers.

    Examples
    --------
    >>> from newsdesk.base.files import SHIPPED
    >>> scorer = Scorer.load(SHIPPED)
    >>> title, text = "قمة في برلين", "بحث المستشار الألماني مع نظيره الفرنسي سبل دعم الاقتصاد الأوروبي."
    >>> [prediction] = scorer.predict([title], [text])
    >>> prediction.labels["region"]
    ['europe']
    >>> probabilities, unscored = scorer.predict_proba([title], [text])
    >>> (region, topic), reasons = scorer.decide(probabilities, unscored, "high_recall")
    >>> region.shape, reasons
    ((1, 7), [None])
    """

    def __init__(self, model: PackagedModel) -> None:
        self.model = model
        self.info = model.info
        self.heads = model.heads
        self.terms = model.terms
        self.countries = HomeCountries(model.info.get("taxonomy", {}))
        self.reference = ReferenceFeatures(model)
        self.compiled: CompiledFeatures | None = None
        self.threads = 1
        self.compile_from = COMPILE_FROM
        self._n_scored = 0
        self._loading_process = 0  # the one whose thread loads the compiled implementation
        self._lock = create_lock()

    @classmethod
    def load(cls, folder: str | Path) -> Scorer:
        """Read a model folder; nothing in it is executed.

        Warns with a RuntimeWarning if the model was evaluated with other code than this.

        Raises
        ------
        ValueError
            If the folder holds no model, or one of a format that this code does not know.
        """
        folder = Path(folder)
        try:
            scorer = cls(read_model_folder(folder))
        except UNREADABLE as error:
            raise ValueError(f"{folder}: no readable model ({describe_error(error)})") from error
        warn_of_other_code(folder, scorer.info)
        return scorer

    @property
    def uses_home(self) -> bool:
        """Whether the model has learned what the home country of a source says."""
        return bool(self.info["features"]["home"])

    def predict(
        self, titles: Iterable[str | None], texts: Iterable[str | None], profile: str = BALANCED,
        homes: Homes = None,
    ) -> list[Prediction]:  # fmt: skip
        """Label articles.

        Parameters
        ----------
        titles, texts : iterables of str or None, or Arrow arrays of strings, shape (n_articles,)
        profile : str
            The set of thresholds, one of `PROFILES`.
        homes : sequence of str or None, or Arrow array of strings, shape (n_articles,), optional
            The home country of each article's source by ISO 3166-1 code, such as DZ; None if it has none.

        Returns
        -------
        list of Prediction, shape (n_articles,)

        Raises
        ------
        ValueError
            If the profile or a home is unknown, or a title or text is not a string.
        """
        probabilities, main_scores, unscored = self.score(titles, texts, homes)
        assigned, reasons = self.decide(probabilities, unscored, profile)
        orders = [head.rank(main_scores) for head in self.heads]
        predictions = []
        for row, reason in enumerate(reasons):
            labels: dict[str, list[str]] = {head.task: [] for head in self.heads}
            scores: dict[str, dict[str, float]] = {head.task: {} for head in self.heads}
            if not unscored[row]:
                for head, is_assigned, order in zip(self.heads, assigned, orders, strict=True):
                    labels[head.task] = [head.labels[i] for i in order[row] if is_assigned[row, i]]
                    own = probabilities[row, head.columns].tolist()
                    scores[head.task] = dict(zip(head.labels, own, strict=True))
            predictions.append(Prediction(labels, scores, reason))
        return predictions

    def decide(
        self, probabilities: FloatArray, unscored: Sequence[str | None], profile: str = BALANCED
    ) -> tuple[list[BoolArray], list[str | None]]:
        """Return the labels of articles with these probabilities, and why an article has no label.

        Parameters
        ----------
        probabilities, unscored
            As `predict_proba` returns them.
        profile : str
            One of `PROFILES`, or a ValueError is raised.

        Returns
        -------
        assigned : list of bool ndarray of shape (n_articles, n_labels of the head)
            One for each head.
        reasons : list of str or None, shape (n_articles,)
        """
        if profile not in PROFILES:
            raise ValueError(f"profile: expected one of {', '.join(PROFILES)}, found {profile!r}")
        assigned = [head.decide(probabilities[:, head.columns], profile) for head in self.heads]
        reasons = list(unscored)
        unlabelled = ~np.any([is_assigned.any(axis=1) for is_assigned in assigned], axis=0)
        for row in np.flatnonzero(unlabelled):
            if reasons[row] is None:
                no_label = np.prod(1.0 - probabilities[row])
                reasons[row] = "ambiguous" if no_label < 0.5 else "no_evidence"
        return assigned, reasons

    def predict_proba(
        self, titles: Iterable[str | None], texts: Iterable[str | None], homes: Homes = None
    ) -> Scores:
        """Return `probabilities` and `unscored` of `score`; the parameters are those of `predict`."""
        probabilities, _, unscored = self.score(titles, texts, homes)
        return probabilities, unscored

    def score(
        self, titles: Iterable[str | None], texts: Iterable[str | None], homes: Homes = None
    ) -> tuple[FloatArray, FloatArray, list[str | None]]:
        """Score all labels of all heads; the parameters are those of `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_articles, n_labels)
            NaN for articles that are not scored; `columns` of a head are those of its labels.
        main_scores : ndarray of shape (n_articles, n_labels)
            By these the labels of an article are ordered, as `Head.rank` does.
        unscored : list of str or None, shape (n_articles,)
            Why an article is not scored.
        """
        scores, reasons = self.linear_scores(titles, texts, homes)
        n_labels = len(self.model.slope)
        probabilities = sigmoid(self.log_odds(scores[:, :n_labels]))
        probabilities[[reason is not None for reason in reasons]] = np.nan
        return probabilities, scores[:, n_labels:] + self.model.intercept[n_labels:], reasons

    def linear_scores(
        self, titles: Iterable[str | None], texts: Iterable[str | None], homes: Homes = None
    ) -> Scores:
        """Return the features of each article times the coefficients, and why an article is not scored."""
        all_titles, all_texts = _as_sequence(titles), _as_sequence(texts)
        n = len(all_texts)
        if len(all_titles) != n:
            raise ValueError(f"{len(all_titles)} titles for {n} texts; give one of each an article")
        regions = self._home_regions(homes, n)
        features = self._choose_features(n)
        scores = np.empty((n, len(self.model.intercept)))
        reasons: list[str | None] = []
        for start in range(0, n, BATCH):
            batch = slice(start, start + BATCH)
            scores[batch], unscored = features.score(all_titles[batch], all_texts[batch], regions[batch])
            reasons += unscored
        return scores, reasons

    def _home_regions(self, homes: Homes, n_articles: int) -> IntArray:
        """Return the numbers of the home regions of articles, shape (n_articles,)."""
        if homes is None:
            return np.full(n_articles, NO_HOME)
        codes = _as_list(homes)
        if len(codes) != n_articles:
            raise ValueError(f"{len(codes)} homes for {n_articles} texts; give one of each an article")
        return self.countries.numbers(codes)

    def log_odds(self, scores: FloatArray) -> FloatArray:
        """Return calibrated log-odds of linear scores, whose last axis is the labels."""
        intercept = self.model.intercept[: len(self.model.slope)]
        return self.model.slope * (scores + intercept) + self.model.offset

    def warm_up(self) -> None:
        """Load the compiled implementation, and compile it if no earlier process of this user has."""
        self.compile_from = 0
        self._load_compiled()

    def _choose_features(self, n_articles: int) -> ReferenceFeatures | CompiledFeatures:
        """Return the implementation that is to score so many articles."""
        self._n_scored += n_articles
        if self.compiled is None and n_articles >= self.compile_from:
            self._load_compiled()
        elif self.compiled is None and self._n_scored >= self.compile_from:
            self._start_loading()
        if self.compiled is None:
            return self.reference
        self.compiled.threads = self.threads
        return self.compiled

    def _start_loading(self) -> None:
        """Load the compiled implementation in a thread, once in each process."""
        if self._loading_process != os.getpid() and self._lock.acquire(blocking=False):
            try:
                if self.compiled is None and self._loading_process != os.getpid():
                    self._loading_process = os.getpid()
                    threading.Thread(target=self._load_compiled, name="newsdesk-compile").start()
            finally:
                self._lock.release()

    def _load_compiled(self) -> None:
        """Load the compiled implementation, and compile what it calls; one thread does."""
        with self._lock:
            if self.compiled is None and _can_compile():
                compiled = CompiledFeatures(self.model, self.reference)
                compiled.score([WARM_UP[0]], [WARM_UP[1]], np.array([NO_HOME]))
                self.compiled = compiled
            elif self.compiled is None:
                self.compile_from = sys.maxsize  # do not try again


class ReferenceFeatures:
    """Features and linear scores of articles, in plain Python."""

    def __init__(self, model: PackagedModel) -> None:
        table = model.info["normalization"]
        self.columns = {term: column for column, term in enumerate(model.terms)}
        self.table = str.maketrans(table["from"], table["to"], table["remove"])
        self.stem = build_stemmer(model.info["features"]["stem"])
        self._model = model
        self._settings = model.info["features"]
        self._home = build_home_block(model)
        self.stub_tokens = stub_tokens(self.normalize)

    def score(self, titles: Any, texts: Any, homes: IntArray) -> Scores:
        """Return linear scores and why an article is not scored, as `Scorer.linear_scores`."""
        scores = np.zeros((len(texts), len(self._model.intercept)))
        reasons: list[str | None] = []
        for i, (title, text) in enumerate(zip(_strings(titles), _strings(texts), strict=True)):
            parts = self.tokenize(title), self.tokenize(text)
            tokens = [token for part in parts for sentence in part for token in sentence]
            reason = None
            is_short = len(tokens) <= MAX_STUB_WORDS
            if is_short and not self.stub_tokens.isdisjoint(tokens) and is_stub(title, text):
                reason = "stub"
            elif len(tokens) < self._settings["min_words"]:
                reason = "too_short"
            elif not is_arabic(f"{title}\n{text}"):
                reason = "not_arabic"
            else:
                columns, values = self.row(*parts)
                if len(columns):
                    # cumsum adds in the order of the compiled implementation; sum would not
                    products = [*self.products(columns, values), *self.home_products(*parts, homes[i])]
                    scores[i] = np.cumsum(products, axis=0)[-1]
                else:
                    reason = "no_evidence"
            reasons.append(reason)
        return scores, reasons

    def tokenize(self, text: str) -> list[list[str]]:
        """Return the tokens of a title or text, by sentence."""
        return tokenize_sentences(self.normalize(text), scope=self._settings["ngram_scope"])

    def normalize(self, text: str) -> str:
        """Normalize a text as the model was trained."""
        return normalize(text, self.table)

    def row(self, title: list[list[str]], text: list[list[str]]) -> tuple[IntArray, FloatArray]:
        """Return columns and values of an article's features that are not zero, shape (n_values,) each."""
        settings = self._settings
        blocks = [*self._term_blocks(title, text)]
        if settings["lead_weight"]:
            lead = take_tokens(text, settings["lead_tokens"])
            blocks += self._term_blocks(
                title, lead, weight=settings["lead_weight"], first=len(self._model.terms)
            )
        columns, values = zip(*blocks, self._places(title, text), strict=True)
        return np.concatenate(columns), np.concatenate(values)

    def _term_blocks(
        self, title: list[list[str]], text: list[list[str]], *, weight: float = 1.0, first: int = 0
    ) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield columns and values of words, then of character n-grams, in columns from `first` on."""
        settings = self._settings
        words: Counter[str] = Counter()
        chars: Counter[str] = Counter()
        for part, count in ((title, settings["title_weight"]), (text, 1)):
            for tokens in part:
                stems = self.stem(tokens) if self.stem else tokens
                for ngram in word_ngrams(stems, ngram_max=settings["ngram_max"]):
                    words[ngram] += count
                if settings["char_ngrams"]:
                    shortest, longest = settings["char_ngrams"]
                    for token in tokens:
                        for ngram in char_ngrams(token, shortest=shortest, longest=longest):
                            chars[CHAR_PREFIX + ngram] += count
        for counts, own_weight in ((words, settings["word_weight"]), (chars, settings["char_weight"])):
            columns, values = self._tfidf(counts, own_weight * weight)
            yield first + columns, values

    def products(self, columns: IntArray, values: FloatArray) -> FloatArray:
        """Return value times coefficient for each label, shape (n_values, n_labels)."""
        products: FloatArray = values[:, None] * self._model.coef[columns]
        return products

    def home_products(self, title: list[list[str]], text: list[list[str]], home: int) -> FloatArray:
        """Return value times coefficient of the columns of a home, shape (n_columns, n_labels)."""
        if self._home is None or home == NO_HOME:
            return np.zeros((0, len(self._model.intercept)))
        places = self._place_features(title, text)[None]
        products: FloatArray = self._home.products(places, np.array([home]))[0]
        return products

    def _tfidf(self, counts: Counter[str], weight: float) -> tuple[IntArray, FloatArray]:
        known = sorted((i, n) for term, n in counts.items() if (i := self.columns.get(term)) is not None)
        columns = np.array([i for i, _ in known], dtype=np.intp)
        sublinear, norm = self._settings["sublinear_tf"], self._settings["norm"]
        tf = np.array([math.log(n) + 1.0 if sublinear else float(n) for _, n in known])
        values = tf * self._model.idf[columns]
        if norm and len(values):
            # cumsum adds in the order of the compiled implementation; sum would not
            total = np.cumsum(values * values if norm == "l2" else values)[-1]
            values = values / (np.sqrt(total) if norm == "l2" else total)
        return columns, values * weight

    def _place_features(self, title: list[list[str]], text: list[list[str]]) -> FloatArray:
        """Compute `mentions.place_features` of an article, shape (n_place_features,)."""
        gazetteer = self._model.gazetteer
        if gazetteer is None:
            return np.empty(0)
        title_tokens, text_tokens = ([token for tokens in part for token in tokens] for part in (title, text))
        lead_tokens = self._settings["lead_tokens"]
        return np.array(place_features(title_tokens, text_tokens, gazetteer, lead_tokens=lead_tokens))

    def _places(self, title: list[list[str]], text: list[list[str]]) -> tuple[IntArray, FloatArray]:
        values = self._settings["place_weight"] * self._place_features(title, text)
        columns = np.flatnonzero(values)
        return self._model.n_term_columns + columns, values[columns]


class CompiledFeatures:
    """Features and linear scores of articles by the compiled kernel."""

    def __init__(self, model: PackagedModel, reference: ReferenceFeatures) -> None:
        from .charmap import build_maps  # imports numba, which is slow
        from .engine import Engine, build_term_weights

        settings = model.info["features"]
        words = [term for term in model.terms if not term.startswith(CHAR_PREFIX)]
        chars = [term.removeprefix(CHAR_PREFIX) for term in model.terms[len(words) :]]
        self.threads = 1
        self._coef = model.coef[: model.n_term_columns + n_place_features(model)]
        self._home = build_home_block(model)
        self._place_weight, self._min_words = settings["place_weight"], settings["min_words"]
        self._engine = Engine(
            normalize=reference.normalize,
            maps=build_maps(reference.normalize),
            ngram_max=settings["ngram_max"],
            sentences=settings["ngram_scope"] == "sentence",
            char_ngrams=settings["char_ngrams"],
            title_weight=settings["title_weight"],
            stem=reference.stem,
            gazetteer=model.gazetteer,
            lead_tokens=settings["lead_tokens"],
            marked=reference.stub_tokens,
        )
        self._engine.vocabulary.set_terms(words, chars)
        self._weights = build_term_weights(
            model.idf[: len(words)], model.idf[len(words) :], sublinear=settings["sublinear_tf"],
            norm=settings["norm"], word_weight=settings["word_weight"], char_weight=settings["char_weight"],
            lead_tokens=settings["lead_tokens"], lead_weight=settings["lead_weight"],
        )  # fmt: skip

    def score(self, titles: Any, texts: Any, homes: IntArray) -> Scores:
        """Return linear scores and why an article is not scored, as `Scorer.linear_scores`."""
        with self._engine.lock:
            self._engine.threads = self.threads
            batch = self._engine.scan(titles, texts)
            places = self._engine.place_features(batch)
            weighted = self._place_weight * places
            scores, n_values = self._engine.scores(batch, self._weights, weighted, self._coef)
            has_stub_token = self._engine.has_marked(batch)
        if self._home:
            self._home.add(scores, places, homes)

        def read(row: int) -> str:
            [title], [text] = _strings(titles[row : row + 1]), _strings(texts[row : row + 1])
            return f"{title}\n{text}"

        reasons = np.full(len(scores), None, dtype=object)
        reasons[n_values == 0] = "no_evidence"
        reasons[~batch.is_arabic(read)] = "not_arabic"
        n_tokens = batch.n_tokens()
        reasons[n_tokens < self._min_words] = "too_short"
        maybe = np.flatnonzero((n_tokens <= MAX_STUB_WORDS) & has_stub_token)
        for row, title, text in zip(maybe, _rows(titles, maybe), _rows(texts, maybe), strict=True):
            if is_stub(title, text):
                reasons[row] = "stub"
        return scores, reasons.tolist()


def build_home_block(model: PackagedModel) -> HomeBlock | None:
    """Return the coefficients of a model's home features, None if it has none."""
    if not model.info["features"]["home"] or model.gazetteer is None:
        return None
    coef = model.coef[model.n_term_columns + n_place_features(model) :]
    return HomeBlock(coef, len(model.gazetteer.regions))


def n_place_features(model: PackagedModel) -> int:
    """Return the number of columns of a model's place features."""
    return len(place_feature_names(model.gazetteer.regions)) if model.gazetteer else 0


def _can_compile() -> bool:
    """Return whether numba and the compiled implementation can be imported."""
    try:
        from . import engine  # noqa: F401
    except (ImportError, OSError) as error:
        if getattr(error, "name", None) != "numba":  # numba is optional: its absence is no news
            warnings.warn(f"no compiled path, so scoring is slow: {error}", RuntimeWarning, stacklevel=2)
        return False
    return True


def _as_sequence(values: Iterable[str | None]) -> Any:
    """Return values that can be sliced: Arrow arrays and lists unchanged, others as a list."""
    return values if isinstance(values, list) or hasattr(values, "to_pylist") else list(values)


def _as_list(values: Any) -> list[Any]:
    return values.to_pylist() if hasattr(values, "to_pylist") else list(values)


def _rows(values: Any, rows: IntArray) -> list[str]:
    """Return the strings of some rows."""
    return _strings(values.take(rows) if hasattr(values, "to_pylist") else [values[row] for row in rows])


def _strings(values: Any) -> list[str]:
    """Return a list of strings, "" for None."""
    values = values.to_pylist() if hasattr(values, "to_pylist") else values
    strings = ["" if value is None else value for value in values]
    for value in strings:
        if not isinstance(value, str):
            raise ValueError(f"expected texts, found {type(value).__name__}")
    return strings

"""What scores: text in, regions and topics out.

It needs NumPy and the modules beside it, with which it is copied into every MLflow model and export.
It holds the reference implementation of normalization, tokens and terms: training counts the terms that the
model is served with; `mentions.py` finds the places. Many articles are scored by the compiled path, in
`engine.py` and `kernel.py`, where numba is installed; its scores are the same to the last bit.
"""

from __future__ import annotations

import gzip
import html
import json
import math
import re
import sys
import threading
import unicodedata
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .code import code_sha256
from .mentions import Gazetteer, feature_names, place_features

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

FORMAT = 5
TERMS = "terms.json.gz"
PLACES = "places.json.gz"
CHAR_TERM = "#"
BALANCED = "balanced"
PROFILES = (BALANCED, "high_precision", "high_recall")  # sets of thresholds to choose from
UNREADABLE = (
    OSError, EOFError, ImportError, KeyError, IndexError, TypeError, ValueError, AttributeError,
    NotImplementedError, RecursionError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
STEMMERS = {"snowball": "arabic"}  # algorithms of PyStemmer
COMPILE_FROM = 256  # articles; fewer are done before the compiled path is loaded, let alone compiled
BATCH = 1024
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
SEPARATOR = re.compile("[\x0b\x0c\x1c-\x1f\x85]")  # these part words; the other controls stand within them
CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x9f]")
TOKEN = re.compile(r"\w\w+")
SENTENCE_END = re.compile("[.!?\u061f\n]")
LETTER = re.compile(r"[^\W\d_]")
ARABIC_LETTER = re.compile(
    "[\u0620-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc\u06ff\u0750-\u077f\ufb50-\ufefc]"
)
# Letters of Persian, Urdu, Pashto, Kurdish and Uyghur that Arabic spelling has no use for, the Farsi yeh and
# keheh among them. Arabic news shows a few in foreign names, and some keyboards write all yehs so.
FOREIGN_LETTER = re.compile("[پچژگکیٹڈڑےہھںۀېۍڼړښځڅډڕڵۆێەۇۈۋڭ]")
ARABIC_WORD = re.compile(
    r"(?:[وفبك]?ال\w+|لل\w+|في|من|على|إلى|الى|أن|ان|عن|مع|هذا|هذه|التي|الذي|بعد|قال|كان)"
)
# what a character can be, for the compiled path
CLASSES = {
    "word": re.compile(r"\w"), "end": SENTENCE_END,
    "letter": LETTER, "arabic": ARABIC_LETTER, "foreign": FOREIGN_LETTER,
}  # fmt: skip
MIN_ARABIC_LETTERS = 0.3  # scraped articles carry scripts and lists of foreign titles
MAX_FOREIGN_LETTERS = 0.02
MIN_ARABIC_WORDS = 0.15


def repair_text(text: str) -> str:
    """Mend what a saved or scraped text suffers: HTML entities, control characters and outer space."""
    if ENTITY.search(text):
        text = html.unescape(text)
    return CONTROL.sub("", SEPARATOR.sub(" ", text)).strip()


def normalize(text: str, table: Mapping[int, int | str | None]) -> str:
    """Bring a text to the spelling in which terms are counted.

    Compatibility forms are composed (NFKC), letters folded or removed by `table` and case lowered, again
    until nothing changes: removing a mark can let its neighbours compose. So the result is a fixed point.

    Parameters
    ----------
    text : str
    table : mapping of int to int, str or None
        As `str.translate` takes it; `newsdesk.text.build_table` makes one from settings.
    """
    while True:
        folded = unicodedata.normalize("NFKC", text).translate(table).lower()
        if folded == text:
            return folded
        text = folded


def tokenize(normalized: str) -> list[str]:
    """Split a normalized text into runs of at least two letters or digits."""
    return TOKEN.findall(normalized)


def sentences(normalized: str, *, scope: str) -> list[list[str]]:
    """Tokens of a normalized text, by sentence where runs of words end with it (`scope` "sentence")."""
    parts = SENTENCE_END.split(normalized) if scope == "sentence" else [normalized]
    return [tokenize(part) for part in parts]


def word_runs(words: Sequence[str], *, ngram_max: int) -> list[str]:
    """Runs of 1 to `ngram_max` words, joined by spaces; none for 0."""
    return [" ".join(words[i : i + n]) for n in range(1, ngram_max + 1) for i in range(len(words) - n + 1)]


def char_runs(token: str, *, shortest: int, longest: int) -> list[str]:
    """Runs of characters within a word, whose edges count as spaces, as in scikit-learn's `char_wb`."""
    padded, runs = f" {token} ", []
    for n in range(shortest, longest + 1):
        runs += [padded[i : i + n] for i in range(max(1, len(padded) - n + 1))]
        if len(padded) <= n:
            break  # a short word counts once, not once a length
    return runs


def stemmer(name: str | None) -> Callable[[list[str]], list[str]] | None:
    """The function that stems a list of normalized words, or None for no stemming.

    Raises
    ------
    ValueError
        If PyStemmer is not installed.
    """
    if name is None:
        return None
    try:
        from Stemmer import Stemmer
    except ImportError:
        raise ValueError("words are stemmed by PyStemmer, which is missing: pip install PyStemmer") from None
    stem = Stemmer(STEMMERS[name], 0).stemWords  # a cache of its own would cost more than it saves
    return lambda words: [stemmed or word for stemmed, word in zip(stem(words), words, strict=True)]


def is_arabic(text: str) -> bool:
    """Tell whether a text is in Arabic, and not in another language or in another one's Arabic script.

    Two shares decide: of Arabic letters among all letters, and, where letters foreign to Arabic are more
    than a name or two, of words with the Arabic article or of Arabic's commonest words.
    """
    n_letters = len(LETTER.findall(text))
    if not n_letters or len(ARABIC_LETTER.findall(text)) < MIN_ARABIC_LETTERS * n_letters:
        return False
    if len(FOREIGN_LETTER.findall(text)) <= MAX_FOREIGN_LETTERS * n_letters:
        return True
    words = re.findall(r"\w+", text)
    return sum(ARABIC_WORD.fullmatch(word) is not None for word in words) >= MIN_ARABIC_WORDS * len(words)


@dataclass(frozen=True, slots=True)
class Head:
    """One task's labels and what turns their scores into a decision.

    `thresholds` are probabilities in (0, 1]; a label holds where its probability reaches its threshold.
    These are the balanced ones; `profiles` has the sets of `PROFILES`, these among them.
    `most` and `floor` are those of `decide`.
    """

    task: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    columns: slice
    profiles: Mapping[str, tuple[float, ...]]
    most: int | None = None
    floor: float | None = None

    def decide(self, probabilities: FloatArray, profile: str = BALANCED) -> BoolArray:
        """Which labels hold; both of shape (n_articles, n_labels).

        Who asks for recall is denied no label by `most`, who asks for precision is given none by `floor`.
        """
        most = None if profile == "high_recall" else self.most
        floor = None if profile == "high_precision" else self.floor
        return decide(probabilities, self.profiles[profile], most=most, floor=floor)


def decide(
    probabilities: FloatArray,
    thresholds: Sequence[float] | FloatArray,
    *,
    most: int | None,
    floor: float | None,
) -> BoolArray:
    """Which labels hold: those that reach their threshold, within what is known of how many an article has.

    A probability of NaN reaches nothing.

    Parameters
    ----------
    probabilities : ndarray of shape (n_articles, n_labels)
    thresholds : sequence of float, shape (n_labels,)
    most : int or None
        Most labels of an article: its likeliest are kept.
    floor : float or None
        Probability from which an article gets its likeliest label where none reaches its threshold.

    Returns
    -------
    bool ndarray of shape (n_articles, n_labels)
    """
    held: BoolArray = probabilities >= np.asarray(thresholds)
    if floor is not None:
        best = probabilities.argmax(axis=1)
        silent = ~held.any(axis=1) & (probabilities[np.arange(len(best)), best] >= floor)
        held[silent, best[silent]] = True
    if most is not None:
        order = np.argsort(-np.where(held, probabilities, -1.0), axis=1, kind="stable")
        np.put_along_axis(held, order[:, most:], False, axis=1)
    return held


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one article.

    `labels` and `scores` are by task: the labels that hold, main one first, and every label's
    probability. `reason` tells why nothing is said: `not_arabic`, `too_short`, `no_evidence`, or `ambiguous`
    where no label is certain enough, though the article likelier has one than none.
    """

    labels: dict[str, list[str]]
    scores: dict[str, dict[str, float]]
    reason: str | None


class Scorer:
    """A packaged model: `Scorer.load(folder).predict(titles, texts)`.

    Threads may share one; processes load one each.

    Attributes
    ----------
    heads : tuple of Head
    terms : tuple of str, shape (n_terms,)
        Words and runs of them, then runs of characters, which begin with `CHAR_TERM`.
    info : dict
        The model's `model.json`.
    threads : int
        Of the compiled path.
    compile_from : int
        How many articles must come before the compiled path is loaded, or compiled.
    """

    def __init__(
        self,
        info: Mapping[str, Any],
        terms: Sequence[str],
        weights: Mapping[str, np.ndarray[Any, Any]],
        gazetteer: Gazetteer | None,
    ) -> None:
        self.info = dict(info)
        self.terms = tuple(terms)
        self.threads = 1
        self.compile_from = COMPILE_FROM
        self._features = info["features"]
        fold = info["normalization"]
        self._table = str.maketrans(fold["from"], fold["to"], fold["remove"])
        self._stem = stemmer(self._features["stem"])
        self._gazetteer = gazetteer
        self._index = {term: i for i, term in enumerate(self.terms)}
        self._idf = np.asarray(weights["idf"], dtype=np.float64)
        self._coef = np.ascontiguousarray(weights["coef"], dtype=np.float32)  # (n_rows, n_labels)
        self._intercept = np.asarray(weights["intercept"], dtype=np.float64)
        self._slope = np.asarray(weights["slope"], dtype=np.float64)
        self._offset = np.asarray(weights["offset"], dtype=np.float64)
        heads, start = [], 0
        for head in info["heads"]:
            stop = start + len(head["labels"])
            profiles = {name: tuple(own) for name, own in _read_profiles(head).items()}
            heads.append(
                Head(
                    head["task"], tuple(head["labels"]), profiles[BALANCED], slice(start, stop), profiles,
                    head.get("most"), head.get("floor"),
                )
            )  # fmt: skip
            start = stop
        self.heads = tuple(heads)
        self._n_scored = 0
        self._compiled: tuple[Any, Any] | None = None
        self._lock = threading.Lock()  # one thread loads the compiled path

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
            info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if info["format"] != FORMAT:
                raise ValueError(f"model format {info['format']}, this code reads {FORMAT}")
            terms = read_packed(folder / TERMS)
            weights = read_weights(folder / "weights.npz")
            _check_features(info["features"])
            _check_terms(terms)
            _check_heads(info["heads"])
            gazetteer, n_places = _read_gazetteer(folder) if info["features"]["places"] else (None, 0)
            n_labels = sum(len(head["labels"]) for head in info["heads"])
            _check_weights(weights, len(terms), n_places, n_labels)
            scorer = cls(info, terms, weights, gazetteer)
        except UNREADABLE as error:
            raise ValueError(f"{folder}: no readable model ({_said(error)})") from error
        if info.get("code_sha256") != code_sha256():
            named = str(info.get("code_sha256"))[:12]
            differs = f"evaluated with code {named}, scored with code {code_sha256()[:12]}; scores may differ"
            warnings.warn(f"{folder}: {differs}", RuntimeWarning, stacklevel=2)
        return scorer

    def predict(
        self, titles: Iterable[str | None], texts: Iterable[str | None], profile: str = BALANCED
    ) -> list[Prediction]:
        """Label articles.

        Parameters
        ----------
        titles, texts : iterables of str or None, or Arrow arrays of strings, shape (n_articles,)
        profile : str
            The set of thresholds, one of `PROFILES`.

        Returns
        -------
        list of Prediction, shape (n_articles,)
            In the order of the input, one for each, whatever it holds.

        Raises
        ------
        ValueError
            If there is no such profile.
        """
        probabilities, unscored = self.predict_proba(titles, texts)
        held, reasons = self.decide(probabilities, unscored, profile)
        orders = [np.argsort(-probabilities[:, head.columns], axis=1, kind="stable") for head in self.heads]
        predictions = []
        for row, reason in enumerate(reasons):
            if unscored[row]:
                silent: dict[str, list[str]] = {head.task: [] for head in self.heads}
                predictions.append(Prediction(silent, {head.task: {} for head in self.heads}, reason))
                continue
            labels, scores = {}, {}
            for head, holds, order in zip(self.heads, held, orders, strict=True):
                labels[head.task] = [head.labels[i] for i in order[row] if holds[row, i]]
                own = probabilities[row, head.columns].tolist()
                scores[head.task] = dict(zip(head.labels, own, strict=True))
            predictions.append(Prediction(labels, scores, reason))
        return predictions

    def decide(
        self, probabilities: FloatArray, unscored: Sequence[str | None], profile: str = BALANCED
    ) -> tuple[list[BoolArray], list[str | None]]:
        """What holds of articles with these probabilities, and why nothing does where nothing does.

        Parameters
        ----------
        probabilities, unscored
            As `predict_proba` gives them.
        profile : str
            One of `PROFILES`.

        Returns
        -------
        list of bool ndarray of shape (n_articles, n_labels of the head)
            One a head.
        list of str or None, shape (n_articles,)

        Raises
        ------
        ValueError
            If there is no such profile.
        """
        if profile not in PROFILES:
            raise ValueError(f"profile: expected one of {', '.join(PROFILES)}, found {profile!r}")
        held = [head.decide(probabilities[:, head.columns], profile) for head in self.heads]
        reasons = list(unscored)
        silent = ~np.any([holds.any(axis=1) for holds in held], axis=0)
        for row in np.flatnonzero(silent):
            if reasons[row] is None:
                none_holds = np.prod(1.0 - probabilities[row])
                reasons[row] = "ambiguous" if none_holds < 0.5 else "no_evidence"
        return held, reasons

    def predict_proba(
        self, titles: Iterable[str | None], texts: Iterable[str | None]
    ) -> tuple[FloatArray, list[str | None]]:
        """Probabilities of all labels of all heads, and why an article was not scored, if it was not.

        Returns
        -------
        ndarray of shape (n_articles, n_labels)
            NaN in the rows that were not scored; the heads' `columns` tell which label is where.
        list of str or None, shape (n_articles,)
        """
        of_titles, of_texts = _sequence(titles), _sequence(texts)
        n = len(of_texts)
        if len(of_titles) != n:
            raise ValueError(f"{len(of_titles)} titles for {n} texts; give one of each an article")
        self._n_scored += n
        score = self._score_compiled if self._load_compiled() else self._score_plain
        scores = np.empty((n, len(self._intercept)))
        reasons: list[str | None] = []
        for start in range(0, n, BATCH):
            batch = slice(start, start + BATCH)
            scores[batch], why = score(of_titles[batch], of_texts[batch])
            reasons += why
        probabilities = _sigmoid(self._slope * (scores + self._intercept) + self._offset)
        probabilities[[reason is not None for reason in reasons]] = np.nan
        return probabilities, reasons

    # the plain path

    def _score_plain(self, titles: Any, texts: Any) -> tuple[FloatArray, list[str | None]]:
        scores, reasons = np.zeros((len(texts), len(self._intercept))), []
        for row, (title, text) in enumerate(zip(_strings(titles), _strings(texts), strict=True)):
            parts = [
                sentences(normalize(part, self._table), scope=self._features["ngram_scope"])
                for part in (title, text)
            ]
            reason = None
            if sum(len(sentence) for part in parts for sentence in part) < self._features["min_words"]:
                reason = "too_short"
            elif not is_arabic(f"{title}\n{text}"):
                reason = "not_arabic"
            else:
                columns, values = self._row(*parts)
                if len(columns):  # summed one after the other, as the compiled path does
                    scores[row] = np.cumsum(values[:, None] * self._coef[columns], axis=0)[-1]
                else:
                    reason = "no_evidence"
            reasons.append(reason)
        return scores, reasons

    def _row(
        self, title: list[list[str]], text: list[list[str]]
    ) -> tuple[np.ndarray[Any, np.dtype[np.intp]], FloatArray]:
        """Columns and values of an article's known terms and of its places, each of shape (n_known,)."""
        words: Counter[str] = Counter()
        chars: Counter[str] = Counter()
        for part, weight in ((title, self._features["title_weight"]), (text, 1)):
            for tokens in part:
                stems = self._stem(tokens) if self._stem else tokens
                for run in word_runs(stems, ngram_max=self._features["ngram_max"]):
                    words[run] += weight
            if self._features["char_ngrams"]:
                shortest, longest = self._features["char_ngrams"]
                for token in (token for tokens in part for token in tokens):
                    for run in char_runs(token, shortest=shortest, longest=longest):
                        chars[CHAR_TERM + run] += weight
        blocks = [
            self._block(words, self._features["word_weight"]),
            self._block(chars, self._features["char_weight"]),
            self._place_block(title, text),
        ]
        return np.concatenate([b[0] for b in blocks]), np.concatenate([b[1] for b in blocks])

    def _block(
        self, counts: Counter[str], weight: float
    ) -> tuple[np.ndarray[Any, np.dtype[np.intp]], FloatArray]:
        known = sorted((i, n) for term, n in counts.items() if (i := self._index.get(term)) is not None)
        columns = np.array([i for i, _ in known], dtype=np.intp)
        sublinear, norm = self._features["sublinear_tf"], self._features["norm"]
        values = (
            np.array([math.log(n) + 1.0 if sublinear else float(n) for _, n in known]) * self._idf[columns]
        )
        if norm and len(values):
            total = np.cumsum(values * values if norm == "l2" else values)[-1]
            values = values / (np.sqrt(total) if norm == "l2" else total)
        return columns, values * weight

    def _place_block(
        self, title: list[list[str]], text: list[list[str]]
    ) -> tuple[np.ndarray[Any, np.dtype[np.intp]], FloatArray]:
        if self._gazetteer is None:
            return np.empty(0, np.intp), np.empty(0)
        title_tokens, text_tokens = ([token for tokens in part for token in tokens] for part in (title, text))
        values = self._features["place_weight"] * np.array(
            place_features(
                title_tokens, text_tokens, self._gazetteer, lead_tokens=self._features["lead_tokens"]
            )
        )
        named = np.flatnonzero(values)
        return len(self.terms) + named, values[named]

    # the compiled path

    def _load_compiled(self) -> bool:
        """Whether the compiled path is there; it is loaded when enough articles have come."""
        if self._compiled is None and self._n_scored >= self.compile_from:
            with self._lock:
                if self._compiled is None:
                    engine = _load_engine()
                    if engine:
                        self._compiled = self._build(engine)
                    else:
                        self.compile_from = sys.maxsize  # it will not be there the next time either
        return self._compiled is not None

    def _build(self, module: Any) -> tuple[Any, Any]:
        features = self._features

        def fold(text: str) -> str:
            return normalize(text, self._table)

        engine = module.Engine(
            normalize=fold,
            maps=module.build_maps(fold, CLASSES),
            ngram_max=features["ngram_max"],
            sentences=features["ngram_scope"] == "sentence",
            char_ngrams=features["char_ngrams"],
            title_weight=features["title_weight"],
            stem=self._stem,
        )
        if self._gazetteer:
            engine.set_places(self._gazetteer, lead_tokens=features["lead_tokens"])
        words = [term for term in self.terms if not term.startswith(CHAR_TERM)]
        engine.set_terms(words, [term.removeprefix(CHAR_TERM) for term in self.terms[len(words) :]])
        weights = module.build_weights(
            self._idf[: len(words)],
            self._idf[len(words) :],
            sublinear=features["sublinear_tf"],
            norm=features["norm"],
            word_weight=features["word_weight"],
            char_weight=features["char_weight"],
        )
        return engine, weights

    def _score_compiled(self, titles: Any, texts: Any) -> tuple[FloatArray, list[str | None]]:
        assert self._compiled is not None
        engine, weights = self._compiled
        with engine.lock:
            engine.threads = self.threads
            scanned = engine.scan(titles, texts)
            places = self._features["place_weight"] * engine.place_values(scanned)
            scores, n_known = engine.scores(scanned, weights, places, self._coef)
        n_letters, n_arabic, n_foreign = scanned.letters.T
        arabic = (n_letters > 0) & (n_arabic >= MIN_ARABIC_LETTERS * n_letters)
        unsure = scanned.slow | (arabic & (n_foreign > MAX_FOREIGN_LETTERS * n_letters))
        for row in np.flatnonzero(unsure):
            (title,), (text,) = _strings(titles[row : row + 1]), _strings(texts[row : row + 1])
            arabic[row] = is_arabic(f"{title}\n{text}")
        reasons = np.full(len(scores), None, dtype=object)
        reasons[n_known == 0] = "no_evidence"
        reasons[~arabic] = "not_arabic"
        reasons[scanned.n_tokens() < self._features["min_words"]] = "too_short"
        return scores, reasons.tolist()


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _check_features(features: Any) -> None:
    """Raise a ValueError unless the settings of the features are of their types and in their ranges."""
    tests: dict[str, Callable[[Any], bool]] = {
        "ngram_scope": lambda v: v in ("text", "sentence"),
        "stem": lambda v: v is None or v in STEMMERS,
        "word_weight": lambda v: _is_number(v, 0, math.inf),
        "char_weight": lambda v: _is_number(v, 0, math.inf),
        "sublinear_tf": lambda v: isinstance(v, bool),
        "norm": lambda v: v in (None, "l1", "l2"),
        "min_words": lambda v: isinstance(v, int) and _is_number(v, 0, math.inf),
        "places": lambda v: isinstance(v, bool),
        "place_weight": lambda v: _is_number(v, 0, math.inf),
        "lead_tokens": lambda v: _is_count(v, 0, 1_000_000),
    }
    for name, holds in tests.items():
        if not holds(features[name]):
            raise ValueError(f"features.{name}: {features[name]!r} is not understood")
    check_counted(features["ngram_max"], features["char_ngrams"], features["title_weight"])


def check_counted(ngram_max: Any, char_ngrams: Any, title_weight: Any) -> None:
    """Raise a ValueError unless the runs to count are ones that the compiled path has room for."""
    if not _is_count(ngram_max, 0, 10):
        raise ValueError(f"ngram_max: expected an integer from 0 to 10, found {ngram_max!r}")
    if not _is_count(title_weight, 1, 1000):
        raise ValueError(f"title_weight: expected an integer from 1 to 1000, found {title_weight!r}")
    if char_ngrams is not None:
        pair = isinstance(char_ngrams, tuple | list) and len(char_ngrams) == 2
        if not (pair and all(_is_count(n, 1, 10) for n in char_ngrams) and char_ngrams[0] <= char_ngrams[1]):
            raise ValueError(f"char_ngrams: expected 1 <= shortest <= longest <= 10, found {char_ngrams!r}")
    elif not ngram_max:
        raise ValueError("neither words nor characters to count; set ngram_max or char_ngrams")


def _is_count(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and least <= int(value) <= most


def _check_terms(terms: Any) -> None:
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        raise ValueError(f"{TERMS}: not a list of strings")
    if len(set(terms)) != len(terms):
        raise ValueError(f"{TERMS}: a term stands twice")
    kinds = [term.startswith(CHAR_TERM) for term in terms]
    if kinds != sorted(kinds):
        raise ValueError(f"{TERMS}: words stand behind characters")


def _check_heads(heads: Any) -> None:
    if not heads or len({head["task"] for head in heads}) != len(heads):
        raise ValueError("heads: none, or two of one task")
    for head in heads:
        labels = head["labels"]
        named = isinstance(head["task"], str) and all(isinstance(label, str) for label in labels)
        if not named or len(set(labels)) != len(labels):
            raise ValueError(f"heads: labels of {head['task']!r} are not distinct names")
        for name, thresholds in _read_profiles(head).items():
            if len(thresholds) != len(labels) or not all(_is_number(t, 0, 1) for t in thresholds):
                found = f"{head['task']} has not one {name} threshold from 0 to 1 a label"
                raise ValueError(f"heads: {found}")
        most, floor = head.get("most"), head.get("floor")
        if most is not None and not _is_count(most, 1, len(labels)):
            raise ValueError(
                f"heads: {head['task']}: expected 1 to {len(labels)} labels at most, found {most!r}"
            )
        if floor is not None and not _is_number(floor, 0, 1):
            raise ValueError(f"heads: {head['task']}: expected a floor from 0 to 1, found {floor!r}")


def _read_profiles(head: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    """The thresholds of a head of `model.json` by profile."""
    return {name: head["thresholds"] if name == BALANCED else head["profiles"][name] for name in PROFILES}


def _check_weights(
    weights: Mapping[str, np.ndarray[Any, Any]], n_terms: int, n_places: int, n_labels: int
) -> None:
    shapes = {
        "coef": (n_terms + n_places, n_labels), "idf": (n_terms,),
        "intercept": (n_labels,), "slope": (n_labels,), "offset": (n_labels,),
    }  # fmt: skip
    for name, shape in shapes.items():
        if weights[name].shape != shape:
            found = f"{name} of shape {weights[name].shape}"
            wanted = f"{n_terms} terms, {n_places} values of places and {n_labels} labels"
            raise ValueError(f"weights.npz: {found} for {wanted}")
        if weights[name].dtype.kind != "f" or not np.isfinite(weights[name]).all():
            raise ValueError(f"weights.npz: {name} holds what is no finite number")


def _sequence(values: Iterable[str | None]) -> Any:
    """What can be sliced: Arrow arrays and lists as they are, all else as a list."""
    return values if isinstance(values, list) or hasattr(values, "to_pylist") else list(values)


def _strings(values: Any) -> list[str]:
    strings = [
        "" if v is None else v for v in (values.to_pylist() if hasattr(values, "to_pylist") else values)
    ]
    for value in strings:
        if not isinstance(value, str):
            raise ValueError(f"expected texts, found {type(value).__name__}")
    return strings


def _said(error: BaseException) -> str:
    """Our own words stand for themselves; of another's error the kind is told too."""
    return str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"


def read_packed(path: Path) -> Any:
    """Read JSON that is packed by gzip.

    Raises
    ------
    ValueError
        If it is cut, or no such JSON.
    """
    packed = path.read_bytes()
    try:
        return json.loads(gzip.decompress(packed))
    except UNREADABLE as error:
        raise ValueError(f"{path.name}: {_said(error)}") from error


def read_weights(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read weights without pickle; coefficients that are stored as integers become float32.

    An integer counts steps of its label's `scale`.

    Raises
    ------
    ValueError
        If the integers are of another type than int8 and int16, or lack one positive scale a label.
    """
    with np.load(path, allow_pickle=False) as archive:
        weights = {name: archive[name] for name in archive.files}
    coef, scale = weights["coef"], weights.pop("scale", None)
    if coef.dtype.kind != "f":
        if coef.dtype not in (np.int8, np.int16):
            raise ValueError(f"{path.name}: coef of {coef.dtype}; expected int8, int16 or floats")
        if scale is None or scale.dtype != np.float32 or scale.shape != coef.shape[1:]:
            raise ValueError(f"{path.name}: coef of {coef.dtype} without one float32 scale a label")
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError(f"{path.name}: scale holds what is no positive number")
        weights["coef"] = coef.astype(np.float32) * scale
    return weights


def _read_gazetteer(folder: Path) -> tuple[Any, int]:
    """A model's names of places, and how many values they give an article."""
    content = read_packed(folder / PLACES)
    try:
        gazetteer = Gazetteer.from_dict(content)
    except UNREADABLE as error:
        raise ValueError(f"{PLACES}: {_said(error)}") from error
    return gazetteer, len(feature_names(gazetteer.regions))


def _load_engine() -> Any:
    """The driver of the compiled path, or None where it or numba is missing."""
    try:
        from . import engine  # with numba, which takes its time

        return engine
    except (ImportError, OSError) as error:
        if getattr(error, "name", None) != "numba":  # that numba is missing is no news to who left it out
            warnings.warn(f"no compiled path, so scoring is slow: {error}", RuntimeWarning, stacklevel=2)
        return None


def _sigmoid(x: FloatArray) -> FloatArray:
    """The logistic function without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))

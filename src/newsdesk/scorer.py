"""The one file that scores: text in, regions and topics out.

It needs NumPy and nothing of this project, is copied into every packaged model, and holds the only
implementation of normalization and tokenization: training imports it from here, so that a model is
trained on the terms that it is served with.
"""

from __future__ import annotations

import json
import re
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

FORMAT = 1
CHAR_TERM = "#"
UNREADABLE = (
    OSError, EOFError, KeyError, IndexError, TypeError, ValueError, NotImplementedError, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip
TOKEN = re.compile(r"\w\w+")
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
MIN_ARABIC_LETTERS = 0.3  # scraped articles carry scripts and lists of foreign titles
MAX_FOREIGN_LETTERS = 0.02
MIN_ARABIC_WORDS = 0.15


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


def analyze(tokens: Sequence[str], *, ngram_max: int, char_ngrams: Sequence[int] | None) -> list[str]:
    """The terms of a text: runs of 1 to `ngram_max` words, and runs of characters within words.

    Parameters
    ----------
    tokens : sequence of str
    char_ngrams : (shortest, longest) or None
        Lengths of the character runs; a word's edges count as spaces, as in scikit-learn's `char_wb`.
        These terms begin with `CHAR_TERM`, so that none can be taken for a word.
    """
    terms = list(tokens)
    for n in range(2, ngram_max + 1):
        terms.extend(" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
    if char_ngrams:
        shortest, longest = char_ngrams
        for token in tokens:
            padded = f" {token} "
            for n in range(shortest, longest + 1):
                terms.extend(CHAR_TERM + padded[i : i + n] for i in range(max(1, len(padded) - n + 1)))
                if len(padded) <= n:
                    break  # a short word counts once, not once a length
    return terms


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
    """

    task: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    columns: slice


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one article.

    `labels` and `scores` are by task: the labels that hold, main one first, and every label's
    probability. `reason` tells why nothing is said: `not_arabic`, `too_short` or `no_evidence`.
    """

    labels: dict[str, list[str]]
    scores: dict[str, dict[str, float]]
    reason: str | None


class Scorer:
    """A packaged model: `Scorer.load(folder).predict(titles, texts)`.

    Attributes
    ----------
    heads : tuple of Head
    terms : tuple of str, shape (n_terms,)
    info : dict
        The model's `model.json`.
    """

    def __init__(
        self, info: Mapping[str, Any], terms: Sequence[str], weights: Mapping[str, np.ndarray[Any, Any]]
    ) -> None:
        self.info = dict(info)
        self.terms = tuple(terms)
        features = info["features"]
        self._ngram_max: int = features["ngram_max"]
        self._char_ngrams: list[int] | None = features["char_ngrams"]
        self._title_weight: int = features["title_weight"]
        self._sublinear_tf: bool = features["sublinear_tf"]
        self._min_words: int = features["min_words"]
        fold = info["normalization"]
        self._table = str.maketrans(fold["from"], fold["to"], fold["remove"])
        self._index = {term: i for i, term in enumerate(self.terms)}
        self._idf = np.asarray(weights["idf"], dtype=np.float64)
        self._coef: FloatArray = np.ascontiguousarray(
            weights["coef"], dtype=np.float64
        )  # (n_terms, n_labels)
        self._intercept = np.asarray(weights["intercept"], dtype=np.float64)
        self._slope = np.asarray(weights["slope"], dtype=np.float64)
        self._offset = np.asarray(weights["offset"], dtype=np.float64)
        heads, start = [], 0
        for head in info["heads"]:
            stop = start + len(head["labels"])
            heads.append(
                Head(head["task"], tuple(head["labels"]), tuple(head["thresholds"]), slice(start, stop))
            )
            start = stop
        self.heads = tuple(heads)

    @classmethod
    def load(cls, folder: str | Path) -> Scorer:
        """Read a model folder; nothing in it is executed.

        Raises
        ------
        ValueError
            If the folder holds no model, or one of a format that this code does not know.
        """
        folder = Path(folder)
        try:
            info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if info["format"] == FORMAT:
                terms = json.loads((folder / "terms.json").read_text(encoding="utf-8"))
                with np.load(folder / "weights.npz", allow_pickle=False) as archive:
                    scorer = cls(info, terms, {name: archive[name] for name in archive.files})
        except UNREADABLE as error:
            raise ValueError(f"{folder}: no readable model ({type(error).__name__}: {error})") from error
        if info["format"] != FORMAT:
            raise ValueError(f"{folder}: model format {info['format']}, this code reads {FORMAT}")
        n_labels = sum(len(head.labels) for head in scorer.heads)
        if scorer._coef.shape != (len(terms), n_labels) or len(scorer._idf) != len(terms):
            found = f"weights of shape {scorer._coef.shape}"
            raise ValueError(f"{folder}: {found} for {len(terms)} terms and {n_labels} labels")
        thresholds = [t for head in scorer.heads for t in head.thresholds]
        of_labels = (thresholds, scorer._intercept, scorer._slope, scorer._offset)
        if any(len(values) != n_labels for values in of_labels):
            raise ValueError(f"{folder}: not one intercept, slope, offset and threshold a label")
        return scorer

    def predict(self, titles: Iterable[str | None], texts: Iterable[str | None]) -> list[Prediction]:
        """Label articles.

        Parameters
        ----------
        titles, texts : iterable of str or None, shape (n_articles,)

        Returns
        -------
        list of Prediction, shape (n_articles,)
            In the order of the input, one for each, whatever it holds.
        """
        return [self._predict_one(title or "", text or "") for title, text in zip(titles, texts, strict=True)]

    def decision_function(self, title: str, text: str) -> FloatArray:
        """Linear scores of all labels of all heads before calibration, shape (n_labels,)."""
        indices, values = self._features(*self._tokens(title, text))
        scores: FloatArray = values @ self._coef[indices] + self._intercept
        return scores

    def _predict_one(self, title: str, text: str) -> Prediction:
        title_tokens, text_tokens = self._tokens(title, text)
        if len(title_tokens) + len(text_tokens) < self._min_words:
            return self._silent("too_short")
        if not is_arabic(f"{title}\n{text}"):
            return self._silent("not_arabic")
        indices, values = self._features(title_tokens, text_tokens)
        if not len(indices):
            return self._silent("no_evidence")
        scores = values @ self._coef[indices] + self._intercept
        probabilities = _sigmoid(self._slope * scores + self._offset)
        labels, by_label = {}, {}
        for head in self.heads:
            own = probabilities[head.columns]
            held = [i for i in np.argsort(-own, kind="stable") if own[i] >= head.thresholds[i]]
            labels[head.task] = [head.labels[i] for i in held]
            by_label[head.task] = dict(zip(head.labels, own.tolist(), strict=True))
        return Prediction(labels, by_label, None if any(labels.values()) else "no_evidence")

    def _silent(self, reason: str) -> Prediction:
        return Prediction({h.task: [] for h in self.heads}, {h.task: {} for h in self.heads}, reason)

    def _tokens(self, title: str, text: str) -> tuple[list[str], list[str]]:
        return tokenize(normalize(title, self._table)), tokenize(normalize(text, self._table))

    def _analyze(self, tokens: list[str]) -> list[str]:
        return analyze(tokens, ngram_max=self._ngram_max, char_ngrams=self._char_ngrams)

    def _features(
        self, title_tokens: list[str], text_tokens: list[str]
    ) -> tuple[np.ndarray[Any, np.dtype[np.intp]], FloatArray]:
        """Indices and TF-IDF values of the known terms of one article, each of shape (n_known,)."""
        counts = Counter(self._analyze(text_tokens))
        for term in self._analyze(title_tokens):
            counts[term] += self._title_weight
        known = sorted((i, n) for term, n in counts.items() if (i := self._index.get(term)) is not None)
        indices = np.array([i for i, _ in known], dtype=np.intp)
        values = np.array([n for _, n in known], dtype=np.float64)
        if self._sublinear_tf:
            values = np.log(values) + 1.0
        values *= self._idf[indices]
        norm = np.sqrt(values @ values)
        return indices, values / norm if norm else values


def _sigmoid(x: FloatArray) -> FloatArray:
    """The logistic function without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))
